import { useMutation, useQueryClient } from "@tanstack/react-query"
import { failureFrom } from "../api/ApiFailure.ts"
import type { Answer, Body, Webhook } from "../api/Contract.ts"
import { sessionEnded } from "../api/Queries.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { useToast } from "../shared/Toast.tsx"
import { webhookKey, webhooksKey } from "./Queries.ts"

type Shown = Answer<"webhooks.show">
type Listed = Answer<"webhooks.list">

/** A change of a webhook's state, as the API has it. */
export type Move =
  | { readonly move: "enable" | "pause" }
  | { readonly move: "disable"; readonly body: Body<"webhooks.disable"> }
  | { readonly move: "resume"; readonly body: Body<"webhooks.resume"> }

const leadsTo: Record<Move["move"], Webhook["state"]> = {
  enable: "enabled",
  pause: "paused",
  disable: "disabled",
  resume: "enabled"
}

const done: Record<Move["move"], string> = {
  enable: "enabled",
  pause: "paused",
  disable: "disabled",
  resume: "resumed"
}

/** Shows the new state at once; where the server refuses it, shows the former again and says so. */
export const useMove = (id: string) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const say = useToast()
  const key = webhookKey(workspace, id)
  const show = (webhook: Partial<Shown>): void => {
    queries.setQueryData<Shown>(key, (before) => before === undefined ? undefined : { ...before, ...webhook })
    queries.setQueryData<Listed>(
      webhooksKey(workspace),
      (before) =>
        before && { ...before, data: before.data.map((each) => each.id === id ? { ...each, ...webhook } : each) }
    )
  }
  return useMutation({
    mutationFn: (move: Move) => {
      const path = { id }
      switch (move.move) {
        case "enable":
          return api("webhooks.enable", { path })
        case "pause":
          return api("webhooks.pause", { path })
        case "disable":
          return api("webhooks.disable", { path, body: move.body })
        case "resume":
          return api("webhooks.resume", { path, body: move.body })
      }
    },
    onMutate: async ({ move }) => {
      await queries.cancelQueries({ queryKey: key, exact: true })
      const before = queries.getQueryData<Shown>(key)
      show({ state: leadsTo[move] })
      return { before }
    },
    onSuccess: (webhook) => queries.setQueryData<Shown>(key, webhook),
    onError: (error, { move }, context) => {
      sessionEnded(error)
      if (context?.before !== undefined) show(context.before)
      // Without an answer it may have been done all the same.
      void queries.invalidateQueries({ queryKey: key, exact: true })
      say(`The webhook was not ${done[move]}, and is shown as it was: ${failureFrom(error).message}`, "bad")
    },
    onSettled: () => queries.invalidateQueries({ queryKey: webhooksKey(workspace) })
  })
}
