import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { WorkspaceId } from "../../../model/Id.ts"
import * as Error from "../Errors.ts"
import { Authentication, doc, exact, page, wholeNumber } from "./Common.ts"

export const WorkspaceView = Schema.Struct({
  id: WorkspaceId.annotations({ examples: [WorkspaceId.make("ws_550e8400e29b41d4a716446655440000")] }),
  webhooks: Schema.Struct({
    enabled: Schema.Number,
    paused: Schema.Number,
    disabled: Schema.Number
  }).annotations({ description: "How many it has in each state; deleted ones are not counted." })
}).annotations({ identifier: "Workspace" })
export type WorkspaceView = typeof WorkspaceView.Type
const WorkspacePage = page(WorkspaceView, "Workspaces")

export const workspaces = HttpApiGroup.make("workspaces")
  .add(
    HttpApiEndpoint.get("list", "/v1/workspaces")
      .setUrlParams(Schema.Struct({
        prefix: exact(Schema.String).annotations({ description: "Only those whose ids begin so." }),
        limit: exact(wholeNumber(1, 100)).annotations({
          description: "At most so many, 1 to 100 (100)."
        }),
        cursor: exact(Schema.String).annotations({ description: "`next` of the page before." })
      }))
      .addSuccess(WorkspacePage)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "List the workspaces",
        "Those that have webhooks or had some, in order of their ids. For the operator: it is about no single workspace, so that no `X-Workspace-Id` is needed. A workspace is made by using it; one that never had a webhook is not listed."
      ))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "All workspaces, for the operator." }))
