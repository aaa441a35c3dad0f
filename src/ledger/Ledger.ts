import { Context, Effect, Layer, Option, type Scope } from "effect"
import { type Append, type Appended, type AppendFailed, AppendLog } from "../broker/AppendLog.ts"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { deliveriesStream, deliverySubject, partitionOf } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import type { DeliveryRecord } from "../model/Delivery.ts"
import type { WorkspaceId } from "../model/Id.ts"
import * as Telemetry from "../Telemetry.ts"
import { deferredLimit, type Duplicate, encode, encodeDeferred, encodeDuplicate, messageId } from "./Record.ts"

/** How long an append that failed waits before it is tried again. */
const retryPause = "500 millis"

/**
 * The owner's pen for DELIVERIES. An append is tried until the broker has acknowledged it: an outcome waits in memory and is appended again,
 * its request is never made again. What waits is bounded by what was in flight, because `trouble` stops new attempts ("no ledger, no POST").
 */
export interface OpenLedger {
  /** Broker time, milliseconds. */
  readonly now: () => number
  /** Appends one record; `acknowledged` is called once, unless ownership ends first. */
  readonly record: (record: DeliveryRecord, acknowledged: (stored: Stored) => void) => void
  /** Appends `deferred` records of one webhook, up to 500 a message; `acknowledged` is called for each of those in a message. */
  readonly defer: (
    records: ReadonlyArray<DeliveryRecord>,
    acknowledged: (index: number, stored: Stored) => void
  ) => void
  readonly duplicate: (duplicate: Duplicate, acknowledged: () => void) => void
  /** Any other message that must be stored before its event is let go (quarantine). */
  readonly append: (message: Append, acknowledged: () => void) => void
  /** Why no new attempt may start now: an append failed or has been without an answer for 5 s. */
  readonly trouble: () => string | undefined
  /** The sequence of a DELIVERIES stream up to which every append of ours is acknowledged: a snapshot's S0. */
  readonly acknowledgedUpTo: (stream: string) => number
  /** The highest sequence of a DELIVERIES stream that an append of ours got, or that the replay reached. */
  readonly highestOf: (stream: string) => number
  /** Waits until every append is acknowledged. */
  readonly drained: Effect.Effect<void>
}

/** Where an append is stored. `again`: it was tried more than once, so that there may be a second one of it before this. */
export interface Stored {
  readonly sequence: number
  readonly again: boolean
}

/** An append on its way. `after` is a sequence of its stream that it is certainly stored behind. */
interface Pending {
  readonly message: Append
  readonly stream: string | undefined
  readonly after: number
  again: boolean
  readonly acknowledged: (stored: Stored) => void
}

