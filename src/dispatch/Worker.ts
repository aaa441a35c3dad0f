/**
 * A worker's life with its partitions (ARCHITECTURE "A partition's life"); one lease stands for all of them:
 *
 *     IDLE ─▶ ACQUIRE ─▶ FENCE ─▶ LOAD, REPLAY ─▶ CATCH UP ─▶ RUN ─▶ HAND OVER (stopped)
 *              ▲                                               │
 *              └──────────────── LOST ◀────────────────────────┘
 */
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { Answers } from "../broker/Answers.ts"
import { type Held, Lease } from "../broker/Lease.ts"
import { Streams } from "../broker/Streams.ts"
import { deliveriesStream, eventFilter, misfitFilter, streamNames } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import { Config } from "../Config.ts"
import { Endpoints } from "../endpoint/Endpoints.ts"
import { Identities } from "../ledger/Identities.ts"
import { Ledger } from "../ledger/Ledger.ts"
import { type ClaimedPosition, misfits, positionKey, Positions } from "../ledger/Positions.ts"
import { type Recovered, Recovery } from "../ledger/Recovery.ts"
import type { Catalogue } from "../model/Catalogue.ts"
import { PackedDeliveries } from "../model/PackedDelivery.ts"
import { Subscriptions } from "../registry/Subscriptions.ts"
import * as Telemetry from "../Telemetry.ts"
import { turn } from "../Turn.ts"
import { makeIntake } from "./Intake.ts"
import { makeKeeping } from "./Keeping.ts"
import { makeNotices } from "./Notices.ts"
import { Partition } from "./Partition.ts"
import { followRetryRequests } from "./RetryRequests.ts"

type WorkerState = "starting" | "standing by" | "recovering" | "running" | "stopped"

export interface WorkerStatus {
  readonly state: WorkerState
  /** Why it is not running, or why it starts no attempts; undefined when all is well. */
  readonly trouble: string | undefined
  /** Attempts in flight. */
  readonly inFlight: number
  /** Deliveries that have something before them, and how many of these are in memory. */
  readonly live: number
  readonly inMemory: number
}

/** Running attempts get this long at shutdown (CONTRACT 9). */
const grace = 8_000
/** A snapshot is made after this many records of its stream, or twice as many as there are live deliveries in memory. */
const defaultSnapshotRecords = 20_000
/** A turn of the event loop takes over so many: with a million of them at once the lease would run out. */
const adoptedPerTurn = 1_000
const troublePause = "1 second"
/** A lease that is not had by then is somebody else's. */
const standingByAfter = "500 millis"

export class Worker extends Context.Tag("hookline/dispatch/Worker")<Worker, {
  readonly status: () => WorkerStatus
}>() {
  static readonly layer = (catalogue: Catalogue, snapshotRecords = defaultSnapshotRecords) =>
    Layer.scoped(Worker, Effect.suspend(() => make(catalogue, snapshotRecords)))
}

/** What is owned under one number of POSITIONS: a partition of EVENTS, or what has no partition because its subject has the wrong shape. */
interface Claim {
  readonly name: string
  readonly partition: number
  readonly filter: string
  readonly claimed: ClaimedPosition
  readonly recovered: Recovered
}

const readings = ({ state, trouble }: WorkerStatus): Telemetry.Readings => {
  const states: Record<string, number> = { starting: 0, standing_by: 0, recovering: 0, running: 0, stopped: 0 }
  states[state.replace(" ", "_")] = 1
  return { hookline_worker_state: states, hookline_worker_trouble: trouble === undefined ? 0 : 1 }
}

const idle = (state: WorkerState, trouble?: string) => (): WorkerStatus => ({
  state,
  trouble,
  inFlight: 0,
  live: 0,
  inMemory: 0
})

