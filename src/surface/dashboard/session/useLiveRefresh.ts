import { type QueryKey, useQueryClient } from "@tanstack/react-query"
import { useCallback, useEffect, useRef } from "react"
import type { LiveEvent } from "../api/Contract.ts"
import type { Batch } from "../api/Live.ts"
import { after } from "../shared/Clock.ts"
import { useLive } from "./Session.tsx"
import { useSecondLook } from "./useSecondLook.ts"

/** However much is delivered, an answer is asked for anew at most so often, in milliseconds; at once when something was missed. */
const every = 5000

const webhookOf = (event: LiveEvent): string => event.type === "test" ? event.webhook_id : event.delivery.webhook_id

/**
 * Asks anew for whatever begins with `key` once something has happened to a delivery, of that webhook or of any, and a moment after the view was
 * opened.
 */
export const useLiveRefresh = (key: QueryKey, webhookId?: string): void => {
  const queries = useQueryClient()
  const current = useRef(key)
  const stop = useRef<() => void>(undefined)
  useSecondLook(key)
  useEffect(() => {
    current.current = key
  })
  useEffect(() => () => stop.current?.(), [])
  useLive(useCallback(({ events, missed }: Batch) => {
    const concerned = missed || webhookId === undefined || events.some((event) => webhookOf(event) === webhookId)
    if (!concerned) return
    const refresh = (): void => {
      stop.current = undefined
      void queries.invalidateQueries({ queryKey: current.current })
    }
    if (missed) refresh()
    else stop.current ??= after(every, refresh)
  }, [queries, webhookId]))
}
