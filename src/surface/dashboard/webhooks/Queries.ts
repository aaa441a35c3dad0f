import { queryOptions } from "@tanstack/react-query"
import type { Api } from "../api/Api.ts"
import type { Stats, Webhook, WebhookHealth } from "../api/Contract.ts"

/** The questions about webhooks, under keys that begin with the workspace's. */

export const webhooksKey = (workspace: string) => [workspace, "webhooks"] as const
export const webhookKey = (workspace: string, id: string) => [workspace, "webhook", id] as const

type HealthInShort =
  & Pick<WebhookHealth, "success_rate" | "failing_since" | "last_error" | "last_error_at">
  & { readonly hours: Stats["data"] }

/** A webhook with how it fared in the last 24 hours; null: the history cannot be asked now. */
export interface WebhookInList extends Webhook {
  readonly health: HealthInShort | null
}

export const webhooksQuery = (api: Api, workspace: string) =>
  queryOptions({
    queryKey: webhooksKey(workspace),
    queryFn: async ({ signal }): Promise<{ readonly data: ReadonlyArray<WebhookInList> }> => {
      const { data } = await api("webhooks.list", { signal })
      const healthOf = async (id: string): Promise<HealthInShort | null> => {
        try {
          const [health, stats] = await Promise.all([
            api("stats.health", { path: { id }, signal }),
            api("stats.series", { query: { webhook_id: id }, signal })
          ])
          return { ...health, hours: stats.data }
        } catch {
          return null
        }
      }
      return {
        data: await Promise.all(data.map(async (webhook) => ({ ...webhook, health: await healthOf(webhook.id) })))
      }
    }
  })

export const webhookQuery = (api: Api, workspace: string, id: string) =>
  queryOptions({
    queryKey: webhookKey(workspace, id),
    queryFn: ({ signal }) => api("webhooks.show", { path: { id }, signal })
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
