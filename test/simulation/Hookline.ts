import {
  Cause,
  Context,
  Effect,
  Either,
  Exit,
  type Fiber,
  FiberId,
  Layer,
  Logger,
  LogLevel,
  Option,
  Supervisor
} from "effect"
import { Config, type HooklineConfig, load } from "../../src/Config.ts"
import { Worker } from "../../src/dispatch/Worker.ts"
import { Attempting } from "../../src/endpoint/Attempting.ts"
import { Endpoints } from "../../src/endpoint/Endpoints.ts"
import { EventBodies } from "../../src/ledger/EventBodies.ts"
import { HeldRecords } from "../../src/ledger/HeldRecords.ts"
import { Ledger } from "../../src/ledger/Ledger.ts"
import { NoticePositions } from "../../src/ledger/NoticePositions.ts"
import { Positions } from "../../src/ledger/Positions.ts"
import { Recovery } from "../../src/ledger/Recovery.ts"
import { RetryRequests } from "../../src/ledger/RetryRequests.ts"
import { Snapshots } from "../../src/ledger/Snapshots.ts"
import { bundled } from "../../src/model/Catalogue.ts"
import { AttemptSpans } from "../../src/outbound/AttemptSpans.ts"
import { Sender } from "../../src/outbound/Sender.ts"
import { brandOf } from "../../src/outbound/Signature.ts"
import { KeyRing } from "../../src/registry/KeyRing.ts"
import { Subscriptions } from "../../src/registry/Subscriptions.ts"
import { Vault } from "../../src/registry/Vault.ts"
import { Webhooks } from "../../src/registry/Webhooks.ts"
import type { Endpoints as ModelEndpoints } from "./model/Endpoints.ts"
import type { Link } from "./model/Link.ts"
import type { ModelBroker } from "./model/ModelBroker.ts"
import { type Inboxes, services } from "./model/Services.ts"
import type { Process } from "./Process.ts"

/** The product as it is, but for the broker and the endpoints, each of its processes on its own. */

/** Offsets of the attempts: of the same shape as the product's own, and soon over. */
export const offsets: ReadonlyArray<number> = [0, 800, 6_000, 25_000, 60_000]
export const attemptTimeout = 10_000

export const configOf = (change: Partial<HooklineConfig>): HooklineConfig => ({
  ...Either.getOrThrow(load({ flags: {}, env: {}, dev: true })),
  retrySchedule: offsets,
  timeout: attemptTimeout,
  masterKeys: `k1:${Buffer.alloc(32, 1).toString("base64")}`,
  ...change
})

export interface Site {
  readonly broker: ModelBroker
  readonly inboxes: Inboxes
  readonly endpoints: ModelEndpoints
  readonly config: HooklineConfig
  /** So many records of a stream make a snapshot. */
  readonly snapshotRecords: number
  /** What nobody expects: a defect, an error that is a bug. */
  readonly unexpected: (problem: string) => void
  readonly trace: (line: string) => void
}

const worker = ({ config, endpoints, snapshotRecords }: Site, process: Process) =>
  Worker.layer(bundled, snapshotRecords).pipe(
    Layer.provideMerge(Endpoints.layer),
    Layer.provideMerge(Attempting.layer(brandOf(config, "simulated"))),
    Layer.provideMerge(Layer.mergeAll(Ledger.layer, EventBodies.layer, HeldRecords.layer, Recovery.layer)),
    Layer.provideMerge(Layer.mergeAll(Positions.layer, NoticePositions.layer, Snapshots.layer)),
    Layer.provideMerge(Layer.merge(Layer.succeed(Sender, endpoints.sender(process)), AttemptSpans.layer)),
    Layer.provideMerge(registry)
  )

const registry = Webhooks.layer(bundled).pipe(
  Layer.provideMerge(Vault.layer),
  Layer.provideMerge(Layer.merge(Subscriptions.layer, KeyRing.layer))
)

/** Bugs that the product logs as what it is: it goes on without that one delivery, or fiber. */
const bugs =
  /does not apply to|could not be matched|stumbled|sweep failed|callback|failed with an unhandled|not the stream that was read/

const loggerOf = (process: Process, site: Site) =>
  Logger.make(({ cause, logLevel, message }) => {
    const text = Array.isArray(message) ? message.map(String).join(" ") : String(message)
    const died = Option.getOrUndefined(Cause.dieOption(cause))
    if (died !== undefined) site.unexpected(`${process.name}: ${text}: ${Cause.pretty(cause)}`)
    else if (bugs.test(text)) site.unexpected(`${process.name}: ${text}`)
    else if (text.startsWith("worker stopped: ") && !/model: |An error has occurred|RevisionConflict/.test(text)) {
      site.unexpected(`${process.name}: ${text}`)
    }
    if (LogLevel.greaterThan(logLevel, LogLevel.Debug)) site.trace(`${process.name} ${logLevel.label} ${text}`)
  })

class Counting extends Supervisor.AbstractSupervisor<void> {
  readonly #process: Process
  constructor(process: Process) {
    super()
    this.#process = process
  }
  readonly value = Effect.void
  override onStart(): void {
    this.#process.fibers++
  }
  override onEnd(): void {
    this.#process.fibers--
  }
}

/** Runs on a process: its time, its event loop, its log. */
export const runOn = <A, E>(process: Process, site: Site, effect: Effect.Effect<A, E>): Fiber.RuntimeFiber<A, E> =>
  Effect.runFork(
    effect.pipe(
      Effect.supervised(new Counting(process)),
      Effect.withClock(process),
      Effect.provide(Layer.merge(
        Logger.replace(Logger.defaultLogger, loggerOf(process, site)),
        Logger.minimumLogLevel(LogLevel.Debug)
      ))
    ),
    { scheduler: process }
  )

export interface Running<R> {
  readonly process: Process
  readonly link: Link
  readonly context: () => Context.Context<R> | undefined
  /** A graceful end; `isOver` says when. */
  readonly stop: () => void
  readonly isOver: () => boolean
}

const start = <R, E>(
  process: Process,
  link: Link,
  site: Site,
  layer: Layer.Layer<R, E, Config | Layer.Layer.Success<ReturnType<typeof services>>>
): Running<R> => {
  let context: Context.Context<R> | undefined
  let over = false
  const whole = layer.pipe(
    Layer.provide(services(site.broker, link, site.inboxes)),
    Layer.provide(Layer.succeed(Config, site.config))
  )
  const fiber = runOn(
    process,
    site,
    Layer.build(Layer.fresh(whole)).pipe(
      Effect.flatMap((built) => {
        context = built
        // Not Effect.never: its real timer would keep this process alive for one that is dead.
        return Effect.async<never>(() => {})
      }),
      Effect.scoped
    )
  )
  fiber.addObserver((exit) => {
    over = true
    if (Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause)) {
      const pretty = Cause.pretty(exit.cause)
      if (!/model: /.test(pretty)) site.unexpected(`${process.name} ended: ${pretty}`)
    }
  })
  return {
    process,
    link,
    context: () => context,
    stop: () => fiber.unsafeInterruptAsFork(FiberId.none),
    isOver: () => over
  }
}

export const startWorker = (process: Process, link: Link, site: Site): Running<Worker> =>
  start(process, link, site, worker(site, process))

export const startApi = (process: Process, link: Link, site: Site) =>
  start(process, link, site, Layer.provideMerge(RetryRequests.layer, registry))

export type Api = ReturnType<typeof startApi>
