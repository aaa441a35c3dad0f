import { useQuery } from "@tanstack/react-query"
import { useEffect, useState } from "react"
import { ApiFailure, sentence } from "../api/ApiFailure.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { after } from "../shared/Clock.ts"

/** Milliseconds without a key pressed, after which the server is asked. */
const pause = 400

export interface UrlCheck {
  /** `unknown`: the server could not be asked; it will say at the end. */
  readonly state: "idle" | "checking" | "good" | "bad" | "unknown"
  readonly message: string
}

/** What is not worth a question: nothing, or not yet a URL with a host. */
const complete = (url: string): boolean => /^[a-z]+:\/\/[^/\s]/i.test(url)

/** What the server says of a URL while it is being typed: nothing is created. */
export const useUrlCheck = (url: string, before: string | undefined): UrlCheck => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const typed = url.trim()
  const [asked, setAsked] = useState(typed)
  useEffect(() => after(pause, () => setAsked(typed)), [typed])
  const worth = complete(asked) && asked !== before
  const { data, error } = useQuery({
    queryKey: [workspace, "url-check", asked],
    queryFn: async ({ signal }) => {
      try {
        const { warnings } = await api("webhooks.check", { body: { url: asked }, signal })
        return { reason: undefined, warnings }
      } catch (failure) {
        if (failure instanceof ApiFailure && failure.status === 422) return { reason: failure.reason, warnings: [] }
        throw failure
      }
    },
    enabled: worth,
    retry: false,
    staleTime: 30_000
  })
  if (typed === before || !complete(typed)) return { state: "idle", message: "" }
  if (typed !== asked) return { state: "checking", message: "Checking…" }
  if (error !== null) return { state: "unknown", message: "It could not be checked now; it will be when you save." }
  if (data === undefined) return { state: "checking", message: "Checking…" }
  if (data.reason !== undefined) return { state: "bad", message: data.reason }
  return {
    state: "good",
    message: data.warnings.length === 0 ? "This URL can be used." : data.warnings.map(sentence).join(" ")
  }
}
