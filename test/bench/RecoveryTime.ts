/** How long hookline takes to be ready again after a kill -9 with many deliveries that wait for their second attempt. */
import { Effect, Schedule } from "effect"
import { streamCounts } from "./Broker.ts"
import { BenchFailed, within } from "./Child.ts"
import { createWebhooks, embeddedBroker, type Site, withProduct } from "./Product.ts"
import { faultsOf, mostWebhooks, type Stage } from "./Stage.ts"

export interface RecoveryResult {
  readonly deliveries: number
  /** From the start of the process to `readyz` 200 with a running worker; the embedded broker's own start is in it. */
  readonly seconds: number
  /** Of that, from the lease to running, as the worker says: the rest is the starts of process and broker, and the wait for the former lease. */
  readonly workerSeconds: number | null
  /** What the worker says it has recovered. */
  readonly live: number | null
  readonly faults: ReadonlyArray<string>
}

/** The last number that the worker logged in this form. */
const lastIn = (log: string, form: RegExp): number | null => {
  const found = [...log.matchAll(form)].at(-1)?.[1]
  return found === undefined ? null : Number(found)
}

export const recovery = (stage: Stage): Effect.Effect<RecoveryResult, BenchFailed> => {
  const { options, publisher, sink } = stage
  const round = stage.round(options.deliveries, mostWebhooks)
  const site: Site = {
    main: options.main,
    directory: stage.room("recovery"),
    // A second attempt is not due before the bench is over: it comes 5 minutes after the first at the earliest.
    settings: { HOOKLINE_SYNC: "2m", HOOKLINE_RETRY_SCHEDULE: "0s,12h,24h" },
    profiles: undefined
  }
  const patience = 60_000 + round.count * 5
  const fill = withProduct(site, (product) =>
    Effect.scoped(Effect.gen(function*() {
      yield* stage.say(`recovery with ${round.count} deliveries that wait for a retry`)
      yield* product.ready
      yield* createWebhooks(product, stage.ports)
      const counts = yield* streamCounts((yield* embeddedBroker(site, "operator")).url)
      const { url } = yield* embeddedBroker(site, "publisher")
      yield* sink.call("expect", { round, status: 500, verifyEvery: 1000 }, "10 seconds")
      yield* publisher.call("backlog", { natsUrl: url, round }, "5 minutes")
      yield* sink.call("complete", undefined, patience)
      yield* counts.records("attempt_failed").pipe(
        Effect.filterOrFail((count) => count === round.count, () => "not yet" as const),
        Effect.retry({
          schedule: Schedule.spaced("200 millis"),
          while: (why) => why === "not yet"
        }),
        Effect.mapError((why) => why === "not yet" ? new BenchFailed({ message: why }) : why),
        within("a record of every attempt", "30 seconds")
      )
      yield* product.kill
    })))
  const again = withProduct(site, (product) =>
    Effect.gen(function*() {
      const seconds = yield* product.ready
      const live = lastIn(product.log(), /(\d+) live deliveries/g)
      const worker = lastIn(product.log(), /ready after (\d+) ms/g)
      const tally = yield* sink.call("tally", undefined, "10 seconds")
      const faults = faultsOf(tally, true)
      yield* stage.say(`  ready after ${seconds.toFixed(2)} s with ${live} live deliveries`)
      return {
        deliveries: round.count,
        seconds,
        workerSeconds: worker === null ? null : worker / 1000,
        live,
        faults: live === round.count ? faults : [...faults, `${live} live deliveries after the restart`]
      }
    }))
  return Effect.zipRight(fill, again)
}
