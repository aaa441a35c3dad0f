import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { roles } from "../../../model/ApiKey.ts"
import * as Error from "../Errors.ts"
import { Access } from "./Access.ts"
import { Authentication, doc, exact, page, strict, Time, WorkspaceHeader } from "./Common.ts"

const role = Schema.Literal(...roles).annotations({
  description:
    "`publish` posts events and reads the event types; `read` makes every GET of its workspace; `manage` does everything, keys included.",
  examples: ["publish"]
})
const scope = Schema.Literal("workspace", "operator").annotations({
  description: "`operator`: of no workspace and for all, named by `X-Workspace-Id`; only an operator's key may say so."
})

export const ApiKeyView = Schema.Struct({
  id: Schema.String.annotations({
    description: "The part of the key before its secret.",
    examples: ["5b0d3a41f7c2e98810ab64cd"]
  }),
  name: Schema.String,
  role,
  scope,
  workspace_id: Schema.NullOr(Schema.String).annotations({
    description: "The only workspace it can see or touch; null: an operator's."
  }),
  created_at: Time,
  expires_at: Schema.NullOr(Time).annotations({
    description: "From then on it is not valid; null: it does not expire."
  }),
  last_used_at: Schema.NullOr(Time).annotations({ description: "Within a minute; null: never." })
}).annotations({ identifier: "ApiKey" })
export type ApiKeyView = typeof ApiKeyView.Type
const ApiKeyPage = page(ApiKeyView, "ApiKeys")

const ApiKeyCreated = Schema.Struct({
  ...ApiKeyView.fields,
  key: Schema.String.annotations({
    description: "The key itself, to be sent as `Authorization: Bearer …`. It is shown here and never again.",
    examples: ["hk_5b0d3a41f7c2e98810ab64cd_Xb1xT5cGdSkXm9yq0nLw3ZJ7rVhQ2uEaPfK8sYtC4Mo"]
  })
}).annotations(HttpApiSchema.annotations({ identifier: "ApiKeyCreated", status: 201 }))

export const CreateApiKey = Schema.Struct({
  name: Schema.String.annotations({
    description: "What it is for, for people: 1 to 200 characters.",
    examples: ["billing service"]
  }),
  role,
  scope: exact(scope),
  expires_at: exact(Schema.String).annotations({
    description: "RFC 3339 with a zone, in the future; it does not expire when missing.",
    examples: ["2030-01-01T00:00:00Z"]
  })
}).annotations({
  identifier: "CreateApiKey",
  examples: [{ name: "billing service", role: "publish" }],
  ...strict
})

const ApiKeysQuery = Schema.Struct({
  scope: exact(scope),
  limit: exact(Schema.NumberFromString.pipe(Schema.int(), Schema.between(1, 100))).annotations({
    description: "At most so many keys, 1 to 100 (100)."
  }),
  cursor: exact(Schema.String).annotations({ description: "`next` of the page before." })
})

const keyId = HttpApiSchema.param(
  "id",
  Schema.String.annotations({ description: "The key's id, never the key.", examples: ["5b0d3a41f7c2e98810ab64cd"] })
)

export const apiKeys = HttpApiGroup.make("apiKeys")
  .add(
    HttpApiEndpoint.post("create", "/v1/api-keys")
      .setHeaders(WorkspaceHeader)
      .setPayload(CreateApiKey)
      .addSuccess(ApiKeyCreated)
      .addError(Error.Conflict.http)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Make an API key",
        "For the workspace of the request, or with `scope` for the operator. At most 1,000 keys each, those revoked within the last hour included. Valid at once where it was made, everywhere within a second. After a 503 it may be there all the same, with a key that nobody has: revoke it."
      ))
  )
  .add(
    HttpApiEndpoint.get("list", "/v1/api-keys")
      .setHeaders(WorkspaceHeader)
      .setUrlParams(ApiKeysQuery)
      .addSuccess(ApiKeyPage)
      .addError(Error.Unprocessable.http)
      .annotate(Access, { right: "see_keys", scope: "any" })
      .annotateContext(doc(
        "List the API keys",
        "Newest first, those that have expired included; never the keys themselves. The operator's key of the settings is in no list. `scope=operator` lists the operator's instead, and needs an operator's key but no workspace."
      ))
  )
  .add(
    HttpApiEndpoint.del("revoke", "/v1/api-keys/:id")
      .setPath(Schema.Struct({ id: keyId }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(HttpApiSchema.NoContent)
      .addError(Error.NotFound.http)
      .annotateContext(doc(
        "Revoke an API key",
        "Not valid any more from the answer on where it was answered, and within 5 seconds everywhere. Revoking a revoked key changes nothing. A key may revoke itself. An operator's key is revoked with an operator's key, which names no workspace then."
      ))
  )
  // The operator's keys are of no workspace; what is of one the handlers see to.
  .annotate(Access, { right: "keys", scope: "any" })
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ title: "api-keys", description: "Keys of a workspace, or of the operator." }))
