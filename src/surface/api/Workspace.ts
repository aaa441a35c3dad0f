import { Effect } from "effect"
import type { WorkspaceId } from "../../model/Id.ts"
import { nobody } from "../Quarantine.ts"
import { Principal } from "./contract/Common.ts"
import { BadRequest, NotFound } from "./Errors.ts"

const field = "X-Workspace-Id"

const missing = new BadRequest({
  type: "workspace_missing",
  field,
  message: "the header X-Workspace-Id must name the workspace: an operator's key is of none"
})

const reserved = new BadRequest({
  type: "workspace_reserved",
  field,
  message: `${nobody} is no workspace: it stands for input that names none, and can only be looked at in the quarantine`
})

/** Whether there is one is nobody else's business (CONTRACT 8). */
const foreign = new NotFound({ type: "workspace_not_found", field, message: "there is no such workspace" })

export interface WorkspaceHeaders {
  readonly "x-workspace-id"?: WorkspaceId
}

/** The workspace of the request: the key's own, else the header's. With an operator's key it may be `_`, which is none. */
export const anyWorkspace = (
  { "x-workspace-id": named }: WorkspaceHeaders
): Effect.Effect<WorkspaceId, BadRequest | NotFound, Principal> =>
  Effect.flatMap(Principal, ({ workspaceId }): Effect.Effect<WorkspaceId, BadRequest | NotFound> => {
    if (workspaceId === null) return named === undefined ? Effect.fail(missing) : Effect.succeed(named)
    return named === undefined || named === workspaceId ? Effect.succeed(workspaceId) : Effect.fail(foreign)
  })

/** The workspace of the request, where it has to be a real one. */
export const ownWorkspace = (headers: WorkspaceHeaders): Effect.Effect<WorkspaceId, BadRequest | NotFound, Principal> =>
  Effect.filterOrFail(anyWorkspace(headers), (workspaceId) => workspaceId !== nobody, () => reserved)

/**
 * Why the request's workspace will not do, whatever the route makes of it: a workspace's key names another one, or an operator's key none
 * where one is needed.
 */
export const refuseWorkspace = (
  { workspaceId }: Principal["Type"],
  named: string | undefined,
  needed: boolean
): BadRequest | NotFound | undefined => {
  if (workspaceId === null) return needed && named === undefined ? missing : undefined
  return named === undefined || named === workspaceId ? undefined : foreign
}
