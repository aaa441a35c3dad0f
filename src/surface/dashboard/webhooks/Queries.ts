import { queryOptions } from "@tanstack/react-query"
import type { Api } from "../api/Api.ts"
import { ApiFailure } from "../api/ApiFailure.ts"
import { listWebhooks } from "./List.ts"

/** The questions about webhooks, under keys that begin with the workspace's. */

export const webhooksKey = (workspace: string) => [workspace, "webhooks"] as const
export const webhookKey = (workspace: string, id: string) => [workspace, "webhook", id] as const

export const webhooksQuery = (api: Api, workspace: string) =>
  queryOptions({
    queryKey: webhooksKey(workspace),
    queryFn: ({ signal }) => listWebhooks(api, signal)
  })

/** null for what is not there, as a refusal says it. */
const unlessGone = async <A>(asked: Promise<A>): Promise<A | null> => {
  try {
    return await asked
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 404) return null
    throw error
  }
}

/** null: it was deleted, or never was. */
export const webhookQuery = (api: Api, workspace: string, id: string) =>
  queryOptions({
    queryKey: webhookKey(workspace, id),
    queryFn: ({ signal }) => unlessGone(api("webhooks.show", { path: { id }, signal }))
  })

/** Whether a webhook that is not there was deleted: its history stays (CONTRACT 7). Of one that never was, there is none. */
export const wasDeletedQuery = (api: Api, workspace: string, id: string) =>
  queryOptions({
    queryKey: [...webhookKey(workspace, id), "was-deleted"],
    queryFn: async ({ signal }) =>
      await unlessGone(api("deliveries.list", { query: { webhook_id: id, limit: 1 }, signal })) !== null
  })

export const healthQuery = (api: Api, workspace: string, id: string) =>
  queryOptions({
    queryKey: [...webhookKey(workspace, id), "health"],
    queryFn: ({ signal }) => api("stats.health", { path: { id }, signal })
  })

/** The same for every workspace, and for as long as the server runs. */
export const eventTypesQuery = (api: Api) =>
  queryOptions({
    queryKey: ["event-types"],
    queryFn: ({ signal }) => api("eventTypes.list", { signal }),
    staleTime: 300_000
  })
