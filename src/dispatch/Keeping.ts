/** What an owner writes down of its partitions, so that the next one need not read all of DELIVERIES and EVENTS anew: positions and snapshots. */
import { Effect } from "effect"
import { Streams } from "../broker/Streams.ts"
import { streamNames } from "../broker/Subjects.ts"
import type { ClaimedPosition } from "../ledger/Positions.ts"
import type { Recovered } from "../ledger/Recovery.ts"
import { Snapshots } from "../ledger/Snapshots.ts"
import { marksOf } from "../ledger/StreamMarks.ts"
import type { Partition } from "./Partition.ts"

const positionEvery = "1 second"

interface Owned {
  /** Of its position and its snapshots. */
  readonly name: string
  /** Below 0: what has no partition, and no records. */
  readonly partition: number
  readonly claimed: ClaimedPosition
  readonly recovered: Recovered
  readonly current: Partition
}

interface Parts {
  readonly owned: ReadonlyArray<Owned>
  /** Of the records of a partition. */
  readonly streamOf: (partition: number) => string
  /** A snapshot is made after this many records of its stream, or twice as many as there are live deliveries in memory. */
  readonly snapshotRecords: number
  readonly acknowledgedUpTo: (stream: string) => number
  readonly inMemory: () => number
  /** Opened when something was settled or recorded. */
  readonly progress: Effect.Latch
}

/** After a floor was looked at: a consumer that somebody has changed may have passed over events below it. */
const confirm = ({ current }: Pick<Owned, "current">) => current.consumption?.confirm ?? Effect.void

export const makeKeeping = Effect.fnUntraced(
  function*({ acknowledgedUpTo, inMemory, owned, progress, snapshotRecords, streamOf }: Parts) {
    const streams = yield* Streams
    const snapshots = yield* Snapshots

    const common: ReadonlyArray<string> = [streamNames.events, streamNames.webhooks]
    /** The streams whose ends a position knows. */
    const markedBy = (partition: number) => partition < 0 ? common : [...common, streamOf(partition)]

    const writePositions = Effect.gen(function*() {
      const moved = owned
        .map((one) => ({ ...one, next: one.current.advance() }))
        .filter(({ current, next }) => next.floor !== current.written)
      if (moved.length === 0) return
      yield* Effect.forEach(moved, confirm, { concurrency: 4, discard: true })
      // After the floors were looked at: what they stand for is before the marks.
      const marks = yield* marksOf(streams, [...new Set(moved.flatMap(({ partition }) => markedBy(partition)))])
      yield* Effect.forEach(
        moved,
        ({ claimed, current, next, partition }) => {
          const own = markedBy(partition)
          const ofPartition = Object.entries(marks).filter(([stream]) => own.includes(stream))
          return claimed.write({ ...next, marks: Object.fromEntries(ofPartition) }).pipe(Effect.map(() => {
            current.written = next.floor
          }))
        },
        { concurrency: 4, discard: true }
      )
    })

    const savedAt = new Map(owned.map(({ partition, recovered }) => [partition, recovered.snapshotSequence]))
    const save = Effect.fnUntraced(function*({ current, name, partition }: Owned) {
      if (partition < 0) return
      const snapshot = current.capture(streamOf(partition))
      yield* confirm({ current })
      savedAt.set(partition, snapshot.s0)
      yield* snapshots.save(name, snapshot, yield* marksOf(streams, markedBy(partition)))
    })
    const saveStale = Effect.suspend(() => {
      const enough = Math.max(snapshotRecords, 2 * inMemory())
      const stale = owned.filter(({ partition }) =>
        partition >= 0 && acknowledgedUpTo(streamOf(partition)) - (savedAt.get(partition) ?? 0) >= enough
      )
      return Effect.forEach(stale, save, { discard: true })
    })

    /** At most once a second, and only after progress. Ends when another worker has claimed a position. */
    const run = Effect.gen(function*() {
      yield* progress.await
      yield* Effect.sleep(positionEvery)
      yield* progress.close
      yield* writePositions
      yield* saveStale
    }).pipe(
      Effect.catchTag("BrokerUnavailable", (error) =>
        Effect.zipRight(
          progress.open,
          Effect.logWarning(`positions or a snapshot could not be written: ${error.message}`)
        )),
      Effect.forever
    )

    /** Everything, at the end of an ownership. */
    const all = Effect.gen(function*() {
      // For their marks too: what was stored since may have moved no floor.
      for (const { current } of owned) current.written = -1
      yield* writePositions
      yield* Effect.forEach(owned, save, { concurrency: 4, discard: true })
    })
    return { run, all }
  }
)
