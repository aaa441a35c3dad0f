/** While the history is being rebuilt: what the API answers all the same, and who waits for it. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { eventSubject } from "../../src/broker/Subjects.ts"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { run } from "../../src/surface/cli/Cli.ts"
import { Shell } from "../../src/surface/cli/Shell.ts"
import { anotherApi, ask, operatorKey } from "../support/api.ts"
import { brokerLayer, eventually, TestBroker } from "../support/broker.ts"
import { program, shell, type, type Typed } from "../support/shell.ts"

/** So many that reading them takes the history more than one look. */
const events = 40_000

const filled = Effect.flatMap(AppendLog, (log) =>
  Effect.forEach(
    Array.from({ length: events }, (_, number) => number),
    (number) => log.append({ subject: eventSubject("ws_1", "task.created"), data: `{"id":"evt_${number}","data":{}}` }),
    { concurrency: 500, discard: true }
  )).pipe(Effect.orDie)

/** An API whose history begins at nothing: it is asked at once, and knows of that many messages half a second later. */
const begun = Effect.gen(function*() {
  const { url } = yield* TestBroker
  const context = yield* Layer.build(Layer.fresh(anotherApi(url)))
  return { context, env: { HOOKLINE_URL: Context.get(context, ApiServer).url, HOOKLINE_API_KEY: operatorKey } }
})

const listed = ["deliveries", "list", "--workspace", "ws_1", "--json"]
const terminal = (env: Typed["env"]): Typed => ({ ...(env && { env }), columns: 120 })
/** What a terminal has of a bar, one text for each time that it was drawn. */
const drawn = (error: string) => error.split("\r\u001b[2K").filter((text) => text !== "")
const aBar = /^the history is being rebuilt {2}\[#* *\] \d+ % {2}\d+ of \d+ messages$/

describe("while the history is being rebuilt", () => {
  it.scopedLive(
    "a command on a terminal shows how far it is and goes on; without one it is told so; webhooks are shown",
    () =>
      Effect.gen(function*() {
        yield* filled
        const { context, env } = yield* begun
        const on = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, context)
        const made = yield* on(ask("POST", "/v1/webhooks", { body: { url: "https://example.com/", events: ["*"] } }))
        const path = `/v1/webhooks/${String(made.json.id)}`
        const [piped, waited, shown, webhooks, workspaces] = yield* Effect.all([
          type(listed, { env }),
          type(listed, terminal(env)),
          on(ask("GET", path)),
          on(ask("GET", "/v1/webhooks?include=health")),
          on(ask("GET", "/v1/workspaces"))
        ], { concurrency: "unbounded" })
        expect(piped).toEqual({
          code: 1,
          out: "",
          error: "error: the history cannot be asked now: it is being rebuilt, or another process writes its file\n"
        })
        expect(waited.code).toBe(0)
        expect(JSON.parse(waited.out)).toMatchObject({ data: [], next: null })
        const bars = drawn(waited.error)
        expect(bars.length).toBeGreaterThan(0)
        for (const text of bars) expect(text).toMatch(aBar)
        expect(waited.error.endsWith("\r\u001b[2K"), "nothing is left of it").toBe(true)
        expect(shown.json).toMatchObject({ id: made.json.id, held: null, suppressed: null })
        expect(webhooks.json).toMatchObject({ data: [{ id: made.json.id, health: null }] })
        expect(workspaces.json).toMatchObject({ data: [{ id: "ws_1" }], complete: false })

        expect((yield* type(listed, terminal(env))).error).toBe("")
        expect((yield* on(ask("GET", path))).json).toMatchObject({ held: 0, suppressed: 0 })
        expect((yield* on(ask("GET", "/v1/webhooks?include=health"))).json.data?.[0]?.health).not.toBeNull()
        expect((yield* on(ask("GET", "/v1/workspaces"))).json.complete).toBe(true)
      }).pipe(Effect.scoped, Effect.provide(brokerLayer())),
    60_000
  )

  it.scopedLive("Ctrl-C ends the waiting, and leaves no bar behind", () =>
    Effect.gen(function*() {
      yield* filled
      const { env } = yield* begun
      const { error, service } = shell(terminal(env))
      const command = yield* Effect.fork(run(listed, program).pipe(Effect.provideService(Shell, service)))
      yield* eventually("the bar is there", () => drawn(error()).length > 0)
      yield* Fiber.interrupt(command)
      expect(error().endsWith("\r\u001b[2K")).toBe(true)
    }).pipe(Effect.scoped, Effect.provide(brokerLayer())), 60_000)
})
