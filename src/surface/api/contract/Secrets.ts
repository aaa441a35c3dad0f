import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Error from "../Errors.ts"
import { Authentication, doc, exact, strict } from "./Common.ts"

export const Rewrap = Schema.Struct({
  cursor: exact(Schema.String).annotations({ description: "`next` of the part before; the first part without." })
}).annotations({ identifier: "RewrapSecrets", ...strict })

const count = (description: string) => Schema.Number.annotations({ description })

const Rewrapped = Schema.Struct({
  sealing_key: Schema.String.annotations({
    description: "The id of the first key of the ring, which everything rewrapped is now sealed with.",
    examples: ["k2"]
  }),
  webhooks: count("How many webhooks have secrets now; how far a pass is."),
  already: count("Of this part: sealed with that key already."),
  rewrapped: count("Of this part: sealed anew."),
  gone: count("Of this part: deleted meanwhile; nothing was written."),
  failed: Schema.Array(Schema.Struct({
    workspace_id: Schema.String,
    webhook_id: Schema.String,
    reason: Schema.Literal("key_missing", "corrupt", "changed_meanwhile").annotations({
      description:
        "`key_missing`: the ring lacks `key_id`. `corrupt`: it does not open; the ring's key of that id is another one, or it was altered. `changed_meanwhile`: others changed the webhook each time; ask for another pass."
    }),
    key_id: Schema.NullOr(Schema.String)
  })).annotations({ description: "Of this part: what could not be opened, and stays as it was." }),
  next: Schema.NullOr(Schema.String).annotations({ description: "Cursor of the next part; null: the pass is over." })
}).annotations({ identifier: "RewrappedSecrets" })
export type Rewrapped = typeof Rewrapped.Type

export const secrets = HttpApiGroup.make("secrets")
  .add(
    HttpApiEndpoint.post("rewrap", "/v1/secrets/rewrap")
      .setPayload(Rewrap)
      .addSuccess(Rewrapped)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Seal the secrets anew",
        "With the first key of the ring, in parts of at most 500 webhooks: ask until `next` is null. Only sealed text changes: no secret, no key and no signature. It can be repeated at any time, and beside every change of webhooks. For the operator; no key of the ring is in the request or in the answer."
      ))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "What seals the webhooks' secrets, for the operator." }))
