import { Clock, Context, Data, Effect, Layer, Option } from "effect"
import { isUtf8 } from "node:buffer"
import { type AppendFailed, AppendLog } from "../broker/AppendLog.ts"
import { BrokerUnavailable, type StoredMessage, Streams } from "../broker/Streams.ts"
import {
  headerNames,
  parseQuarantineSubject,
  quarantineFilter,
  quarantineReasonFilter,
  quarantineSubject,
  streamNames
} from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import { storedTrace } from "../ledger/StoredEvent.ts"
import { parseEvent, type Rejection } from "../model/Event.ts"
import { type EventId, eventIdAt, isToken, WorkspaceId } from "../model/Id.ts"
import { rejectionReasons } from "../model/Rejection.ts"
import { timestampAt } from "../model/Timestamp.ts"
import { EventCatalogue } from "./EventCatalogue.ts"
import { Publisher, type PublishFailed } from "./Publisher.ts"

/** What lies in QUARANTINE: input that cannot be an event, as it came. Its id is `qrn_` and its sequence there. */
export interface QuarantineEntry {
  readonly id: string
  readonly reason: string
  readonly message: string
  /** The subject it was published to. */
  readonly subject: string
  readonly eventId: string | undefined
  /** Broker milliseconds. */
  readonly publishedAt: number
  readonly quarantinedAt: number
  readonly size: number
  readonly encoding: "utf8" | "base64"
  readonly raw: string
  readonly released: boolean
}

export interface QuarantinePage {
  readonly entries: ReadonlyArray<QuarantineEntry>
  readonly next: string | undefined
}

export interface QuarantinedWorkspaces {
  readonly ids: ReadonlySet<WorkspaceId>
  readonly complete: boolean
}

/** There is no such entry in the workspace: never was, or dropped meanwhile (30 days; QUARANTINE drops its oldest when full). */
export class EntryNotFound extends Data.TaggedError("EntryNotFound")<{ readonly id: string }> {}

/** It was released before; what became of the event is in its deliveries. */
export class AlreadyReleased extends Data.TaggedError("AlreadyReleased")<{ readonly id: string }> {}

/** Its cause is not mended. */
export class StillRejected extends Data.TaggedError("StillRejected")<{ readonly rejection: Rejection }> {}

/** Not a cursor that a page gave. */
export class InvalidCursor extends Data.TaggedError("InvalidCursor") {}

/** The workspace of subjects that name none; only the operator's key sees it. */
export const nobody = "_"

/** Bounds of one page: entries' bytes, and how far it looks back; the cursor goes on from there. */
const pageBytes = 4 * 1024 ** 2
const windows = { first: 256, largest: 16_384, count: 24 }

/**
 * Of the list of workspaces: how many of each reason are read, and for how many milliseconds they are held. Whoever pages through it asks for all
 * of them with every page, and anybody who may publish can name as many workspaces as he likes.
 */
const listed = { most: 10_000, lasts: 5_000 }

const marker = /^released-\d+$/

export const entryId = (sequence: number): string => `qrn_${sequence}`

/** Undefined for what is no entry's id. */
export const sequenceOf = (id: string): number | undefined => {
  const match = /^qrn_([1-9]\d{0,14})$/.exec(id)
  return match === null ? undefined : Number(match[1])
}

/** What was released leaves a marker, on a subject of its own: written as its first message, it is written once. */
const markerSubject = (workspaceId: string, sequence: number): string =>
  quarantineSubject(workspaceId, `released-${sequence}`)

const timeOf = (text: string | undefined, otherwise: number): number => {
  const time = Date.parse(text ?? "")
  return Number.isNaN(time) ? otherwise : time
}

const toEntry = (message: StoredMessage, reason: string, released: boolean): QuarantineEntry => {
  const utf8 = isUtf8(message.data)
  return {
    id: entryId(message.sequence),
    reason,
    message: message.header(headerNames.message) ?? "",
    subject: message.header(headerNames.subject) ?? "",
    eventId: message.header(headerNames.eventId),
    publishedAt: timeOf(message.header(headerNames.time), message.time),
    quarantinedAt: message.time,
    size: message.data.length,
    encoding: utf8 ? "utf8" : "base64",
    raw: Buffer.from(message.data).toString(utf8 ? "utf8" : "base64"),
    released
  }
}

const unavailable = (error: AppendFailed): BrokerUnavailable =>
  new BrokerUnavailable({ operation: "mark as released", detail: error.message })

