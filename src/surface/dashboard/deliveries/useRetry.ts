import { useMutation, useQueryClient } from "@tanstack/react-query"
import { failureFrom, sentence } from "../api/ApiFailure.ts"
import { sessionEnded } from "../api/Queries.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { deliveryKey } from "./Queries.ts"
import { refusal } from "./Words.ts"

/** Asks for an attempt now; `said` is what came of asking, and `refused` whether it was no. */
export const useRetry = (id: string) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const retry = useMutation({
    mutationFn: () => api("deliveries.retry", { path: { id } }),
    onError: (error) => sessionEnded(error),
    onSettled: () => queries.invalidateQueries({ queryKey: deliveryKey(workspace, id) })
  })
  const failure = retry.error === null ? undefined : failureFrom(retry.error)
  const said = failure === undefined
    ? retry.isSuccess ? "Accepted: the attempt comes next, and its result shows here." : ""
    : refusal(failure.type) ?? `Not retried: ${sentence(failure.message)}`
  return {
    ask: () => retry.mutate(),
    busy: retry.isPending,
    said,
    refused: failure !== undefined && failure.type !== "already_running"
  }
}
