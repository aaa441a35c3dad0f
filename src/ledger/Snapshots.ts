import { Context, Effect, Either, Layer, Option } from "effect"
import { createHash } from "node:crypto"
import { ObjectStore } from "../broker/ObjectStore.ts"
import { type BrokerUnavailable, Streams } from "../broker/Streams.ts"
import { deliveriesStream, parseDeliveriesStream, streamNames } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import type { Delivery } from "../model/Delivery.ts"
import type { WebhookId } from "../model/Id.ts"
import { turn } from "../Turn.ts"
import type { IdentityEntry } from "./Identities.ts"
import type { SpillState } from "./Spill.ts"
import { misfit, type StreamMarks } from "./StreamMarks.ts"

/** What is live in a partition at one moment: replaying DELIVERIES from `s0` + 1 on top of it gives what is live now. */
export interface Snapshot {
  readonly epoch: number
  /** Every record of ours with a sequence up to here is contained. */
  readonly s0: number
  readonly floor: number
  readonly webhooksSequence: number
  /** Those in memory. */
  readonly live: ReadonlyArray<Delivery>
  /** Where the others are. */
  readonly spills: ReadonlyArray<SpillState>
  /** Which webhooks' deliveries have a record, for each event above the floor. */
  readonly settled: ReadonlyArray<readonly [eventSequence: number, webhooks: ReadonlyArray<WebhookId>]>
  readonly identities: ReadonlyArray<IdentityEntry>
}

const version = 3
/** Without the ends of the streams, with a checksum of the lines alone; version 1 without spills too. */
const older: ReadonlySet<number> = new Set([1, 2])
const kept = 2

/** A delivery as a snapshot has it: in the first ones it did not know when its event was published. The round's start is the nearest they have. */
type StoredDelivery = Omit<Delivery, "publishedAt"> & Partial<Pick<Delivery, "publishedAt">>

const whole = (stored: StoredDelivery): Delivery => ({
  ...stored,
  publishedAt: stored.publishedAt ?? stored.roundStart
})

/** So many lines are written or read between two turns of the event loop. */
const linesPerTurn = 2_000

interface Head {
  readonly v: number
  readonly epoch: number
  readonly s0: number
  readonly floor: number
  readonly webhooks_seq: number
  readonly created: Readonly<Record<string, string>>
  /** Absent in versions 1 and 2. */
  readonly streams?: StreamMarks
  readonly live: number
  /** Absent in version 1. */
  readonly spills?: number
  readonly settled: number
  readonly identities: number
}

const prefix = (partition: string): string => `${partition}-`
const nameOf = (partition: string, { epoch, s0 }: Snapshot): string =>
  `${prefix(partition)}${String(epoch).padStart(10, "0")}-${String(s0).padStart(16, "0")}`

/**
 * Snapshots in the object store: a line of JSON with the schema version, the streams' creation times and ends, counts and the SHA-256 of all this
 * and of the lines that follow, a line each. The two newest are kept.
 *
 * Whether one is used is for the streams to say, not for the position: a position may have been put back, and then its epochs and its floor say
 * nothing of what a snapshot knows.
 */
