// @ts-check
/**
 * `npm run demo`: everything in half a minute, nothing pretended. It starts the product (`hookline start --dev`) on free ports and a temporary
 * data directory, with a retry schedule of seconds; makes three webhooks to an HTTP server of its own; publishes the example of each of the
 * catalogue's event types as a service would, over NATS with an awaited acknowledgement; and prints each attempt as it arrives there. It ends
 * with 0 when all that was owed has come, signed and byte for byte, and the product's own records say the same.
 *
 * Plain JavaScript, because Node 20 runs no TypeScript.
 */
import { runMain } from "@effect/platform-node/NodeRuntime"
import { Cause, Clock, Data, Effect, Schedule } from "effect"
import { connect, headers } from "nats"
import { execFile, spawn } from "node:child_process"
import { createHmac } from "node:crypto"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { Webhook } from "standardwebhooks"

const main = new URL("../../dist/main.js", import.meta.url).pathname
const workspace = "ws_demo"
const patience = "25 seconds"
/** The failing endpoint's answers to the first attempts of each event; after these it is well. */
const failures = [500, 503]

/** What the demo is about: who gets what. */
const subscriptions = [
  { name: "all", events: ["*"], fails: false },
  { name: "projects", events: ["project.*"], fails: false },
  { name: "failing", events: ["task.*"], fails: true }
]

class DemoFailed extends /** @type {new (fields: { message: string }) => Error} */ (Data.TaggedError("DemoFailed")) {}

/** @param {string} line */
const say = (line) => Effect.sync(() => process.stdout.write(`${line}\n`))

/** @template A @param {string} what @param {() => Promise<A>} work */
const step = (what, work) =>
  Effect.tryPromise({ try: work, catch: (cause) => new DemoFailed({ message: `${what}: ${String(cause)}` }) })

