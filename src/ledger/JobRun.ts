import { Cause, type Context, Deferred, Effect, Fiber, FiberSet, Option } from "effect"
import type { BrokerClock } from "../broker/BrokerClock.ts"
import type { KeyValue } from "../broker/KeyValue.ts"
import type { BrokerUnavailable, Streams } from "../broker/Streams.ts"
import { streamNames } from "../broker/Subjects.ts"
import { finished, type Job, type JobError, recoverables, retriedSince, settledOf } from "../model/Job.ts"
import type { History } from "./History.ts"
import type { Answers, HistoricDelivery } from "./history/Questions.ts"
import type { DeliveryStatus } from "./history/Status.ts"
import { JobProgress, type Settled } from "./JobProgress.ts"
import { decode, encodeJob, jobKey, type StoredJob } from "./Jobs.ts"
import { makePace } from "./Pace.ts"
import { askUntilSettled, type RetryRequests, type Seen } from "./RetryRequests.ts"

/*
 *   CATCH UP: the history has what was recorded when the run began ──▶ SEND: a page after the cursor, one retry request each ──▶ END
 *
 * What must stay true: a delivery is behind the cursor only when the owner of its partition has answered for it, and the cursor and the counts are
 * written together. What was asked for and is not behind it comes up again after a crash; by then it has begun a new round, by which it is known.
 */

/** How often the progress is written. What lies in between is asked for again after a crash, and found to be done. */
const saveEvery = "500 millis"
const pageSize = 200
/** Asked for and not counted, of one job: one that takes long does not let the others run ahead without end. */
const mostOpen = 1_000
/** While the history or the broker is away. */
const pause = "500 millis"
/** The history is a moment behind what was recorded when the run began. */
const behindPause = "100 millis"
/** How long what is in flight may take once nothing more is begun. */
const grace = "2 seconds"
/** How long answers are waited for, and how long the last write may take, when the process ends. */
const answersWait = "500 millis"
const lastWrite = "500 millis"

export interface RunEnvironment {
  readonly history: Context.Tag.Service<History>
  readonly requests: Context.Tag.Service<RetryRequests>
  readonly store: Context.Tag.Service<KeyValue>
  readonly streams: Context.Tag.Service<Streams>
  readonly clock: Context.Tag.Service<BrokerClock>
  /** The stream with the records of a workspace. */
  readonly streamOf: (workspaceId: string) => string
  /** Of the runner: random. */
  readonly runner: string
  /** Requests in flight, of all jobs of the process. */
  readonly places: Effect.Semaphore
  /** Whether others wait and this one has had its share: it stops where it is. */
  readonly isOver: () => boolean
}

/** How a run ends; `left`: another works on the job, or it is gone. */
type End = "done" | "yielded" | "cancelled" | "left" | { readonly failed: JobError }

export interface Run {
  /** Never fails. Interrupted, it writes its progress within a second. */
  readonly run: Effect.Effect<void>
  /** The job was cancelled. */
  readonly cancel: () => void
}

/** Tries until there is an answer: a job lives longer than a broker or a history is away. */
const persistently = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A> =>
  Effect.catchAll(effect, () => Effect.zipRight(Effect.sleep(pause), persistently(effect)))

