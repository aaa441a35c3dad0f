import { queryOptions } from "@tanstack/react-query"
import type { Api } from "../api/Api.ts"
import type { Answer } from "../api/Contract.ts"

/** The questions about deliveries and recoveries, under keys that begin with the workspace's. */

export type Job = Answer<"jobs.show">

export const deliveryKey = (workspace: string, id: string) => [workspace, "delivery", id] as const
export const jobsKey = (workspace: string, webhookId: string) => [workspace, "jobs", webhookId] as const

export const deliveryQuery = (api: Api, workspace: string, id: string) =>
  queryOptions({
    queryKey: deliveryKey(workspace, id),
    queryFn: ({ signal }) => api("deliveries.show", { path: { id }, signal })
  })

/** Milliseconds between two looks at a job that runs; its progress is at most about a second old. */
const look = 1000

/** A webhook's recoveries, the newest first. The API keeps at most 200 jobs of a workspace: two pages are all of them. */
export const jobsQuery = (api: Api, workspace: string, webhookId: string) =>
  queryOptions({
    queryKey: jobsKey(workspace, webhookId),
    queryFn: async ({ signal }): Promise<ReadonlyArray<Job>> => {
      const first = await api("jobs.list", { query: { limit: 100 }, signal })
      const second = first.next === null
        ? undefined
        : await api("jobs.list", { query: { limit: 100, cursor: first.next }, signal })
      return [...first.data, ...second?.data ?? []].filter((job) => job.webhook_id === webhookId)
    },
    refetchInterval: ({ state }) => state.data?.some((job) => job.state === "running") === true ? look : false
  })
