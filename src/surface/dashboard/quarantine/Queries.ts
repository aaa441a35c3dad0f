import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query"
import type { Api } from "../api/Api.ts"

export const quarantineKey = (workspace: string) => [workspace, "quarantine"] as const

/** Few at once: each comes with its whole input. */
const pageSize = 25

export const quarantineQuery = (api: Api, workspace: string, reason: string | undefined) =>
  infiniteQueryOptions({
    queryKey: [...quarantineKey(workspace), "list", reason ?? ""],
    queryFn: ({ pageParam, signal }) =>
      api("quarantine.list", { query: { reason, limit: pageSize, cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    // What came since is announced, not put above what one looks at.
    refetchOnWindowFocus: false,
    refetchOnReconnect: false
  })

/** Entries that are looked at for new ones, at most: each comes with its whole input. */
const lookedAt = 10
/** Milliseconds between two looks while the page is seen. No stream tells of what is put into quarantine. */
const lookEvery = 5000

/** The newest entries, for what of them is not in the list yet. */
export const newestQuery = (api: Api, workspace: string, reason: string | undefined) =>
  queryOptions({
    queryKey: [...quarantineKey(workspace), "newest", reason ?? ""],
    queryFn: ({ signal }) => api("quarantine.list", { query: { reason, limit: lookedAt }, signal }),
    refetchInterval: lookEvery,
    gcTime: 0
  })

export const openKey = (workspace: string) => [...quarantineKey(workspace), "entry"] as const

export const entryQuery = (api: Api, workspace: string, id: string) =>
  queryOptions({
    queryKey: [...openKey(workspace), id],
    queryFn: ({ signal }) => api("quarantine.show", { path: { id }, signal })
  })
