import type { EventId } from "./Id.ts"

/**
 * Why something cannot be an event; each is a token of QUARANTINE's subjects. The first that holds, in this order, is
 * the one that is given, `too_deep` apart, which may come before a fault of syntax further on. `bad_subject` is also
 * the reason of whatever comes on a subject of the wrong shape.
 */
export const rejectionReasons = [
  "bad_subject",
  "too_large",
  "bom",
  "invalid_utf8",
  "not_json",
  "too_deep",
  "not_object",
  "unknown_key",
  "repeated_key",
  "workspace_mismatch",
  "event_missing",
  "event_mismatch",
  "bad_id",
  "bad_timestamp",
  "data_not_object",
  "reserved_type",
  "unknown_type",
  "schema"
] as const

export type RejectionReason = (typeof rejectionReasons)[number]

export interface Rejection {
  readonly _tag: "Rejection"
  readonly reason: RejectionReason
  /** Where the fault lies: a key of the body, a path into `data`, or the name of a header. */
  readonly field?: string
  /** A sentence for the publisher, in printable ASCII. */
  readonly message: string
  /** The id that the event will have when it is released: for the reasons that a change of the catalogue mends. */
  readonly id?: EventId
}

export const reject = (reason: RejectionReason, message: string, field?: string): Rejection =>
  field === undefined ? { _tag: "Rejection", reason, message } : { _tag: "Rejection", reason, field, message }
