import { Cause, Context, Effect, FiberSet, Layer, type Scope } from "effect"
import { performance } from "node:perf_hooks"
import { Config, settings } from "../Config.ts"
import { EventBodies } from "../ledger/EventBodies.ts"
import { HeldRecords } from "../ledger/HeldRecords.ts"
import type { OpenLedger } from "../ledger/Ledger.ts"
import { evaluate, schedule } from "../model/RetrySchedule.ts"
import { Subscriptions } from "../registry/Subscriptions.ts"
import * as Telemetry from "../Telemetry.ts"
import { Attempting } from "./Attempting.ts"
import { Engine } from "./Engine.ts"
import { placesWithinFileLimit } from "./FileLimit.ts"
import { Places } from "./Places.ts"

/** Who owns the partitions now. */
export interface Owner {
  readonly ledger: OpenLedger
  readonly epoch: (partition: number) => number
  /** The highest sequence recorded in the stream of a partition. */
  readonly recordedUpTo: (partition: number) => number
  /** Whether the lease holds: no POST without. */
  readonly owns: () => boolean
}

export interface OpenEndpoints {
  /** What partitions hand over and ask; see Engine. */
  readonly engine: Engine
  /**
   * HAND OVER: starts nothing more, gives what is in flight the grace period, then aborts it and records it as held; what is ready is recorded as
   * held too. Ends when every record is acknowledged, at the latest two seconds after the grace.
   */
  readonly handOver: (grace: number) => Effect.Effect<void>
}

/** How long the last records may take. */
const recordsPatience = "1500 millis"
/** So many deliveries are looked for in the streams at a time; requests that wait longer than 10 s for it are void. */
const findsAtOnce = 4

export class Endpoints extends Context.Tag("hookline/endpoint/Endpoints")<Endpoints, {
  /** The actors of one ownership. Closing the scope aborts every attempt and records nothing: that is LOST. */
  readonly open: (owner: Owner) => Effect.Effect<OpenEndpoints, never, Scope.Scope>
}>() {
  static readonly layer = Layer.effect(
    Endpoints,
    Effect.gen(function*() {
      const config = yield* Config
      const subscriptions = yield* Subscriptions
      const attempting = yield* Attempting
      const bodies = yield* EventBodies
      const heldRecords = yield* HeldRecords
      const retries = yield* evaluate(schedule(config.retrySchedule))
      const room = placesWithinFileLimit() ?? config.maxInFlight
      if (room < config.maxInFlight) {
        yield* Effect.logWarning(
          `the limit of open files leaves room for ${room} attempts in flight, not ${settings.maxInFlight.env}=${config.maxInFlight}; raise it (ulimit -n)`
        )
      }

      const open = Effect.fnUntraced(function*({ epoch, ledger, owns, recordedUpTo }: Owner) {
        const attempt = yield* attempting.open(owns, ledger.now)
        const report = yield* FiberSet.makeRuntime<never>()
        const finding = yield* Effect.makeSemaphore(findsAtOnce)
        const early = yield* Effect.makeLatch(false)
        const engine = new Engine({
          ledger,
          owns,
          epoch,
          recordedUpTo,
          retries,
          concurrency: config.concurrency,
          places: new Places(Math.min(room, config.maxInFlight), makeBusy()),
          find: (webhookId) => {
            const webhook = subscriptions.get(webhookId)
            return webhook === undefined || webhook.deleted ? undefined : webhook
          },
          attempt,
          reader: {
            read: (range, onRecords, done) => {
              report(
                heldRecords.read(range, onRecords).pipe(
                  Effect.map((ended) => done(ended ? "end" : "enough")),
                  Effect.catchAllCause((cause) =>
                    Cause.isInterruptedOnly(cause) ? Effect.void : Effect.zipRight(
                      Effect.logWarning(`the backlog of ${range.webhookId} could not be read back`, cause),
                      Effect.sync(() => done("failed"))
                    )
                  )
                )
              )
            },
            find: (seen, range, take, done) => {
              report(
                heldRecords.find(seen, range, take).pipe(
                  Effect.map(done),
                  finding.withPermits(1),
                  Effect.catchAllCause((cause) =>
                    Cause.isInterruptedOnly(cause)
                      ? Effect.void
                      : Effect.logWarning(`a held delivery of ${range.webhookId} could not be looked for`, cause)
                  )
                )
              )
            }
          },
          keepBody: bodies.keep,
          report: (problem) => {
            report(Effect.logError(problem))
          },
          wake: () => {
            early.unsafeOpen()
          }
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => engine.abandon()))
        yield* Telemetry.register(() => engine.figures.readings())
        yield* subscriptions.onChange((webhook) => engine.changed(webhook.id))
        yield* Effect.suspend(() => {
          const pause = engine.sweep()
          // What the sweep itself asked for is in its answer.
          early.unsafeClose()
          return early.await.pipe(Effect.timeoutOption(pause))
        }).pipe(
          // A bug that one delivery brings out must not stop the clock of all others.
          Effect.catchAllDefect((defect) =>
            Effect.zipRight(Effect.logError("a sweep failed", Cause.die(defect)), Effect.sleep("1 second"))
          ),
          Effect.forever,
          Effect.forkScoped
        )

        const handOver = (grace: number) =>
          Effect.gen(function*() {
            engine.stop()
            yield* engine.idle.pipe(Effect.timeoutOption(grace))
            engine.abort()
            yield* ledger.drained.pipe(Effect.timeoutOption(recordsPatience))
          })
        return { engine, handOver } satisfies OpenEndpoints
      })
      return { open }
    })
  )
}

/** How busy the thread was between two calls. */
const makeBusy = () => {
  let before = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    return utilization
  }
}
