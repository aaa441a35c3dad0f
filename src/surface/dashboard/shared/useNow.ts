import { useSyncExternalStore } from "react"
import { every, now } from "./Clock.ts"

/** How often what is said relative to now is said anew. */
const period = 10_000

const listeners = new Set<() => void>()
let current = now()
let stop: (() => void) | undefined

const subscribe = (listener: () => void): () => void => {
  listeners.add(listener)
  if (stop === undefined) current = now()
  stop ??= every(period, () => {
    current = now()
    for (const each of listeners) each()
  })
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    stop?.()
    stop = undefined
  }
}

/** The time now, to within ten seconds; one timer for the whole page. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => current)
