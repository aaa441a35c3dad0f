import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query"
import type { Api } from "../api/Api.ts"

/** What of the events is shown; times are ISO 8601. */
export interface Filter {
  readonly type?: string
  readonly from?: string
  readonly to?: string
}

const pageSize = 50

const keyOf = ({ from = "", to = "", type = "" }: Filter) => [type, from, to] as const

export const eventsKey = (workspace: string, filter: Filter) => [workspace, "events", ...keyOf(filter)] as const

/** The list as it was when it was opened: it grows only at its end. What is new is announced, and asked for by hand. */
export const eventsQuery = (api: Api, workspace: string, filter: Filter) =>
  infiniteQueryOptions({
    queryKey: eventsKey(workspace, filter),
    queryFn: ({ pageParam, signal }) =>
      api("events.list", {
        query: { event_type: filter.type, from: filter.from, to: filter.to, limit: pageSize, cursor: pageParam },
        signal
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false
  })

export const freshKey = (workspace: string) => [workspace, "events-now"] as const

/** The same rows as a page has, as they are now: `to` is just behind its first one. */
export const freshQuery = (api: Api, workspace: string, filter: Filter, to: string) =>
  queryOptions({
    queryKey: [...freshKey(workspace), ...keyOf(filter), to],
    queryFn: ({ signal }) =>
      api("events.list", { query: { event_type: filter.type, from: filter.from, to, limit: pageSize }, signal }),
    gcTime: 30_000
  })

/** What was published since; asked for every 5 s, for events that nobody is owed tell nothing by themselves. */
export const newerQuery = (api: Api, workspace: string, filter: Filter, since: string | undefined) =>
  queryOptions({
    queryKey: [...freshKey(workspace), "newer", ...keyOf(filter), since ?? ""],
    queryFn: ({ signal }) =>
      api("events.list", {
        query: { event_type: filter.type, from: since ?? filter.from, to: filter.to, limit: 100 },
        signal
      }),
    refetchInterval: 5000,
    gcTime: 0
  })

export const eventKey = (workspace: string, id: string) => [workspace, "event", id] as const

export const eventQuery = (api: Api, workspace: string, id: string) =>
  queryOptions({
    queryKey: [...eventKey(workspace, id), "show"],
    queryFn: ({ signal }) => api("events.show", { path: { id }, signal })
  })

export const explainQuery = (api: Api, workspace: string, id: string) =>
  queryOptions({
    queryKey: [...eventKey(workspace, id), "explain"],
    queryFn: ({ signal }) => api("events.explain", { path: { id }, signal })
  })