/** One turn of a job, from where its cursor is. `stored` as it was read a moment ago. */
export const jobRun = (env: RunEnvironment, stored: StoredJob): Effect.Effect<Run> =>
  Effect.gen(function*() {
    const { clock, history, requests, store, streams } = env
    const asked = yield* Deferred.make<End>()
    const room = yield* Effect.makeLatch(true)
    const pace = makePace(stored.job.rate)
    const progress = new JobProgress(stored.job)
    const name = jobKey(stored.job)
    const wanted: ReadonlySet<DeliveryStatus> = new Set(recoverables[stored.job.only])
    let { job, revision } = stored
    let end: End | undefined

    const finish = (how: End): void => {
      end ??= how
      Deferred.unsafeDone(asked, Effect.succeed(end))
    }

    const current = (): Job => {
      const counted = progress.counted
      return { ...job, ...counted, total: Math.max(job.total, settledOf(counted)), updatedAt: clock.now() }
    }

    /** By compare-and-set. When somebody else wrote meanwhile, the run ends; a cancelled job still gets the counts. */
    const save = (next: Job): Effect.Effect<void, BrokerUnavailable> =>
      store.write("JOBS", name, encodeJob(next), revision).pipe(
        Effect.map((written) => {
          revision = written
          job = next
        }),
        Effect.catchTag("RevisionConflict", () =>
          Effect.flatMap(store.get("JOBS", name), (found) => {
            const theirs = Option.getOrUndefined(Option.flatMap(found, ({ value }) => decode(value)))
            revision = Option.match(found, { onNone: () => 0, onSome: (entry) => entry.revision })
            // An earlier write of ours, whose answer was lost.
            if (theirs?.state === "running" && theirs.runner === env.runner) return save(next)
            finish(theirs?.state === "cancelled" ? "cancelled" : "left")
            return theirs?.state === "cancelled" && next.state !== "running"
              ? save({ ...theirs, ...progress.counted })
              : Effect.void
          }))
      )

    const question = {
      workspaceId: job.workspaceId,
      webhookId: job.webhookId,
      statuses: recoverables[job.only],
      from: job.from ?? 0,
      to: job.to
    }

    const page = (after: number, limit: number) =>
      persistently(history.ask("recoverable", { ...question, after, limit }))

    /** A history that is behind would not show what is to be sent, and show what was sent before a crash as if it were not. */
    const caughtUp = Effect.gen(function*() {
      const { lastSequence } = yield* persistently(streams.state(env.streamOf(job.workspaceId)))
      const needed = Math.max(lastSequence, job.seenSequence)
      const events = yield* persistently(streams.state(streamNames.events))
      for (;;) {
        const { seenEvents, seenSequence } = yield* page(job.cursor, 1)
        if (seenSequence >= needed && seenEvents >= events.lastSequence) return
        yield* Effect.sleep(behindPause)
      }
    })

    /** As long as it is one to send: what was sent before a crash has begun a new round since. */
    const wantedStill = ({ delivery }: HistoricDelivery, seenSequence: number): Effect.Effect<Seen, Settled> =>
      retriedSince(delivery, job) ? Effect.fail("retried_meanwhile") : Effect.succeed({ delivery, seenSequence })

    /** Asks until the owner has answered for the delivery. Undefined: the job ends with this. */
    const handle = Effect.fnUntraced(
      function*(one: HistoricDelivery, seenSequence: number) {
        const look = Effect.gen(function*() {
          const { id } = one
          const found = yield* persistently(history.ask("delivery", { workspaceId: job.workspaceId, id }))
          if (found === undefined) return yield* Effect.fail<Settled>("event_expired")
          if (!wanted.has(found.delivery.status)) return yield* Effect.fail<Settled>("retried_meanwhile")
          return yield* wantedStill(found.delivery, found.seenSequence)
        })
        const first = yield* wantedStill(one, seenSequence)
        const answer = yield* askUntilSettled(requests, { first, look, inVain: () => Effect.void, backlog: true })
        if (answer !== "webhook_disabled" && answer !== "webhook_deleted") return answer
        finish({ failed: answer })
        return undefined
      },
      Effect.merge
    )

    const settle = (eventSequence: number) => (settled: Settled | undefined) =>
      Effect.sync(() => {
        if (settled === undefined) return
        progress.settle(eventSequence, settled)
        if (progress.open < mostOpen) room.unsafeOpen()
      })

    const send = (flights: FiberSet.FiberSet) =>
      Effect.gen(function*() {
        yield* caughtUp
        const isNew = job.cursor === 0
        const total = isNew ? (yield* persistently(history.ask("recoverableCount", question))).count : job.total
        yield* persistently(save({ ...job, total, runner: env.runner }))
        let after: number | undefined = job.cursor
        while (after !== undefined) {
          const found: Answers["recoverable"] = yield* page(after, pageSize)
          const { deliveries, seenSequence } = found
          for (const one of deliveries) {
            if (env.isOver()) return "yielded"
            yield* pace
            yield* room.await
            const { eventSequence } = one.delivery
            const asking = Effect.flatMap(Effect.interruptible(handle(one, seenSequence)), settle(eventSequence))
            yield* Effect.uninterruptibleMask((restore) =>
              Effect.gen(function*() {
                yield* restore(env.places.take(1))
                progress.begin(eventSequence)
                if (progress.open >= mostOpen) room.unsafeClose()
                yield* FiberSet.run(flights, Effect.ensuring(asking, env.places.release(1)))
              })
            )
          }
          after = found.after
        }
        yield* FiberSet.awaitEmpty(flights)
        return "done"
      })

    const conclude = (how: End): Effect.Effect<void> => {
      const at = clock.now()
      if (how === "left") return Effect.void
      if (how === "yielded") return persistently(Effect.suspend(() => save({ ...current(), runner: null })))
      const [state, error] = typeof how === "string" ? [how, undefined] as const : ["failed", how.failed] as const
      return Effect.zipRight(
        persistently(Effect.suspend(() => save(finished(current(), state, at, error)))),
        Effect.logInfo(`job ${job.id} is ${state}${error === undefined ? "" : `: ${error}`}`).pipe(
          Effect.annotateLogs({
            workspace: job.workspaceId,
            webhook: job.webhookId,
            accepted: progress.counted.accepted
          })
        )
      )
    }

    const saving = Effect.gen(function*() {
      for (;;) {
        yield* Effect.sleep(saveEvery)
        if (job.runner === env.runner && progress.counted.cursor !== job.cursor) yield* Effect.ignore(save(current()))
      }
    })

    const run = Effect.scoped(Effect.gen(function*() {
      const flights = yield* FiberSet.make()
      // An answer that is on its way is counted rather than left to the next who looks.
      yield* Effect.addFinalizer(() =>
        Effect.timeoutOption(Effect.interruptible(FiberSet.awaitEmpty(flights)), answersWait)
      )
      const saver = yield* Effect.forkScoped(saving)
      const how = yield* Effect.raceFirst(send(flights), Deferred.await(asked))
      if (how !== "done") yield* Effect.timeoutOption(FiberSet.awaitEmpty(flights), grace)
      yield* FiberSet.clear(flights)
      yield* Fiber.interrupt(saver)
      return end ?? how
    })).pipe(
      Effect.catchAllCause((cause) =>
        Cause.isInterruptedOnly(cause)
          ? Effect.interrupt
          : Effect.as(Effect.logError(`job ${job.id} cannot go on`, cause), { failed: "fault" } as const)
      ),
      Effect.flatMap(conclude),
      Effect.onInterrupt(() =>
        Effect.interruptible(Effect.suspend(() => job.runner === env.runner ? save(current()) : Effect.void)).pipe(
          Effect.timeoutOption(lastWrite),
          Effect.ignore
        )
      )
    )
    return { run, cancel: () => finish("cancelled") }
  })
