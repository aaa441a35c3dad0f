import { Effect } from "effect"
import type { WorkspaceId } from "../../model/Id.ts"
import { nobody } from "../Quarantine.ts"
import { BadRequest } from "./Errors.ts"

const reserved = new BadRequest({
  type: "workspace_reserved",
  field: "X-Workspace-Id",
  message: `${nobody} is no workspace: it stands for input that names none, and can only be looked at in the quarantine`
})

/** The workspace of the request, where it has to be a real one. */
export const ownWorkspace = (headers: { readonly "x-workspace-id": WorkspaceId }) =>
  headers["x-workspace-id"] === nobody ? Effect.fail(reserved) : Effect.succeed(headers["x-workspace-id"])
