import type { Api } from "../api/Api.ts"
import type { Answer } from "../api/Contract.ts"

/** All webhooks, each with how it fared in the last 24 hours. */
export const listWebhooks = (api: Api, signal?: AbortSignal): Promise<Answer<"webhooks.list">> =>
  api("webhooks.list", { query: { include: "health" }, signal })
