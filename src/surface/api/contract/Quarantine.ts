import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { EventId } from "../../../model/Id.ts"
import { rejectionReasons } from "../../../model/Rejection.ts"
import * as Error from "../Errors.ts"
import { Access } from "./Access.ts"
import { Authentication, doc, exact, page, strict, Time, wholeNumber, WorkspaceHeader } from "./Common.ts"

export const QuarantineEntry = Schema.Struct({
  id: Schema.String.annotations({ examples: ["qrn_42"] }),
  reason: Schema.String.annotations({ description: "Why it is no event.", examples: ["unknown_type"] }),
  message: Schema.String.annotations({ description: "The same as a sentence." }),
  subject: Schema.String.annotations({
    description: "The subject it was published to.",
    examples: ["events.ws_550e.project.exploded"]
  }),
  event_id: Schema.NullOr(Schema.String).annotations({
    description: "The id it keeps when it is released; null where it cannot have one."
  }),
  published_at: Time,
  quarantined_at: Time,
  size: Schema.Number.annotations({ description: "Bytes of the raw input." }),
  encoding: Schema.Literal("utf8", "base64").annotations({ description: "How `raw` is written." }),
  raw: Schema.String.annotations({ description: "The input as it was published." }),
  released: Schema.Boolean
}).annotations({ identifier: "QuarantineEntry" })
const QuarantinePage = page(QuarantineEntry, "Quarantine")

const QuarantineQuery = Schema.Struct({
  reason: exact(Schema.String).annotations({ description: "Only entries with this reason." }),
  limit: exact(wholeNumber(1, 100)).annotations({
    description: "At most so many entries, 1 to 100 (100)."
  }),
  cursor: exact(Schema.String).annotations({ description: "`next` of the page before." })
})

const Released = Schema.Struct({
  id: EventId.annotations({ description: "The event's id, which it kept." })
}).annotations(HttpApiSchema.annotations({ identifier: "Released", status: 202 }))

export const ReleaseByReason = Schema.Struct({
  reason: Schema.Literal(...rejectionReasons).annotations({ description: "The reason whose entries are released." }),
  limit: exact(Schema.Int.pipe(Schema.between(1, 1000))).annotations({
    description: "Look at so many entries at most, 1 to 1000 (100)."
  }),
  cursor: exact(Schema.String).annotations({ description: "`next` of the part before." })
}).annotations({
  identifier: "ReleaseByReason",
  examples: [{ reason: "unknown_type" }, { reason: "schema", limit: 500, cursor: "qrn_42" }],
  ...strict
})

const ReleasedByReason = Schema.Struct({
  released: Schema.Array(EventId).annotations({
    examples: [[EventId.make("evt_550e8400e29b41d4a716446655440000")]],
    description: "The ids of the events that were published, oldest first."
  }),
  still_rejected: Schema.Number.annotations({ description: "Entries that are still no events; they stay." }),
  already_released: Schema.Number.annotations({ description: "Entries that were released before." }),
  next: Schema.NullOr(Schema.String).annotations({
    description: "Cursor of the next part; null: the end was reached."
  })
}).annotations({ identifier: "ReleasedByReason" })

const entry = HttpApiSchema.param(
  "id",
  Schema.String.annotations({ description: "The entry's id.", examples: ["qrn_42"] })
)

export const quarantine = HttpApiGroup.make("quarantine")
  .add(
    HttpApiEndpoint.get("list", "/v1/quarantine")
      .setHeaders(WorkspaceHeader)
      .setUrlParams(QuarantineQuery)
      .addSuccess(QuarantinePage)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "List the quarantine",
        "What was published to NATS and is no event, newest first, as it came. With the operator's key and `X-Workspace-Id: _`: what came on a subject that names no workspace. A page may hold fewer entries than asked for though `next` is not null: it is bounded in bytes, and in how far it looks back."
      ))
  )
  .add(
    HttpApiEndpoint.get("show", "/v1/quarantine/:id")
      .setPath(Schema.Struct({ id: entry }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(QuarantineEntry)
      .addError(Error.NotFound.http)
      .annotateContext(doc("Show an entry", "With its whole input, as it came."))
  )
  .add(
    HttpApiEndpoint.post("releaseByReason", "/v1/quarantine/release")
      .setHeaders(WorkspaceHeader)
      .setPayload(ReleaseByReason)
      .addSuccess(ReleasedByReason)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotate(Access, { right: "send" })
      .annotateContext(doc(
        "Release all entries of a reason",
        "After their common cause is mended: each is checked again and published with its id and time, the oldest first. One request does a part, of `limit` entries or as many as 8 seconds allow; repeat it with `cursor` while `next` is not null. What is still bad stays, what was released before is passed over: any part may be repeated, after a 503 too."
      ))
  )
  .add(
    HttpApiEndpoint.post("release", "/v1/quarantine/:id/release")
      .setPath(Schema.Struct({ id: entry }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(Released)
      .addError(Error.NotFound.http)
      .addError(Error.Conflict.http)
      .addError(Error.Unprocessable.http)
      .annotate(Access, { right: "send" })
      .annotateContext(doc(
        "Release an entry",
        "After its cause is mended, such as a type that is now in the catalogue: it is checked again and published with its id and time. Once; what is still bad is 422 and stays. An entry on a subject of the wrong shape can never be released."
      ))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "Input that cannot be an event." }))
