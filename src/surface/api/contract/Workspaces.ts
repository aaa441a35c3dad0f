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
const WorkspacePage = Schema.Struct({
  ...page(WorkspaceView, "Workspaces").fields,
  complete: Schema.Boolean.annotations({
    description:
      "False: the history or the broker cannot be asked now, or more than 10,000 workspaces have quarantine entries for the same reason. Those that have nothing but events, or nothing but quarantine entries, may be missing; ask again later, from the first page on."
  })
}).annotations({ identifier: "Workspaces" })

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
        "In order of their ids. A workspace is made by using it: it is listed when it has webhooks or had some, when it has API keys that are not revoked, and when there are events, deliveries or quarantine entries of it that are still kept; for these it is known 5 s later at most. For the operator: it is about no single workspace, so that no `X-Workspace-Id` is needed."
      ))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "All workspaces, for the operator." }))
