import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react"
import { failureFrom } from "../api/ApiFailure.ts"
import type { Batch } from "../api/Live.ts"
import { sessionEnded } from "../api/Queries.ts"
import { useApi, useIsLive, useLive } from "../session/Session.tsx"
import { lookWhileBehind, secondLook } from "../session/useSecondLook.ts"
import { after } from "../shared/Clock.ts"
import { type Filters, queryOf } from "./Filters.ts"
import { Listing, pageSize } from "./Listing.ts"

/** However much was left out of the stream, the lists are asked for it at most so often, in milliseconds. */
const refreshEvery = 5000

/** A webhook's deliveries by its filters, kept true by the stream, in its batches of at most four a second. */
export const useListing = (webhookId: string, filters: Filters): Listing => {
  const api = useApi()
  const { event, from, status, to, type } = filters
  const listing = useMemo(() => {
    const wanted: Filters = {
      ...(status === undefined ? {} : { status }),
      ...(type === undefined ? {} : { type }),
      ...(event === undefined ? {} : { event }),
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to })
    }
    return new Listing(
      (cursor, signal) =>
        api("deliveries.list", { query: { ...queryOf(webhookId, wanted), limit: pageSize, cursor }, signal }).catch(
          (error: unknown) => {
            if (!signal.aborted) sessionEnded(failureFrom(error))
            throw error
          }
        ),
      wanted
    )
  }, [api, webhookId, status, type, event, from, to])
  useSyncExternalStore(listing.watch, listing.getVersion)
  const isLive = useIsLive()
  useEffect(() => {
    listing.open()
    return () => listing.close()
  }, [listing])
  useEffect(() => {
    let left = false
    // As useSecondLook.ts does for what is no list.
    const look = async (): Promise<void> => {
      if (listing.loaded) await listing.refresh()
      if (!left && (listing.behind || !listing.loaded)) stop = after(lookWhileBehind, () => void look())
    }
    let stop = after(secondLook, () => void look())
    return () => {
      left = true
      stop()
    }
  }, [listing, isLive])

  const waiting = useRef<() => void>(undefined)
  useEffect(() => () => {
    waiting.current?.()
    waiting.current = undefined
  }, [listing])
  useLive(useCallback(({ events, missed }: Batch) => {
    listing.apply(events.filter((each) => each.type !== "test" && each.delivery.webhook_id === webhookId))
    if (!missed || waiting.current !== undefined) return
    void listing.refresh()
    waiting.current = after(refreshEvery, () => {
      waiting.current = undefined
      void listing.refresh()
    })
  }, [listing, webhookId]))
  return listing
}