export class Quarantine extends Context.Tag("hookline/surface/Quarantine")<Quarantine, {
  /**
   * Newest first. Entries together are at most about 5 MiB; a page that ends early for that, or because it looked back far enough, has
   * `next` though it is not full.
   */
  readonly list: (query: {
    readonly workspaceId: WorkspaceId
    readonly reason?: string | undefined
    readonly limit: number
    readonly cursor?: string | undefined
  }) => Effect.Effect<QuarantinePage, BrokerUnavailable | InvalidCursor>
  /**
   * The workspaces that have entries, those released included; not `_`. As they were at most 5 s ago. `complete` is false when more than 10,000
   * have entries of the same reason: some of them are missing then.
   */
  readonly workspaces: Effect.Effect<QuarantinedWorkspaces, BrokerUnavailable>
  /** One entry with its whole input. */
  readonly show: (
    workspaceId: WorkspaceId,
    id: string
  ) => Effect.Effect<QuarantineEntry, EntryNotFound | BrokerUnavailable>
  /**
   * Checks an entry again, publishes it with its id and time, and marks it as released. What lies between publishing and marking is
   * covered twice: by the message id (two minutes) and by the event's identity (24 hours).
   */
  readonly release: (
    workspaceId: WorkspaceId,
    id: string
  ) => Effect.Effect<
    EventId,
    EntryNotFound | AlreadyReleased | StillRejected | PublishFailed | BrokerUnavailable
  >
}>() {
  static readonly layer = Layer.effect(
    Quarantine,
    Effect.gen(function*() {
      const streams = yield* Streams
      const log = yield* AppendLog
      const publisher = yield* Publisher
      const catalogue = yield* EventCatalogue
      const { eventsCreated } = yield* Topology

      const isReleased = (workspaceId: string, sequence: number) =>
        Effect.map(streams.last(streamNames.quarantine, markerSubject(workspaceId, sequence)), Option.isSome)

      /** The newest entries of a window of sequences, oldest first; `from` is raised when they would be too many. */
      const readWindow = Effect.fnUntraced(function*(filter: string, from: number, to: number, limit: number) {
        const kept: Array<StoredMessage> = []
        let bytes = 0
        let first = from
        yield* streams.scan({
          stream: streamNames.quarantine,
          filter,
          from,
          to,
          onMessage: (message) => {
            if (marker.test(reasonOf(message))) return
            kept.push(message)
            bytes += message.data.length
            while (kept.length > limit || (bytes > pageBytes && kept.length > 1)) {
              const dropped = kept.shift()
              bytes -= dropped?.data.length ?? 0
              first = (dropped?.sequence ?? first) + 1
            }
          }
        })
        return { kept, bytes, first }
      })

      const list: Quarantine["Type"]["list"] = Effect.fnUntraced(function*({ cursor, limit, reason, workspaceId }) {
        const before = cursor === undefined ? Number.POSITIVE_INFINITY : sequenceOf(cursor)
        if (before === undefined) return yield* new InvalidCursor()
        const filter = reason === undefined ? quarantineFilter(workspaceId) : quarantineSubject(workspaceId, reason)
        const { firstSequence, lastSequence } = yield* streams.state(streamNames.quarantine)
        const found: Array<StoredMessage> = []
        let bytes = 0
        let to = Math.min(lastSequence, before - 1)
        let width = windows.first
        for (let count = 0; count < windows.count && to >= firstSequence && found.length < limit; count++) {
          const from = Math.max(firstSequence, to - width + 1)
          const window = yield* readWindow(filter, from, to, limit - found.length)
          for (const message of window.kept.toReversed()) {
            if (found.length > 0 && bytes + message.data.length > pageBytes) {
              window.first = found.at(-1)?.sequence ?? from
              count = windows.count
              break
            }
            found.push(message)
            bytes += message.data.length
          }
          to = window.first - 1
          width = Math.min(width * 4, windows.largest)
        }
        const entries = yield* Effect.forEach(
          found,
          (message) =>
            Effect.map(
              isReleased(workspaceId, message.sequence),
              (released) => toEntry(message, reasonOf(message), released)
            ),
          { concurrency: 16 }
        )
        return { entries, next: to >= firstSequence && to > 0 ? entryId(to + 1) : undefined }
      })

      /** The message of an entry; another workspace's is not found. */
      const find = Effect.fnUntraced(function*(workspaceId: WorkspaceId, id: string) {
        const sequence = sequenceOf(id)
        if (sequence === undefined) return yield* new EntryNotFound({ id })
        const message = Option.getOrUndefined(yield* streams.message(streamNames.quarantine, sequence))
        const place = message === undefined ? Option.none() : parseQuarantineSubject(message.subject)
        return message === undefined || Option.isNone(place) || place.value.workspaceId !== workspaceId ||
            marker.test(place.value.reason)
          ? yield* new EntryNotFound({ id })
          : message
      })

      const show: Quarantine["Type"]["show"] = Effect.fnUntraced(function*(workspaceId, id) {
        const message = yield* find(workspaceId, id)
        return toEntry(message, reasonOf(message), yield* isReleased(workspaceId, message.sequence))
      })

      const release: Quarantine["Type"]["release"] = Effect.fnUntraced(function*(workspaceId, id) {
        const message = yield* find(workspaceId, id)
        const sequence = message.sequence
        if (yield* isReleased(workspaceId, sequence)) return yield* new AlreadyReleased({ id })
        const subject = message.header(headerNames.subject) ?? ""
        const type = typeOf(subject, workspaceId)
        if (type === undefined) {
          return yield* new StillRejected({
            rejection: {
              _tag: "Rejection",
              reason: "bad_subject",
              message:
                "it came on a subject that no event can have; publish it anew on events.<workspace>.<entity>.<action>"
            }
          })
        }
        const publishedAt = timeOf(message.header(headerNames.time), message.time)
        const originalId = message.header(headerNames.eventId)
        const released = {
          id: originalId !== undefined && isToken(originalId)
            ? originalId
            : eventIdAt(eventsCreated, Number(message.header(headerNames.sequence) ?? 0)),
          timestamp: timestampAt(publishedAt)
        }
        const event = parseEvent({
          payload: message.data,
          workspaceId,
          type,
          released,
          fallbackId: () => released.id,
          time: publishedAt
        }, catalogue)
        if (event._tag === "Rejection") return yield* new StillRejected({ rejection: event })
        yield* publisher.republish(
          { workspaceId, type, id: event.id, idIsFresh: true, payload: message.data, trace: storedTrace(message) },
          `released-${sequence}`,
          {
            [headerNames.released]: id,
            [headerNames.eventId]: event.id,
            [headerNames.eventTime]: event.timestamp,
            // Deduplication must not take it for a repeat of the message that was quarantined.
            [headerNames.sequence]: message.header(headerNames.sequence) ?? ""
          }
        )
        const at = new Date(yield* Clock.currentTimeMillis).toISOString()
        yield* log.append({
          subject: markerSubject(workspaceId, sequence),
          data: JSON.stringify({ v: 1, id, event_id: event.id, released_at: at }),
          // Without a message id: the broker would answer a second release as a success of the first.
          expectedLastSubjectSequence: 0
        }).pipe(
          Effect.mapError((error) => error.reason === "conflict" ? new AlreadyReleased({ id }) : unavailable(error))
        )
        return event.id
      })

      // By reason: what was released has left a subject for each.
      const readWorkspaces = Effect.map(
        Effect.forEach(
          rejectionReasons,
          (reason) => streams.subjects(streamNames.quarantine, quarantineReasonFilter(reason), listed.most),
          { concurrency: 4 }
        ),
        (found): QuarantinedWorkspaces => ({
          ids: new Set(
            found.flatMap(({ names }) => names)
              .flatMap((subject) => Option.toArray(parseQuarantineSubject(subject)))
              .flatMap(({ workspaceId }) => workspaceId === nobody ? [] : [WorkspaceId.make(workspaceId)])
          ),
          complete: found.every(({ complete }) => complete)
        })
      )
      const oneAtATime = yield* Effect.makeSemaphore(1)
      let held: { readonly workspaces: QuarantinedWorkspaces; readonly until: number } | undefined
      const workspaces = oneAtATime.withPermits(1)(Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        // A clock that goes back holds nothing for longer.
        if (held !== undefined && now < held.until && held.until - now <= listed.lasts) return held.workspaces
        held = { workspaces: yield* readWorkspaces, until: now + listed.lasts }
        return held.workspaces
      }))

      return { list, workspaces, show, release }
    })
  )
}

const reasonOf = (message: StoredMessage): string =>
  Option.match(parseQuarantineSubject(message.subject), { onNone: () => "", onSome: ({ reason }) => reason })

/** The type in `events.<ws>.<entity>.<action>`, when that is what it is, and of this workspace. */
const typeOf = (subject: string, workspaceId: string): string | undefined => {
  const [events, workspace, entity = "", action = "", ...rest] = subject.split(".")
  return events === "events" && workspace === workspaceId && isToken(entity) && isToken(action) && rest.length === 0
    ? `${entity}.${action}`
    : undefined
}