export class Ledger extends Context.Tag("hookline/ledger/Ledger")<Ledger, {
  /**
   * Opens the ledger for an owner. `lastSequences`: for each DELIVERIES stream the sequence its replay reached. `owns` says whether the lease
   * still holds: nothing is appended without. Closing the scope drops what is pending; who hands over waits for `drained` before.
   */
  readonly open: (owner: {
    readonly lastSequences: ReadonlyMap<string, number>
    readonly owns: () => boolean
    /** Called after each acknowledgement. */
    readonly progressed: () => void
  }) => Effect.Effect<OpenLedger, never, Scope.Scope>
}>() {
  static readonly layer = Layer.effect(
    Ledger,
    Effect.gen(function*() {
      const log = yield* AppendLog
      const clock = yield* BrokerClock
      const topology = yield* Topology

      const partition = (workspaceId: WorkspaceId) => partitionOf(workspaceId, topology.partitions)
      const streamOf = (workspaceId: WorkspaceId) =>
        deliveriesStream(partition(workspaceId), topology.deliveriesStreams)
      const subjectOf = ({ delivery, kind }: DeliveryRecord) =>
        deliverySubject(partition(delivery.workspaceId), delivery.workspaceId, delivery.webhookId, kind)

      const open: Context.Tag.Service<Ledger>["open"] = ({ lastSequences, owns, progressed }) =>
        Effect.gen(function*() {
          const wake = yield* Effect.makeLatch(false)
          const acknowledged = new Map(lastSequences)
          const pending = new Map<string, Set<Pending>>()
          let count = 0
          let failed: Array<Pending> = []
          /** Tried in vain at least once and not acknowledged yet. Another stream's acknowledgement says nothing about these. */
          const failing = new Map<Pending, AppendFailed>()
          const drained = yield* Effect.makeLatch(true)
          let closed = false

          const settle = (entry: Pending, result: Appended | AppendFailed) => {
            if (closed) return
            if ("sequence" in result) {
              if (entry.stream !== undefined) {
                pending.get(entry.stream)?.delete(entry)
                if (result.sequence > (acknowledged.get(entry.stream) ?? 0)) {
                  acknowledged.set(entry.stream, result.sequence)
                }
              }
              if (--count === 0) drained.unsafeOpen()
              failing.delete(entry)
              entry.acknowledged({ sequence: result.sequence, again: entry.again })
              progressed()
              return
            }
            entry.again = true
            failing.set(entry, result)
            failed.push(entry)
            wake.unsafeOpen()
          }

          const send = (entry: Pending) => {
            if (!owns()) return
            log.unsafeAppend(entry.message, (result) => settle(entry, result))
          }

          const append = (message: Append, stream: string | undefined, onAcknowledged: (stored: Stored) => void) => {
            if (closed) return
            const entry: Pending = {
              message,
              stream,
              after: stream === undefined ? 0 : acknowledged.get(stream) ?? 0,
              again: false,
              acknowledged: onAcknowledged
            }
            if (count++ === 0) drained.unsafeClose()
            if (stream !== undefined) {
              const entries = pending.get(stream)
              if (entries === undefined) pending.set(stream, new Set([entry]))
              else entries.add(entry)
            }
            send(entry)
          }

          yield* Effect.gen(function*() {
            yield* wake.await
            yield* Effect.sleep(retryPause)
            yield* wake.close
            const again = failed
            failed = []
            for (const entry of again) send(entry)
          }).pipe(Effect.forever, Effect.forkScoped)
          yield* Effect.addFinalizer(() =>
            Effect.sync(() => {
              closed = true
            })
          )

          return {
            now: clock.now,
            record: (record, onAcknowledged) =>
              append(
                {
                  subject: subjectOf(record),
                  data: encode(record, topology.eventsCreated),
                  messageId: messageId(record, 1)
                },
                streamOf(record.delivery.workspaceId),
                (stored) => {
                  Telemetry.deliveryRecords.add(record.kind)
                  onAcknowledged(stored)
                }
              ),
            defer: (records, onAcknowledged) => {
              for (let start = 0; start < records.length; start += deferredLimit) {
                const part = records.slice(start, start + deferredLimit)
                const first = part[0]
                if (first === undefined) return
                append(
                  {
                    subject: subjectOf(first),
                    data: encodeDeferred(part, topology.eventsCreated),
                    messageId: messageId(first, part.length)
                  },
                  streamOf(first.delivery.workspaceId),
                  (stored) => {
                    Telemetry.deliveryRecords.add("deferred", part.length)
                    part.forEach((_, index) => onAcknowledged(start + index, stored))
                  }
                )
              }
            },
            duplicate: (duplicate, onAcknowledged) =>
              append(
                {
                  subject: deliverySubject(
                    partitionOf(duplicate.workspaceId, topology.partitions),
                    duplicate.workspaceId,
                    "_",
                    "duplicate"
                  ),
                  data: encodeDuplicate(duplicate),
                  messageId: `duplicate.${duplicate.eventSequence}`
                },
                streamOf(duplicate.workspaceId),
                () => {
                  Telemetry.deliveryRecords.add("duplicate")
                  onAcknowledged()
                }
              ),
            append: (message, onAcknowledged) => append(message, undefined, onAcknowledged),
            trouble: () => failing.values().next().value?.message,
            acknowledgedUpTo: (stream) => {
              const oldest = Option.fromNullable(pending.get(stream)?.values().next().value)
              return Option.match(oldest, {
                onNone: () => acknowledged.get(stream) ?? 0,
                onSome: (entry) => entry.after
              })
            },
            highestOf: (stream) => acknowledged.get(stream) ?? 0,
            drained: drained.await
          } satisfies OpenLedger
        })
      return { open }
    })
  )
}
