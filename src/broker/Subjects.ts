import { Option } from "effect"
import { isToken } from "../model/Id.ts"
import type { Bucket } from "./KeyValue.ts"

/**
 * Every subject, stream name, key and header of ours, built and parsed here and nowhere else. Builders take tokens only and throw on
 * anything else (a defect: the edge has to have checked): the client writes a subject to the wire as it is, so that a CR LF or a
 * space in one would be a command of its own.
 */

/** Something that is no token was about to become part of a subject. */
class InvalidToken extends Error {
  override readonly name = "InvalidToken"
}

const token = (text: string): string => {
  if (!isToken(text)) throw new InvalidToken(`${JSON.stringify(text.slice(0, 80))} is not 1 to 64 of A-Z a-z 0-9 _ -`)
  return text
}

const tokens = (...parts: ReadonlyArray<string>): string => parts.map(token).join(".")

/** Tokens; before them the prefix of a bucket, after them the padding of an object's name (ADR-20). */
const tokensOnly = /^(?:\$(?:KV|O)\.)?[A-Za-z0-9_-]{1,128}(?:\.[A-Za-z0-9_-]{1,128})*={0,2}$/

/** Throws unless the subject is made of tokens; the last gate before the wire. */
export const checkSubject = (subject: string): string => {
  if (!tokensOnly.test(subject)) {
    throw new InvalidToken(`${JSON.stringify(subject.slice(0, 200))} is no subject of tokens`)
  }
  return subject
}

/** Only words of tokens and the wildcards that stand for whole tokens. */
export const checkFilter = (filter: string): string => {
  if (!/^(?:\*|\$?[A-Za-z0-9_-]{1,64})(?:\.(?:\*|[A-Za-z0-9_-]{1,64}))*(?:\.>)?$/.test(filter)) {
    throw new InvalidToken(`${JSON.stringify(filter.slice(0, 200))} is no filter`)
  }
  return filter
}

export const streamNames = { events: "EVENTS", webhooks: "WEBHOOKS", quarantine: "QUARANTINE" } as const

export const headerNames = {
  messageId: "Nats-Msg-Id",
  /** On QUARANTINE. */
  reason: "Hookline-Reason",
  message: "Hookline-Message",
  subject: "Hookline-Subject",
  sequence: "Hookline-Sequence",
  time: "Hookline-Time",
  eventId: "Hookline-Event-Id",
  /** On an event released from quarantine, beside `eventId`. */
  released: "Hookline-Released",
  eventTime: "Hookline-Event-Time",
  /** On an event of hookline itself: what it tells of. Without it nothing of a reserved type is an event. */
  notice: "Hookline-Notice",
  /** W3C Trace Context, on EVENTS and QUARANTINE. */
  traceparent: "traceparent",
  tracestate: "tracestate"
} as const

/**
 * Below it is what the broker answers to hookline itself, sealed secrets among it. A name of its own, so that a broker's permissions can keep other
 * users of the account from it (nats.conf).
 */
export const ownInboxes = "_INBOX.hookline"

/**
 * The consumers of those who only read: names of their own, so that a broker's permissions can keep such a user from hookline's consumers (nats.conf).
 * So many can read one stream at once.
 */
export const guestReaders = ["guest-1", "guest-2", "guest-3", "guest-4"] as const

// --- EVENTS

/** What publishers publish to: `events.<ws>.<entity>.<action>`, for a type `<entity>.<action>`. */
export const eventSubject = (workspaceId: string, type: string): string => {
  const [entity = "", action = "", ...rest] = type.split(".")
  if (rest.length > 0) throw new InvalidToken(`${JSON.stringify(type.slice(0, 130))} is no event type`)
  return `events.${tokens(workspaceId, entity, action)}`
}