const make = Effect.fnUntraced(function*(catalogue: Catalogue, snapshotRecords: number) {
  const config = yield* Config
  const lease = yield* Lease
  const streams = yield* Streams
  const topology = yield* Topology
  const positions = yield* Positions
  const recovery = yield* Recovery
  const subscriptions = yield* Subscriptions
  const ledgers = yield* Ledger
  const endpoints = yield* Endpoints
  const answers = yield* Answers
  const notices = yield* makeNotices

  let status = idle("starting")
  yield* Telemetry.register(() => readings(status()))

  const streamOf = (partition: number) => deliveriesStream(partition, topology.deliveriesStreams)

  /** FENCE, LOAD and REPLAY. A higher epoch met in the snapshot or the records means a position that was put back: fence again above it. */
  const claim = (partition: number): Effect.Effect<Claim, Effect.Effect.Error<ReturnType<typeof positions.claim>>> => {
    const attempt = (above: number): ReturnType<typeof claim> =>
      Effect.gen(function*() {
        const name = positionKey(partition)
        const claimed = yield* positions.claim(name, above)
        const recovered = yield* recovery.recover(partition, claimed.position.floor)
        if (recovered.highestEpoch >= claimed.position.epoch) return yield* attempt(recovered.highestEpoch)
        return { name, partition, filter: eventFilter(partition), claimed, recovered }
      })
    return attempt(0)
  }

  const claimMisfits = Effect.gen(function*() {
    const name = positionKey(misfits)
    const claimed = yield* positions.claim(name, 0)
    const { floor } = claimed.position
    const recovered: Recovered = {
      floor,
      live: new PackedDeliveries(),
      spills: [],
      settled: new Map(),
      duplicates: new Set(),
      requests: [],
      retried: [],
      identities: new Identities(),
      identitiesFrom: floor + 1,
      lastSequence: 0,
      snapshotSequence: 0,
      highestEpoch: 0
    }
    return { name, partition: misfits, filter: misfitFilter, claimed, recovered } satisfies Claim
  })

  const run = Effect.fnUntraced(function*(held: Held) {
    const lost = yield* Deferred.make<string>()
    status = idle("recovering")
    const started = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const claims = [
      ...(yield* Effect.forEach(Array.from({ length: topology.partitions }, (_, index) => index), claim, {
        concurrency: 4
      })),
      yield* claimMisfits
    ]
    yield* subscriptions.fence

    const lastSequences = new Map<string, number>()
    for (const { partition, recovered } of claims) {
      if (partition < 0) continue
      const stream = streamOf(partition)
      lastSequences.set(stream, Math.max(lastSequences.get(stream) ?? 0, recovered.lastSequence))
    }
    const epochs = new Map(claims.map(({ claimed, partition }) => [partition, claimed.position.epoch]))
    const progress = yield* Effect.makeLatch(false)
    const progressed = () => {
      progress.unsafeOpen()
      notices.wake()
    }
    const ledger = yield* ledgers.open({ lastSequences, owns: held.holds, progressed })
    const telling = yield* notices.open({
      reached: (stream) => stream === streamNames.webhooks ? subscriptions.sequence() : ledger.highestOf(stream)
    })
    const { engine, handOver } = yield* endpoints.open({
      ledger,
      owns: held.holds,
      epoch: (partition) => epochs.get(partition) ?? 0,
      recordedUpTo: (partition) => ledger.highestOf(streamOf(partition))
    })

    const partitions = claims.map(({ claimed, partition, recovered }) =>
      new Partition({
        partition,
        epoch: claimed.position.epoch,
        recovered,
        ledger,
        engine,
        catalogue,
        eventsCreated: topology.eventsCreated,
        eventsMaxAge: config.eventsMaxAge,
        progressed: () => {
          progressed()
          intake.settled()
        },
        matching: subscriptions.matching
      })
    )
    const intake = yield* makeIntake(partitions, subscriptions.fence, held.holds, () => engine.figures.ready)
    /** Without any of these nothing would move any more: its end is the end of the ownership, and all of it begins anew. */
    const keepRunning = <E>(what: string, loop: Effect.Effect<never, E>) =>
      Effect.forkScoped(Effect.catchAllCause(loop, (cause) =>
        Cause.isInterruptedOnly(cause)
          ? Effect.interrupt
          : Effect.zipRight(Effect.logError(`${what} failed`, cause), Deferred.succeed(lost, `${what} failed`))))
    yield* keepRunning("matching", intake.run)
    yield* keepRunning("telling of failures", telling)

    let live = 0
    for (const { partition, recovered } of claims) {
      live += recovered.live.size
      // Taken over, not copied: from here on the actors' states are the only ones.
      let adopted = 0
      for (const delivery of recovered.live.drain()) {
        engine.adopt(delivery, partition)
        if (++adopted % adoptedPerTurn === 0) yield* turn
      }
      for (const spill of recovered.spills) {
        live += spill.count
        engine.adoptSpill(spill, partition, recovered.lastSequence)
      }
      engine.adoptRetried(recovered.retried, partition, recovered.snapshotSequence)
      yield* turn
    }

    const owned = claims.map((one, index) => ({ ...one, current: partitions[index] as Partition }))
    yield* Effect.forEach(
      owned,
      Effect.fnUntraced(function*({ claimed, current, filter, name }) {
        yield* streams.deleteConsumers(streamNames.events, (consumer) => consumer.startsWith(`${name}-e`))
        const consumption = yield* streams.consume({
          stream: streamNames.events,
          name: `${name}-e${claimed.position.epoch}`,
          filter,
          from: () => current.from,
          onMessage: (message) => intake.push(current, message)
        })
        current.consumption = consumption
        yield* Deferred.await(consumption.lost).pipe(
          Effect.flatMap((reason) => Deferred.succeed(lost, `consumer of ${name}: ${reason}`)),
          Effect.forkScoped
        )
      }),
      { concurrency: 4, discard: true }
    )

    yield* followRetryRequests(claims, { engine, streams, streamOf, answers })

    const keeping = yield* makeKeeping({
      owned,
      streamOf,
      snapshotRecords,
      acknowledgedUpTo: ledger.acknowledgedUpTo,
      inMemory: () => engine.figures.inMemory,
      progress
    })
    const keepPositions = Effect.catchTag(
      keeping.run,
      "RevisionConflict",
      ({ key }) => Effect.zipRight(Deferred.succeed(lost, `another worker has claimed ${key}`), Effect.never)
    )
    yield* keepRunning("writing positions", keepPositions)

    status = () => ({
      state: "running",
      trouble: ledger.trouble(),
      inFlight: engine.figures.inFlight,
      live: engine.figures.live,
      inMemory: engine.figures.inMemory
    })
    const ended = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    yield* Effect.logInfo(
      `worker runs: ${topology.partitions} partitions, ${live} live deliveries, ready after ${ended - started} ms`
    )

    const leave = Effect.gen(function*() {
      for (const { consumption } of partitions) consumption?.pause()
      yield* handOver(grace)
      yield* keeping.all
    }).pipe(
      Effect.timeoutFail({
        duration: grace + 1_800,
        onTimeout: () => new Cause.TimeoutException("the hand-over took too long")
      }),
      Effect.catchAllCause((cause) =>
        Effect.logWarning("the hand-over is incomplete; what is missing is replayed", cause)
      )
    )
    return yield* Effect.raceFirst(held.lost, Deferred.await(lost)).pipe(
      // In a fiber of its own: here nothing can be interrupted, and a limit inside would wait for what it is to end.
      Effect.onInterrupt(() => Effect.flatMap(Effect.forkDaemon(Effect.interruptible(leave)), Fiber.await))
    )
  })

  yield* Effect.gen(function*() {
    status = idle("starting")
    const waiting = yield* Effect.sync(() => {
      status = idle("standing by")
    }).pipe(Effect.delay(standingByAfter), Effect.forkScoped)
    const held = yield* lease.acquire("worker")
    yield* Fiber.interrupt(waiting)
    return yield* run(held)
  }).pipe(
    Effect.scoped,
    Effect.exit,
    Effect.flatMap((exit) => {
      if (Exit.isSuccess(exit)) return Effect.logWarning(`worker lost its partitions: ${exit.value}`)
      const reason = Cause.squash(exit.cause)
      const detail = reason instanceof Error ? reason.message : String(reason)
      status = idle("stopped", detail)
      return Effect.logError(`worker stopped: ${detail}`)
    }),
    Effect.zipRight(Effect.sleep(troublePause)),
    Effect.forever,
    Effect.forkScoped
  )
  return {
    status: () => status()
  }
})
