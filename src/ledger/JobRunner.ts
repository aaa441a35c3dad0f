import { Cause, Effect, Layer, Option } from "effect"
import { randomUUID } from "node:crypto"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { KeyValue } from "../broker/KeyValue.ts"
import { Lease } from "../broker/Lease.ts"
import { type StoredMessage, Streams } from "../broker/Streams.ts"
import { bucketFilter, bucketKey, bucketStream, deliveriesStream, partitionOf } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import type { Job } from "../model/Job.ts"
import { History } from "./History.ts"
import { jobRun, type Run } from "./JobRun.ts"
import { decode } from "./Jobs.ts"
import { RetryRequests } from "./RetryRequests.ts"

/*
 *   (the history follows) ──▶ acquire the lease `jobs` ──▶ RUN: the running jobs of the bucket, a few at a time ──▶ lease or history lost: again
 *
 * What must stay true: one process runs jobs. Should two for a moment, each delivery is still retried once: the owner of its partition judges every
 * request by what it saw, and a progress is written by compare-and-set.
 */

/** Jobs that run at once in the process; the others take turns. */
const mostAtOnce = 16
/** How long a job keeps its place while others wait, milliseconds. */
const share = 10_000
/** Retries asked for and not answered, of all jobs together. */
const mostInFlight = 64
/** How long a history may not answer before another process gets its chance, and how often it is looked at. */
const patience = 10_000
const lookEvery = "500 millis"
/** After something went wrong that nobody foresaw. */
const troublePause = "1 second"

interface Known {
  readonly job: Job
  /** When it last had its turn, monotonic milliseconds. */
  turnAt: number
}

/** Which of those that wait comes next: a workspace with few at work before one with many, then whose turn is the longest ago. */
export const nextOf = <K extends Known>(
  waiting: Iterable<readonly [string, K]>,
  atWork: (workspaceId: string) => number
): string | undefined => {
  let best: readonly [string, K] | undefined
  const before = (left: readonly [string, K], right: readonly [string, K]): number =>
    atWork(left[1].job.workspaceId) - atWork(right[1].job.workspaceId) || left[1].turnAt - right[1].turnAt ||
    left[1].job.createdAt - right[1].job.createdAt
  for (const one of waiting) if (best === undefined || before(one, best) < 0) best = one
  return best?.[0]
}

/** Whatever goes wrong is said, and a pause later it has ended as if nothing had: the next round begins anew. */
const goingOn = (what: string) => <A, E, R>(round: Effect.Effect<A, E, R>): Effect.Effect<void, never, R> =>
  Effect.catchAllCause(Effect.asVoid(round), (cause) =>
    Cause.isInterruptedOnly(cause)
      ? Effect.interrupt
      : Effect.zipRight(Effect.logError(what, cause), Effect.sleep(troublePause)))

/** Runs the jobs in the bucket JOBS for as long as its scope lives, when no other process does. */
export const layer = Layer.scopedDiscard(Effect.gen(function*() {
  const history = yield* History
  const requests = yield* RetryRequests
  const store = yield* KeyValue
  const streams = yield* Streams
  const brokerClock = yield* BrokerClock
  const lease = yield* Lease
  const topology = yield* Topology
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const isFollowing = () => history.status().state === "following"

  const work = Effect.gen(function*() {
    const runner = randomUUID()
    const places = yield* Effect.makeSemaphore(mostInFlight)
    const wake = yield* Effect.makeLatch(true)
    const known = new Map<string, Known>()
    const atWork = new Map<string, { readonly workspaceId: string; readonly run: Run }>()

    const onMessage = (message: StoredMessage): void => {
      const name = bucketKey("JOBS", message.subject)
      const job = Option.getOrUndefined(decode(message.data))
      if (job?.state === "running") {
        known.set(name, { job, turnAt: known.get(name)?.turnAt ?? 0 })
        if (!atWork.has(name)) wake.unsafeOpen()
        return
      }
      known.delete(name)
      if (job === undefined || job.state === "cancelled") atWork.get(name)?.run.cancel()
    }
    yield* streams.follow({ stream: bucketStream("JOBS"), filter: bucketFilter("JOBS"), from: 1, onMessage })

    const others = () => known.size > atWork.size

    const turn = (name: string, workspaceId: string) =>
      Effect.gen(function*() {
        const found = yield* store.get("JOBS", name)
        const job = Option.getOrUndefined(Option.flatMap(found, ({ value }) => decode(value)))
        if (Option.isNone(found) || job?.state !== "running") return void known.delete(name)
        // Its share begins with its first delivery, whatever it had to wait for before.
        let began: number | undefined
        const run = yield* jobRun({
          history,
          requests,
          store,
          streams,
          clock: brokerClock,
          streamOf: (workspace) =>
            deliveriesStream(partitionOf(workspace, topology.partitions), topology.deliveriesStreams),
          runner,
          places,
          isOver: () => {
            began ??= now()
            return others() && now() - began > share
          }
        }, { job, revision: found.value.revision })
        atWork.set(name, { workspaceId, run })
        yield* run.run
      }).pipe(
        // The bucket cannot be read now: the next turn tries again.
        Effect.catchTag("BrokerUnavailable", () => Effect.sleep(lookEvery)),
        goingOn(`the job ${name} failed; it goes on at its next turn`),
        Effect.ensuring(Effect.sync(() => {
          atWork.delete(name)
          const still = known.get(name)
          if (still !== undefined) still.turnAt = now()
          wake.unsafeOpen()
        }))
      )

    for (;;) {
      yield* wake.await
      wake.unsafeClose()
      while (atWork.size < mostAtOnce) {
        const count = (workspaceId: string) =>
          [...atWork.values()].filter((one) => one.workspaceId === workspaceId).length
        const name = nextOf([...known].filter(([name]) => !atWork.has(name)), count)
        const workspaceId = known.get(name ?? "")?.job.workspaceId
        if (name === undefined || workspaceId === undefined) break
        atWork.set(name, { workspaceId, run: { run: Effect.void, cancel: () => undefined } })
        yield* Effect.forkScoped(turn(name, workspaceId))
      }
    }
  })

  /** A process whose history cannot be asked leaves the jobs to one whose history can. */
  const gone = Effect.gen(function*() {
    for (let since = now(); now() - since < patience;) {
      yield* Effect.sleep(lookEvery)
      if (isFollowing()) since = now()
    }
    yield* Effect.logWarning("jobs are given up here: the history cannot be asked")
  })

  yield* Effect.gen(function*() {
    while (!isFollowing()) yield* Effect.sleep(lookEvery)
    yield* Effect.scoped(Effect.gen(function*() {
      const held = yield* lease.acquire("jobs")
      yield* Effect.raceFirst(Effect.scoped(work), Effect.raceFirst(Effect.asVoid(held.lost), gone))
    }))
  }).pipe(
    goingOn("running jobs failed; it begins anew"),
    Effect.forever,
    Effect.withClock(clock),
    Effect.forkScoped
  )
}))
