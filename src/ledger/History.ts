import { Cause, Clock, Context, Data, Deferred, Effect, Fiber, Layer, type Scope } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import { mkdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { Topology } from "../broker/Topology.ts"
import { Config } from "../Config.ts"
import * as Telemetry from "../Telemetry.ts"
import type { Begin, FromHistory, Progress, ToHistory } from "./history/Protocol.ts"
import type { Answers, Questions } from "./history/Questions.ts"

/** The history cannot be asked now; asking again later is safe. */
export class HistoryUnavailable extends Data.TaggedError("HistoryUnavailable")<{ readonly detail: string }> {
  override get message(): string {
    return `the history cannot be asked: ${this.detail}`
  }
}

/** `starting`: its process is not there yet; `stopped`: it ended and is started again. The others: see Protocol.ts. */
export interface HistoryStatus extends Omit<Progress, "type" | "state"> {
  readonly state: Progress["state"] | "starting" | "stopped"
}

/** Questions that wait for an answer, at most; one more is refused. */
const mostWaiting = 256
/** How long an answer may take: far above what one takes that an index serves. */
const patience = "10 seconds"
/** Between the end of the process and its next start, doubling. */
const restartPause = { first: 500, longest: 30_000 }
/** A rebuild is looked at so often, and told of every so many looks. */
const lookEvery = 100
const looksPerLine = 20

/**
 * The thread that delivers is watched in steps of this length; busy for more than `on` of one, it has all it can do, until it is less than `off`.
 * Deliveries go first then: the history reads slowly, falls behind and says so.
 */
const busy = { step: 250, on: 0.9, off: 0.75 }

const entry = import.meta.url.endsWith(".ts")
  // Tests run the sources; a process of its own runs what was built.
  ? new URL("../../dist/ledger/history/Process.js", import.meta.url)
  : new URL("./history/Process.js", import.meta.url)

/**
 * The read model of everything people look at: deliveries, events, health. It is a fold of the streams in an SQLite file in the data directory,
 * `history.db`, kept by a process of its own (history/Process.ts); the file can be deleted at any time and is made anew.
 */
export class History extends Context.Tag("hookline/ledger/History")<History, {
  readonly ask: <Name extends keyof Questions>(
    name: Name,
    question: Questions[Name]
  ) => Effect.Effect<Answers[Name], HistoryUnavailable>
  readonly status: () => HistoryStatus
}>() {
  /** `natsUrl` with credentials. */
  static readonly layer = (natsUrl: string) => Layer.scoped(History, make(natsUrl))
}

type Settle = (answer: FromHistory & { readonly type: "answer" } | HistoryUnavailable) => void

const nothing: HistoryStatus = { state: "starting", read: 0, behind: 0, unreadable: 0, problem: "" }

const tell = (child: ChildProcess, message: ToHistory): void => {
  // A process that is about to end takes nothing more; its end settles who waits.
  child.send(message, () => undefined)
}

const make = (natsUrl: string) =>
  Effect.gen(function*() {
    const config = yield* Config
    const topology = yield* Topology
    // A process is real, whatever clock is in force.
    const clock = Clock.make()
    const directory = resolve(config.data)
    yield* Effect.promise(() => mkdir(directory, { recursive: true, mode: 0o700 }))
    const begin: Begin = {
      type: "begin",
      natsUrl,
      path: join(directory, "history.db"),
      partitions: topology.partitions,
      deliveriesStreams: topology.deliveriesStreams,
      logLevel: config.logLevel,
      logFormat: config.logFormat,
      created: topology.created
    }
    const waiting = new Map<number, Settle>()
    let next = 0
    let status = nothing
    let child: ChildProcess | undefined
    let restrained = false
    const begun = yield* Deferred.make<void>()

    const onMessage = (message: FromHistory): void => {
      if (message.type === "progress") {
        status = message
        return
      }
      const settle = waiting.get(message.id)
      waiting.delete(message.id)
      settle?.(message)
    }
    const failAll = (detail: string): void => {
      const all = [...waiting.values()]
      waiting.clear()
      for (const settle of all) settle(new HistoryUnavailable({ detail }))
    }

    /** One process, until it ends; its code or signal. */
    const life: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
      Effect.sync(() => {
        const running = fork(fileURLToPath(entry), [], {
          serialization: "advanced",
          stdio: ["ignore", "inherit", "inherit", "ipc"],
          execArgv: ["--enable-source-maps"]
        })
        running.on("message", onMessage)
        tell(running, begin)
        tell(running, { type: "restrain", on: restrained })
        child = running
        Deferred.unsafeDone(begun, Effect.void)
        return running
      }),
      (running) =>
        Effect.sync(() => {
          child = undefined
          if (running.connected) running.disconnect()
        })
    ).pipe(
      Effect.flatMap((running) =>
        Effect.async<string>((resume) => {
          if (running.exitCode !== null) return resume(Effect.succeed(String(running.exitCode)))
          running.once("error", (error) => resume(Effect.succeed(error.message)))
          running.once("exit", (code, signal) => resume(Effect.succeed(String(signal ?? code))))
        })
      )
    )

    const lives = yield* Effect.gen(function*() {
      let pause = restartPause.first
      for (;;) {
        const started = clock.unsafeCurrentTimeMillis()
        const ended = yield* Effect.scoped(life).pipe(
          Effect.catchAllCause((cause) =>
            Cause.isInterruptedOnly(cause)
              ? Effect.interrupt
              : Effect.as(Effect.logError("keeping the history's process failed", cause), "hookline could not keep it")
          )
        )
        status = { ...status, state: "stopped", problem: `its process ended (${ended})` }
        failAll("its process has ended and is started again")
        yield* Effect.logError(`the history's process ended (${ended}); it is started again in ${pause} ms`)
        yield* Effect.sleep(pause)
        pause = clock.unsafeCurrentTimeMillis() - started > 60_000
          ? restartPause.first
          : Math.min(pause * 2, restartPause.longest)
      }
    }).pipe(Effect.withClock(clock), Effect.forkScoped)
    const watch = Effect.gen(function*() {
      let before = performance.eventLoopUtilization()
      for (;;) {
        yield* Effect.sleep(busy.step)
        const now = performance.eventLoopUtilization()
        const { utilization } = performance.eventLoopUtilization(now, before)
        before = now
        const on = utilization > (restrained ? busy.off : busy.on)
        if (on === restrained) continue
        restrained = on
        if (child?.connected === true) tell(child, { type: "restrain", on })
      }
    })
    yield* watch.pipe(Effect.withClock(clock), Effect.forkScoped)
    // From here on there is somebody to ask, who keeps a question until it is known what can be answered.
    yield* Effect.raceFirst(Deferred.await(begun), Fiber.join(lives))

    yield* Telemetry.register(() => ({ hookline_history_lag_messages: status.behind }))
    yield* progressLines(() => status).pipe(Effect.withClock(clock), Effect.forkScoped)
    yield* Effect.addFinalizer(() => Effect.sync(() => failAll("hookline stops")))

    const ask = <Name extends keyof Questions>(name: Name, question: Questions[Name]) =>
      Effect.async<Answers[Name], HistoryUnavailable>((resume) => {
        const refuse = (detail: string) => resume(new HistoryUnavailable({ detail }))
        if (child === undefined || !child.connected) return refuse("its process is not there yet")
        if (waiting.size >= mostWaiting) return refuse(`${mostWaiting} questions wait already`)
        const id = next++
        waiting.set(id, (answer) => {
          if (answer instanceof HistoryUnavailable) return resume(answer)
          if (answer.problem !== undefined) return refuse(answer.problem)
          resume(Effect.succeed(answer.value as Answers[Name]))
        })
        tell(child, { type: "ask", id, name, question })
        return Effect.sync(() => waiting.delete(id))
      }).pipe(
        Effect.timeoutFail({
          duration: patience,
          onTimeout: () => new HistoryUnavailable({ detail: `no answer within ${patience}` })
        }),
        Effect.withClock(clock)
      )
    return { ask, status: () => status }
  })

/** A line now and then while a rebuild goes on, and one when it is done. */
const progressLines = (status: () => HistoryStatus) =>
  Effect.gen(function*() {
    let before: HistoryStatus | undefined
    for (let looks = 1;; looks++) {
      yield* Effect.sleep(lookEvery)
      const now = status()
      const { behind, read, state } = now
      if (state === "rebuilding" && looks % looksPerLine === 0) {
        const rate = Math.round((read - (before?.read ?? 0)) / (lookEvery * looksPerLine / 1000))
        const part = Math.floor(100 * read / Math.max(1, read + behind))
        yield* Effect.logInfo(
          `the history is being rebuilt: ${part} % (${read} of ${read + behind} messages), ${rate}/s`
        )
        before = now
      } else if (state === "following" && before !== undefined) {
        before = undefined
        yield* Effect.logInfo(`the history is rebuilt: ${read} messages`)
      }
    }
  })