const directory = Effect.acquireRelease(
  step("a temporary directory", () => mkdtemp(join(tmpdir(), "hookline-demo-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true, maxRetries: 5 }))
)

/** The product as a user starts it; it is asked to drain and stop when the demo ends, however that is. @param {string} data */
const started = (data) =>
  Effect.gen(function*() {
    const flags = ["--data", data, "--port", "0", "--nats-port", "0", "--retry-schedule", "0s,1s,2s,4s,8s"]
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HOOKLINE_")))
    let output = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [main, "start", "--dev", ...flags], { env })),
      (child) =>
        Effect.async((/** @type {(ended: Effect.Effect<void>) => void} */ resume) => {
          if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGTERM")
        }).pipe(
          Effect.interruptible,
          Effect.timeoutOption("12 seconds"),
          Effect.zipRight(Effect.sync(() => child.kill("SIGKILL")))
        )
    )
    const keep = (/** @type {Buffer} */ part) => {
      output += part.toString()
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    const ended = () => child.exitCode !== null || child.signalCode !== null
    yield* Effect.suspend(() => output.includes("hookline is ready") || ended() ? Effect.void : Effect.fail("not yet"))
      .pipe(Effect.retry(Schedule.spaced("20 millis")), Effect.timeoutOption("20 seconds"))
    if (!output.includes("hookline is ready")) {
      return yield* new DemoFailed({ message: `hookline did not start:\n${output}` })
    }
    const [server, key] = yield* step(
      "reading the data directory",
      () => Promise.all([readFile(join(data, "server.json"), "utf8"), readFile(join(data, "operator.key"), "utf8")])
    )
    const natsUrl = yield* step("hookline nats-url", () =>
      promisify(execFile)(process.execPath, [main, "nats-url", "--publisher", "--data-dir", data], { env }))
    return { url: String(JSON.parse(server).url), key: key.trim(), natsUrl: new URL(natsUrl.stdout.trim()) }
  })

/**
 * The endpoints: one server, a path each. Calls `arrived` for each request and answers with the status that it gives.
 * @param {(arrival: { name: string, headers: import("node:http").IncomingHttpHeaders, body: string }) => number} arrived
 */
const receiver = (arrived) =>
  Effect.acquireRelease(
    Effect.async((/** @type {(server: Effect.Effect<import("node:http").Server>) => void} */ resume) => {
      const server = createServer((request, response) => {
        /** @type {Array<Buffer>} */
        const parts = []
        request.on("data", (part) => parts.push(part))
        request.on("end", () => {
          const name = String(request.url).slice(1)
          response.statusCode = arrived({ name, headers: request.headers, body: Buffer.concat(parts).toString() })
          response.end()
        })
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => {
    const address = server.address()
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
  }))

/** Both signatures, each checked without the product's code. @param {import("node:http").IncomingHttpHeaders} given @param {string} body @param {string} secret */
const isSigned = (given, body, secret) => {
  const hex = createHmac("sha256", secret).update(body).digest("hex")
  try {
    new Webhook(secret).verify(body, /** @type {Record<string, string>} */ (given))
    return given["x-webhook-signature"] === hex
  } catch {
    return false
  }
}

const demo = Effect.gen(function*() {
  const data = yield* directory
  /** What is owed: `<webhook> <event id>` to the event, and the attempts seen of it. @type {Map<string, { name: string, type: string, data: string, attempts: number, done: boolean }>} */
  const owed = new Map()
  /** @type {Map<string, { id: string, secret: string }>} */
  const webhooks = new Map()
  /** @type {Array<string>} */
  const wrong = []
  let attempts = 0

  // Before the product, so that it goes after it: an attempt in flight at the end is answered.
  const endpoints = yield* receiver(({ body, headers, name }) => {
    const event = owed.get(`${name} ${String(headers["webhook-id"])}`)
    const verified = isSigned(headers, body, webhooks.get(name)?.secret ?? "")
    if (event === undefined) {
      wrong.push(`${name} got what it is not owed: ${body.slice(0, 200)}`)
      return 200
    }
    attempts++
    event.attempts++
    const fails = subscriptions.find((subscription) => subscription.name === name)?.fails === true
    const status = (fails ? failures[event.attempts - 1] : undefined) ?? 200
    const same = body.endsWith(`,"data":${event.data}}`)
    if (!verified) wrong.push(`${name} ${event.type}: a signature is wrong`)
    if (!same) wrong.push(`${name} ${event.type}: data is not what was published`)
    if (event.done) wrong.push(`${name} ${event.type}: came again after its 200`)
    event.done ||= status === 200
    process.stdout.write(`${
      [
        new Date().toISOString().slice(11, 23),
        name.padEnd(9),
        event.type.padEnd(24),
        `attempt ${event.attempts}`,
        `answered ${status}`,
        verified && same ? "signature ok" : "SIGNATURE WRONG"
      ].join("  ")
    }\n`)
    return status
  })
  yield* say("Starting hookline (broker, worker, API) on free ports and a temporary data directory …")
  const hookline = yield* started(data)
  yield* say(`API ${hookline.url}, NATS nats://${hookline.natsUrl.host}, endpoints ${endpoints}\n`)

  const api = (/** @type {string} */ method, /** @type {string} */ path, /** @type {unknown} */ body) =>
    step(`${method} ${path}`, async () => {
      const response = await fetch(`${hookline.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${hookline.key}`, "x-workspace-id": workspace },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${response.status} ${text}`)
      return JSON.parse(text)
    })

  for (const { events, fails, name } of subscriptions) {
    const webhook = yield* api("POST", "/v1/webhooks", { url: `${endpoints}/${name}`, events })
    webhooks.set(name, webhook)
    const note = fails ? `, answers ${failures.join(" and ")} before 200` : ""
    yield* say(`webhook ${name.padEnd(9)} ${webhook.id}  for ${events.join(", ")}${note}`)
  }

  // hookline's own types cannot be published.
  /** @type {ReadonlyArray<{ type: string, example: unknown, reserved?: true }>} */
  const all = (yield* api("GET", "/v1/event-types", undefined)).data
  const types = all.filter(({ reserved }) => reserved !== true)
  const client = yield* Effect.acquireRelease(
    step("connecting to NATS", () =>
      connect({
        servers: hookline.natsUrl.host,
        user: hookline.natsUrl.username,
        pass: hookline.natsUrl.password
      })),
    (client) => Effect.promise(() => client.close())
  )
  yield* say(`\nPublishing the ${types.length} examples of the catalogue to events.${workspace}.<type>:\n`)
  const began = yield* Clock.currentTimeMillis
  for (const [index, { example, type }] of types.entries()) {
    const id = `evt_demo_${index + 1}`
    const text = JSON.stringify(example)
    for (const { events, name } of subscriptions) {
      const wanted = events.some((pattern) => pattern === "*" || pattern === `${type.split(".")[0]}.*`)
      if (wanted) owed.set(`${name} ${id}`, { name, type, data: text, attempts: 0, done: false })
    }
    const options = headers()
    options.set("Nats-Msg-Id", `${workspace}/${id}`)
    yield* step(`publishing ${type}`, () =>
      client.jetstream().publish(`events.${workspace}.${type}`, `{"id":"${id}","data":${text}}`, { headers: options }))
  }

  const missing = () => [...owed.values()].filter(({ done }) => !done).map(({ name, type }) => `${name} ${type}`)
  /** The product's own records of what was owed and has not succeeded, or not with as many attempts as came here. */
  const unrecorded = Effect.gen(function*() {
    /** @type {Array<string>} */
    const found = []
    for (const [name, { id }] of webhooks) {
      /** @type {ReadonlyArray<{ event_id: string, status: string, attempts: number }>} */
      const deliveries = (yield* api("GET", `/v1/deliveries?webhook_id=${id}`, undefined)).data
      for (const [key, event] of owed) {
        if (event.name !== name) continue
        const delivery = deliveries.find(({ event_id }) => key === `${name} ${event_id}`)
        if (delivery?.status === "succeeded" && delivery.attempts === event.attempts) continue
        found.push(`${name} ${event.type}: ${delivery?.status ?? "no record"}, ${delivery?.attempts ?? 0} attempts`)
      }
    }
    return found
  })
  yield* Effect.suspend(() => missing().length === 0 ? Effect.void : Effect.fail("not yet")).pipe(
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.zipRight(Effect.repeat(unrecorded, {
      until: (found) => found.length === 0,
      schedule: Schedule.spaced("50 millis")
    })),
    Effect.timeoutOption(patience)
  )
  const seconds = (((yield* Clock.currentTimeMillis) - began) / 1000).toFixed(1)
  const problems = [
    ...missing().map((what) => `did not arrive: ${what}`),
    ...(yield* unrecorded).map((what) => `not recorded as it came: ${what}`),
    ...wrong
  ]
  yield* say(
    `\n${types.length} events, ${owed.size} deliveries owed, ${owed.size - missing().length} arrived, ${attempts} attempts (${
      attempts - owed.size
    } of them again after a failure), ${seconds} s`
  )
  if (problems.length > 0) return yield* new DemoFailed({ message: problems.join("\n") })
  yield* say("Everything owed has arrived, every signature verified. Stopping hookline …")
})

demo.pipe(
  Effect.scoped,
  Effect.tapErrorCause((cause) =>
    Cause.isInterruptedOnly(cause) ? Effect.void : say(`\nThe demo failed: ${Cause.pretty(cause).split("\n    at ")[0]}`)
  ),
  (program) => runMain(program, { disableErrorReporting: true })
)