export class Snapshots extends Context.Tag("hookline/ledger/Snapshots")<Snapshots, {
  /** `marks`: where the streams that it speaks of ended, taken after it was. */
  readonly save: (
    partition: string,
    snapshot: Snapshot,
    marks: StreamMarks
  ) => Effect.Effect<void, BrokerUnavailable>
  /**
   * The newest that is valid, else the one before, else none. One that is torn, altered or of other streams (recreated, or put back to an older copy
   * since) is removed: it would be found again at each start, and those made since would be taken for older ones and deleted in its place.
   */
  readonly newest: (partition: string) => Effect.Effect<Option.Option<Snapshot>, BrokerUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Snapshots,
    Effect.gen(function*() {
      const objects = yield* ObjectStore
      const streams = yield* Streams
      const { created, deliveriesStreams } = yield* Topology

      const namesOf = (partition: string) =>
        objects.names.pipe(
          Effect.map((names) => names.filter((name) => name.startsWith(prefix(partition))).sort().toReversed())
        )

      const save = Effect.fnUntraced(function*(partition: string, snapshot: Snapshot, marks: StreamMarks) {
        const hash = createHash("sha256")
        const parts: Array<Buffer> = []
        const lines = [...snapshot.live, ...snapshot.spills, ...snapshot.settled, ...snapshot.identities]
        for (let start = 0; start < lines.length; start += linesPerTurn) {
          const part = Buffer.from(
            lines.slice(start, start + linesPerTurn).map((line) => `${JSON.stringify(line)}\n`).join("")
          )
          hash.update(part)
          parts.push(part)
          yield* turn
        }
        const head: Head = {
          v: version,
          epoch: snapshot.epoch,
          s0: snapshot.s0,
          floor: snapshot.floor,
          webhooks_seq: snapshot.webhooksSequence,
          created,
          streams: marks,
          live: snapshot.live.length,
          spills: snapshot.spills.length,
          settled: snapshot.settled.length,
          identities: snapshot.identities.length
        }
        const sha256 = hash.update(JSON.stringify(head)).digest("hex")
        yield* objects.put(
          nameOf(partition, snapshot),
          Buffer.concat([Buffer.from(`${JSON.stringify({ ...head, sha256 })}\n`), ...parts])
        )
        const names = yield* namesOf(partition)
        yield* Effect.forEach(names.slice(kept), (name) => objects.remove(name), { discard: true })
      })

      /** Left: why it is not valid. */
      const read = Effect.fnUntraced(function*(partition: string, data: Uint8Array) {
        const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
        const end = bytes.indexOf(10)
        const first = parse<Head & { readonly sha256: string }>(bytes.toString("utf8", 0, end))
        if (first === undefined) return Either.left("its first line cannot be read")
        const { sha256, ...head } = first
        if (head.v !== version && !older.has(head.v)) return Either.left(`it is of version ${head.v}`)
        const hash = createHash("sha256").update(bytes.subarray(end + 1))
        if (head.v === version) hash.update(JSON.stringify(head))
        if (hash.digest("hex") !== sha256) return Either.left("its checksum does not fit")
        if (!sameStreams(head.created, created)) return Either.left("its streams were made at another time")
        const ends = head.streams ?? {
          [streamNames.events]: { seq: head.floor },
          [deliveriesStream(Number(partition.slice(1)), deliveriesStreams)]: { seq: head.s0 }
        }
        const wrong = yield* misfit(streams, ends)
        if (Option.isSome(wrong)) return Either.left(wrong.value)
        const lines = bytes.toString("utf8", end + 1).split("\n")
        const values: Array<unknown> = []
        for (let start = 0; start < lines.length - 1; start += linesPerTurn) {
          for (const line of lines.slice(start, Math.min(start + linesPerTurn, lines.length - 1))) {
            values.push(JSON.parse(line))
          }
          yield* turn
        }
        const spilled = head.live + (head.spills ?? 0)
        return Either.right<Snapshot>({
          epoch: head.epoch,
          s0: head.s0,
          floor: head.floor,
          webhooksSequence: head.webhooks_seq,
          live: (values.slice(0, head.live) as Array<StoredDelivery>).map(whole),
          spills: values.slice(head.live, spilled) as Array<SpillState>,
          settled: values.slice(spilled, spilled + head.settled) as Array<Snapshot["settled"][number]>,
          identities: values.slice(spilled + head.settled) as Array<IdentityEntry>
        })
      })

      const newest = (partition: string) =>
        Effect.gen(function*() {
          for (const name of yield* namesOf(partition)) {
            const data = yield* objects.get(name)
            const snapshot = Option.isNone(data) ? Either.left("it is damaged") : yield* read(partition, data.value)
            if (Either.isRight(snapshot)) return Option.some(snapshot.right)
            yield* Effect.logWarning(`snapshot ${name} is not used and is removed: ${snapshot.left}`)
            yield* objects.remove(name)
          }
          return Option.none<Snapshot>()
        })
      return { save, newest }
    })
  )
}

const parse = <A>(text: string): A | undefined => {
  try {
    return JSON.parse(text) as A
  } catch {
    return undefined
  }
}

/** The streams that a snapshot speaks of: what happens to a bucket makes none of it wrong. */
const isSpokenOf = (stream: string): boolean =>
  stream === streamNames.events || stream === streamNames.webhooks || Option.isSome(parseDeliveriesStream(stream))

const sameStreams = (then: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): boolean =>
  Object.entries(now).every(([stream, created]) => !isSpokenOf(stream) || then[stream] === created)
