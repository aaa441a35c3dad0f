import { useEffect, useState } from "react"
import { after, now } from "./Clock.ts"

/** Milliseconds between two questions whether the server is there again. */
const firstWait = 500
const longestWait = 5000

/** What could not be fetched is no reason for a second reload within this time, in milliseconds: that would be one after another. */
const once = 300_000
const key = "hookline-reloaded"

/** Whether the page may be loaded anew for `reason`: it has not been lately, and it will be known that it was. */
const mayReload = (reason: string): boolean => {
  try {
    const [last, at] = JSON.parse(sessionStorage.getItem(key) ?? "[]") as ReadonlyArray<unknown>
    return last !== reason || typeof at !== "number" || Math.abs(now() - at) > once
  } catch {
    // In a frame of another site there may be no storage.
    return false
  }
}

/** Whether the server gives out its page; loading it anew would else leave nothing of this one. */
const isThere = async (signal: AbortSignal): Promise<boolean> => {
  try {
    const answer = await fetch("/", { headers: { accept: "text/html" }, cache: "no-store", signal })
    return answer.ok
  } catch {
    return false
  }
}

/**
 * Loads the page anew where it is once the server is there, for a file that could not be fetched: `reason` says which; undefined: for nothing.
 * It does so once for a reason. The answer is whether it will.
 */
export const useReload = (reason: string | undefined): boolean => {
  const [will] = useState(() => reason !== undefined && mayReload(reason))
  useEffect(() => {
    if (!will) return undefined
    const left = new AbortController()
    let stop: (() => void) | undefined
    let wait = firstWait
    let asking = false
    const look = async (): Promise<void> => {
      if (asking) return
      asking = true
      stop?.()
      const there = await isThere(left.signal)
      asking = false
      if (left.signal.aborted) return
      if (there) {
        sessionStorage.setItem(key, JSON.stringify([reason, now()]))
        window.location.reload()
        return
      }
      stop = after(wait, () => void look())
      wait = Math.min(longestWait, wait * 2)
    }
    const online = (): void => void look()
    window.addEventListener("online", online)
    void look()
    return () => {
      left.abort()
      stop?.()
      window.removeEventListener("online", online)
    }
  }, [will, reason])
  return will
}
