import { infiniteQueryOptions } from "@tanstack/react-query"
import type { Api } from "../api/Api.ts"

export const apiKeysKey = (workspace: string) => [workspace, "api-keys"] as const

export const apiKeysQuery = (api: Api, workspace: string) =>
  infiniteQueryOptions({
    queryKey: apiKeysKey(workspace),
    queryFn: ({ pageParam, signal }) => api("apiKeys.list", { query: { cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined
  })