/** How the stream stores it: `ev.<p>.<ws>.<entity>.<action>`. None for any other subject. */
export const parseStoredEventSubject = (
  subject: string
): Option.Option<{ readonly partition: number; readonly workspaceId: string; readonly type: string }> => {
  const [ev, partition = "", workspaceId = "", entity = "", action = "", ...rest] = subject.split(".")
  const known = ev === "ev" && rest.length === 0 && /^\d{1,3}$/.test(partition)
  return known && isToken(workspaceId) && isToken(entity) && isToken(action)
    ? Option.some({ partition: Number(partition), workspaceId, type: `${entity}.${action}` })
    : Option.none()
}

/** The subject as it was published: `ev.<p>.a.b.c` was `events.a.b.c`; what stayed under `events.` is as it is. */
export const publishedSubject = (stored: string): string => stored.replace(/^ev\.\d+\./, "events.")

/** All events of a partition, those with unusable tokens included. */
export const eventFilter = (partition: number): string => `ev.${partition}.>`

/** All events that have a partition. */
export const partitionedFilter = "ev.>"

/** The events of a workspace that have the right shape. */
export const workspaceEventsFilter = (partition: number, workspaceId: string): string =>
  `ev.${partition}.${token(workspaceId)}.>`

/** Every subject of a stream: all of ours have two tokens at least. */
export const everySubject = "*.>"

/** What the transform left alone because its shape is wrong. */
export const misfitFilter = "events.>"

/** What `EVENTS` takes, and how it stores it; hashing the workspace is the broker's `partition`. */
export const eventTransform = (partitions: number) => ({
  src: "events.*.*.*",
  dest: `ev.{{partition(${partitions},1)}}.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}`
})

/** The number of partitions a transform was made with. */
export const partitionsOf = (transformDestination: string): Option.Option<number> =>
  Option.map(
    Option.fromNullable(/^ev\.\{\{partition\((\d+),1\)\}\}\./.exec(transformDestination)),
    (match) => Number(match[1])
  )

/** The broker's `partition(n)` of one token: FNV-1a, 32 bit, of its bytes, modulo n (300 of 300 against the broker in the tests). */
export const partitionOf = (workspaceId: string, partitions: number): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < workspaceId.length; index++) {
    hash = Math.imul(hash ^ workspaceId.charCodeAt(index), 0x01000193)
  }
  return (hash >>> 0) % partitions
}

// --- WEBHOOKS

export const webhookSubject = (workspaceId: string, webhookId: string): string =>
  `webhooks.${tokens(workspaceId, webhookId)}`

export const webhooksFilter = "webhooks.>"
export const workspaceWebhooksFilter = (workspaceId: string): string => `webhooks.${token(workspaceId)}.*`

export const parseWebhookSubject = (
  subject: string
): Option.Option<{ readonly workspaceId: string; readonly webhookId: string }> => {
  const [webhooks, workspaceId = "", webhookId = "", ...rest] = subject.split(".")
  return webhooks === "webhooks" && rest.length === 0 && isToken(workspaceId) && isToken(webhookId)
    ? Option.some({ workspaceId, webhookId })
    : Option.none()
}

// --- DELIVERIES

/** `webhookId` is `_` for what concerns no single webhook (`duplicate`). */
export const deliverySubject = (partition: number, workspaceId: string, webhookId: string, kind: string): string =>
  `deliveries.${partition}.${tokens(workspaceId, webhookId, kind)}`

export const parseDeliverySubject = (
  subject: string
): Option.Option<{
  readonly partition: number
  readonly workspaceId: string
  readonly webhookId: string
  readonly kind: string
}> => {
  const [deliveries, partition = "", workspaceId = "", webhookId = "", kind = "", ...rest] = subject.split(".")
  return deliveries === "deliveries" && rest.length === 0 && /^\d{1,3}$/.test(partition) && isToken(workspaceId) &&
      isToken(webhookId) && isToken(kind)
    ? Option.some({ partition: Number(partition), workspaceId, webhookId, kind })
    : Option.none()
}

/** All records of a partition. */
export const deliveriesFilter = (partition: number): string => `deliveries.${partition}.>`

