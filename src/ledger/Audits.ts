import { Clock, Context, Data, Effect, Layer } from "effect"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Config } from "../Config.ts"
import type { Examine, Examined } from "./audit/Protocol.ts"
import type { Report } from "./audit/Report.ts"

/** An audit that is asked for over the API is refused beyond so many events; the command has no such limit. */
const mostEvents = 1_000_000
/** How long it may take. */
const patience = "60 seconds"

/** `running`: another one is; `impossible`: of this range it cannot be told; `unavailable`: the broker gave no answer, or it took too long. */
export class AuditRefused extends Data.TaggedError("AuditRefused")<{
  readonly reason: "running" | "impossible" | "unavailable"
  readonly message: string
}> {}

const entry = import.meta.url.endsWith(".ts")
  // Tests run the sources; a process of its own runs what was built.
  ? new URL("../../dist/ledger/audit/Process.js", import.meta.url)
  : new URL("./audit/Process.js", import.meta.url)

/** A process, until it has answered; killed when nobody waits any more. */
const examine = (question: Examine) =>
  Effect.async<Examined>((resume) => {
    const child = fork(fileURLToPath(entry), [], {
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      execArgv: ["--enable-source-maps"]
    })
    const ended = (why: string) => resume(Effect.succeed({ type: "unavailable", message: why }))
    child.once("message", (answer: Examined) => resume(Effect.succeed(answer)))
    child.once("error", (error) => ended(error.message))
    child.once("exit", (code, signal) => ended(`its process ended (${String(signal ?? code)})`))
    child.send(question, () => undefined)
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Audits beside what delivers: each a process of its own at low priority, one at a time. */
export class Audits extends Context.Tag("hookline/ledger/Audits")<Audits, {
  /** Of the events published from `from` on and before `to`, broker milliseconds. Stops when whoever asks is gone. */
  readonly verify: (range: {
    readonly from: number | undefined
    readonly to: number | undefined
  }) => Effect.Effect<Report, AuditRefused>
}>() {
  /** `natsUrl` with credentials. */
  static readonly layer = (natsUrl: string) =>
    Layer.effect(
      Audits,
      Effect.gen(function*() {
        const { catalogue } = yield* Config
        const alone = yield* Effect.makeSemaphore(1)

        return {
          verify: ({ from, to }) =>
            examine({ natsUrl, catalogue, from, to, most: mostEvents }).pipe(
              // A process is real, whatever clock is in force.
              Effect.timeoutTo({
                duration: patience,
                onSuccess: (answer): Examined => answer,
                onTimeout: (): Examined => ({ type: "unavailable", message: `it took longer than ${patience}` })
              }),
              Effect.withClock(Clock.make()),
              Effect.flatMap((answer) =>
                answer.type === "report"
                  ? Effect.succeed(answer.report)
                  : Effect.fail(new AuditRefused({ reason: answer.type, message: answer.message }))
              ),
              alone.withPermitsIfAvailable(1),
              Effect.flatMap(
                Effect.mapError(() =>
                  new AuditRefused({
                    reason: "running",
                    message: "another audit is running; ask again when it has ended"
                  })
                )
              )
            )
        }
      })
    )
}
