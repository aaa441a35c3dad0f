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
    getNextPageParam: ({ next }) => next ?? undefined
  })

export const openKey = (workspace: string) => [...quarantineKey(workspace), "entry"] as const

export const entryQuery = (api: Api, workspace: string, id: string) =>
  queryOptions({
    queryKey: [...openKey(workspace), id],
    queryFn: ({ signal }) => api("quarantine.show", { path: { id }, signal })
  })