/** All records of a workspace, or of one webhook of it. */
export const workspaceDeliveriesFilter = (partition: number, workspaceId: string, webhookId?: string): string =>
  `deliveries.${partition}.${webhookId === undefined ? token(workspaceId) : tokens(workspaceId, webhookId)}.>`

/** All records of a stream. */
export const deliveriesAllFilter = "deliveries.>"

/** The retries asked for, of one partition, or of every one of a stream. */
export const retryRequestsFilter = (partition?: number): string => `deliveries.${partition ?? "*"}.*.*.retry_requested`

/** The records of deliveries that were given up, of every partition of a stream. */
export const failedFilter = "deliveries.*.*.*.failed"

/** The seals of all streams, in partition 0's. */
export const sealSubject = "deliveries.0._._.sealed"

/** The stream that holds a partition's records. */
export const deliveriesStream = (partition: number, streams: number): string => `DELIVERIES-${partition % streams}`

/** The number of a DELIVERIES stream; none for any other stream. */
export const parseDeliveriesStream = (name: string): Option.Option<number> =>
  Option.map(Option.fromNullable(/^DELIVERIES-(\d+)$/.exec(name)), (match) => Number(match[1]))

// --- QUARANTINE

/** `workspaceId` is `_` where the subject names none that could be. */
export const quarantineSubject = (workspaceId: string, reason: string): string =>
  `quarantine.${tokens(workspaceId, reason)}`

export const parseQuarantineSubject = (
  subject: string
): Option.Option<{ readonly workspaceId: string; readonly reason: string }> => {
  const [quarantine, workspaceId = "", reason = "", ...rest] = subject.split(".")
  return quarantine === "quarantine" && rest.length === 0 && isToken(workspaceId) && isToken(reason)
    ? Option.some({ workspaceId, reason })
    : Option.none()
}

export const quarantineAllFilter = "quarantine.>"

/** What is there for one reason, of any workspace. */
export const quarantineReasonFilter = (reason: string): string => `quarantine.*.${token(reason)}`
export const quarantineFilter = (workspaceId: string): string => `quarantine.${token(workspaceId)}.*`

// --- KV and the object store

/** A key of tokens, such as `<ws>.<webhook_id>`. */
export const key = (...parts: ReadonlyArray<string>): string => tokens(...parts)

export const bucketStream = (bucket: Bucket): string => `KV_${bucket}`

const bucketSubjectPrefix = (bucket: Bucket): string => `$KV.${bucket}.`

export const bucketSubject = (bucket: Bucket, key: string): string =>
  `${bucketSubjectPrefix(bucket)}${checkSubject(key)}`

/** All keys, or those whose first token is `first`. */
export const bucketFilter = (bucket: Bucket, first?: string): string =>
  first === undefined ? `$KV.${bucket}.>` : `$KV.${bucket}.${token(first)}.>`

/** The key that a subject of a bucket stands for. */
export const bucketKey = (bucket: Bucket, subject: string): string => subject.slice(bucketSubjectPrefix(bucket).length)

export const snapshotBucket = "SNAPSHOTS"

export const snapshotStream = `OBJ_${snapshotBucket}`

/** The chunks of one object; every put has an id of its own. */
export const chunkSubject = (objectId: string): string => `$O.${snapshotBucket}.C.${token(objectId)}`

/** An object's entry; ADR-20 writes the name as padded base64url. */
export const objectSubject = (name: string): string => {
  const encoded = Buffer.from(token(name)).toString("base64url")
  return `$O.${snapshotBucket}.M.${encoded}${"=".repeat((4 - encoded.length % 4) % 4)}`
}

export const objectFilters = [`$O.${snapshotBucket}.C.>`, `$O.${snapshotBucket}.M.>`] as const

/** The name of the object an entry is about. */
export const objectName = (subject: string): string =>
  Buffer.from(subject.slice(subject.lastIndexOf(".") + 1), "base64url").toString()
