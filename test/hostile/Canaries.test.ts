import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { cookiesOf } from "../support/browser.ts"
import { type Canary, Outgoing } from "../support/canaries.ts"
import { collector } from "../support/collector.ts"
import { product } from "../support/product.ts"
import { natsClient } from "../support/publisher.ts"
import { type } from "../support/shell.ts"
import { until, untilDelivery } from "../support/until.ts"

/** Too short for a secret, and long enough to be found nowhere by chance. */
const short = () => `k${randomBytes(9).toString("base64").replaceAll(/[+/]/g, "x").slice(0, 6)}`
const random = () => randomBytes(24).toString("hex")

/** An endpoint of which every byte is kept that reaches it; it answers all requests alike. */
const rawEndpoint = (
  name: string,
  out: Outgoing,
  answer: string | ((request: string) => string)
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
        const open = new Set<Socket>()
        const server = createServer((socket) => {
          open.add(socket)
          socket.on("error", () => undefined)
          socket.on("data", (bytes) => {
            out.add(`socket of ${name}`, bytes)
            if (bytes.includes("\r\n\r\n")) {
              socket.end(typeof answer === "string" ? answer : answer(bytes.toString("latin1")))
            }
          })
        })
        server.listen(0, "127.0.0.1", () =>
          resume(Effect.succeed({
            url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
            close: () => {
              server.close()
              open.forEach((socket) => socket.destroy())
            }
          })))
      }),
      ({ close }) => Effect.sync(close)
    ),
    ({ url }) => url
  )

const head = (status: string, body: string) =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`

/** A hookline that is given settings it cannot start with: what it says. */
const refusedStart = (env: Readonly<Record<string, string>>) =>
  Effect.async<string>((resume) => {
    const directory = mkdtempSync(join(tmpdir(), "hookline-canary-"))
    const child = spawn(process.execPath, [
      "dist/main.js",
      "start",
      "--dev",
      "--data",
      directory,
      "--port",
      "0",
      "--nats-port",
      "0"
    ], {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let said = ""
    child.stdout.on("data", (part: Buffer) => said += part.toString())
    child.stderr.on("data", (part: Buffer) => said += part.toString())
    // Not at its exit: then its last words are still on their way.
    child.once("close", () => {
      rmSync(directory, { recursive: true, force: true })
      resume(Effect.succeed(said))
    })
    return Effect.sync(() => void child.kill("SIGKILL"))
  }).pipe(Effect.timeout("20 seconds"), Effect.orDie)

/** Where the broker's own credentials have to be (README), and its program, whose hash is checked at each start. */
const notSearched = (name: string): boolean => name === "broker.json" || name.startsWith("nats-server")

/** Loaded into the process before its own code: throws where nobody catches, when it is asked to. */
const throwing = "process.on('SIGUSR2', () => { throw new Error('injected, caught by nobody') })"

describe("secrets", () => {
  it.scopedLive("leave in no byte but where the contract says", () =>
    Effect.gen(function*() {
      const out = new Outgoing()
      const canaries: Array<Canary> = []
      const canary = (name: string, value: string): string => {
        canaries.push({ name, value })
        return value
      }
      const masterKey = randomBytes(32).toString("base64")
      canaries.push({ name: "master key", value: masterKey.replace("=", "") })
      const operatorSecret = canary("operator's key", random())
      const operatorKey = `hk_op_${operatorSecret}`
      const otlp = yield* collector()
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-canary-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
      )
      const preload = join(directory, "throwing.mjs")
      writeFileSync(preload, throwing)
      const collectorKey = canary("the collector's key", random())
      const hookline = yield* product({
        env: {
          HOOKLINE_MASTER_KEYS: `k1:${masterKey}`,
          HOOKLINE_OPERATOR_KEY: operatorKey,
          HOOKLINE_LOG_LEVEL: "debug",
          HOOKLINE_SYNC: "2m",
          HOOKLINE_RETRY_SCHEDULE: "0s,1s,2s",
          OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
          OTEL_EXPORTER_OTLP_HEADERS: `x-collector-key=${collectorKey}`,
          OTEL_METRIC_EXPORT_INTERVAL: "500",
          OTEL_METRIC_EXPORT_TIMEOUT: "400",
          OTEL_BSP_SCHEDULE_DELAY: "200",
          NODE_OPTIONS: `--import=${preload}`
        }
      })
      const natsPassword = canary("the broker's password", new URL(hookline.natsUrl()).password)

      /** A request, of which the whole answer is kept; `shown`: this one shows a secret once. */
      const ask = (
        method: string,
        path: string,
        body?: unknown,
        headers: Readonly<Record<string, string>> = {},
        shown = false
      ) =>
        Effect.promise(async () => {
          const response = await fetch(`${hookline.url()}${path}`, {
            method,
            headers: { authorization: `Bearer ${operatorKey}`, "x-workspace-id": "ws_1", ...headers },
            ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
          })
          const text = await response.text()
          const all = JSON.stringify([...response.headers]) + text
          out.add(shown ? "shown once" : `API ${method} ${path.split("?")[0]}`, all)
          return { status: response.status, headers: response.headers, body: text === "" ? {} : JSON.parse(text) }
        })
      const once = (method: string, path: string, body?: unknown, headers = {}) =>
        ask(method, path, body, headers, true)

      // Endpoints that take it, fail it, answer with what they got, or hang up.
      const well = yield* rawEndpoint("the one that is well", out, head("200 OK", "thanks"))
      const failing = yield* rawEndpoint("the one that fails", out, head("500 Oh No", "no"))
      const cut = yield* rawEndpoint("the one that hangs up", out, "HTTP/1.1 200")

      const echoing = yield* rawEndpoint("the one that repeats", out, (request) => {
        const key = /^x-key: (.*)$/im.exec(request)?.[1]?.trim() ?? ""
        return head(`500 Oh No\r\nX-Echo: ${key}`, JSON.stringify({ request, key: key.split(" ")[1], own: repeated }))
      })
      const repeated = canary("a secret that the endpoint repeats", random())

      const headerToken = canary("a static header's value", random())
      const given = canary("a secret of the customer's own", random())
      const first = yield* once("POST", "/v1/webhooks", {
        url: well,
        events: ["*"],
        secret: given,
        headers: { authorization: `Bearer ${headerToken}` }
      })
      const hooks = [String(first.body.id)]
      const echoedToken = canary("a static header's value that is repeated", random())
      const repeating = yield* once("POST", "/v1/webhooks", {
        url: echoing,
        events: ["*"],
        secret: repeated,
        headers: { "x-key": `Token ${echoedToken}` }
      })
      const generated: Array<string> = []
      for (const url of [failing, cut, well]) {
        const made = yield* once("POST", "/v1/webhooks", { url, events: ["*"] })
        hooks.push(String(made.body.id))
        generated.push(canary("a generated secret", String(made.body.secret)))
        canary(
          "a generated secret's key",
          Buffer.from(String(made.body.secret).slice(6), "base64").toString("base64").replace("=", "")
        )
      }
      hooks.push(String(repeating.body.id))
      const rotated = yield* once("POST", `/v1/webhooks/${hooks[3]}/rotate-secret`, {})
      canary("a rotated secret", String(rotated.body.secret))
      const apiKey = yield* once("POST", "/v1/api-keys", { name: "canary", role: "manage" })
      const apiSecret = canary("an API key", String(apiKey.body.key).split("_").slice(2).join("_"))
      const link = yield* once("POST", "/v1/portal-links", { rights: ["manage"] })
      const token = canary("a portal link's token", String(link.body.url).split("#")[1] ?? "")
      const origin = { origin: hookline.url(), authorization: "", "x-workspace-id": "ws_1" }
      const begin = (body: object) =>
        Effect.promise(async () => {
          const response = await fetch(`${hookline.url()}/v1/session`, {
            method: "POST",
            headers: { origin: origin.origin },
            body: JSON.stringify(body)
          })
          expect(response.status, await response.clone().text()).toBe(200)
          out.add("shown once", JSON.stringify([...response.headers]) + await response.text())
          return [...cookiesOf(response.headers).values()]
        })
      const cookies = [
        ...yield* begin({ portal_token: token }),
        ...yield* begin({ api_key: `hk_${String(apiKey.body.id)}_${apiSecret}` })
      ]
      expect(cookies.length).toBeGreaterThan(1)
      for (const value of cookies) canary("a session's cookie", value)

      // Deliveries that succeed, fail, are tried again, are tests; by HTTP and by NATS.
      yield* ask("POST", "/v1/events", { id: "evt_1", event: "task.created", data: { a: 1 } })
      const client = yield* natsClient(hookline.natsUrl())
      yield* Effect.promise(() =>
        client.jetstream().publish("events.ws_1.task.created", "{\"id\":\"evt_2\",\"data\":{}}")
      )
      yield* Effect.promise(() => client.jetstream().publish("events.ws_1.task.created", "no JSON"))
      for (const hook of hooks) {
        yield* ask("POST", `/v1/webhooks/${hook}/test`, { event: "task.created" })
      }
      for (const event of ["evt_1", "evt_2"]) {
        yield* untilDelivery(hookline, hooks[0]!, event, "succeeded")
        yield* untilDelivery(hookline, hooks[3]!, event, "succeeded")
        yield* untilDelivery(hookline, hooks[1]!, event, "failed")
        yield* untilDelivery(hookline, hooks[2]!, event, "failed")
        yield* untilDelivery(hookline, hooks[4]!, event, "failed")
      }

      // Where somebody pastes one where it does not belong, or does not fit.
      const mistaken = (name: string, value = random()) => canary(`mistaken: ${name}`, value)
      const hook = { url: well, events: ["*"] }
      const wrong: ReadonlyArray<readonly [string, string, unknown, Record<string, string>?]> = [
        ["POST", "/v1/webhooks", { ...hook, secret: mistaken("too short", short()) }],
        ["POST", "/v1/webhooks", { ...hook, secret: mistaken("no printable text") + "\u0007" }],
        ["POST", "/v1/webhooks", { ...hook, secret: `whsec_${mistaken("no base64")}!` }],
        ["POST", "/v1/webhooks", { ...hook, secret: mistaken("too long").repeat(9) }],
        ["POST", "/v1/webhooks", { ...hook, secret: [mistaken("a list")] }],
        ["POST", "/v1/webhooks", { ...hook, secret: { value: mistaken("an object") } }],
        ["POST", "/v1/webhooks", { ...hook, url: `http://user:${mistaken("in the address")}@127.0.0.1/` }],
        ["POST", "/v1/webhooks", { ...hook, headers: { "x-key": `${mistaken("in a header")}\r\nx: y` } }],
        ["POST", "/v1/webhooks", { ...hook, headers: { cookie: mistaken("in a header that may not be") } }],
        ["POST", "/v1/webhooks", { ...hook, headers: [mistaken("in a list of headers")] }],
        ["POST", "/v1/webhooks", `{"url":"${well}","secret":"${mistaken("in no JSON")}" oops}`],
        ["POST", "/v1/webhooks", `"${mistaken("alone")}"`],
        ["POST", "/v1/webhooks", { ...hook, events: [mistaken("as an event type")], secret: given }],
        ["PATCH", `/v1/webhooks/${hooks[0]}`, { secret: mistaken("in a change") }],
        ["POST", `/v1/webhooks/${hooks[0]}/rotate-secret`, { secret: mistaken("in a rotation", short()) }],
        ["GET", `/v1/webhooks?secret=${mistaken("in a query")}`, undefined],
        ["GET", `/v1/deliveries?cursor=${mistaken("as a cursor")}`, undefined],
        ["GET", "/v1/webhooks", undefined, { authorization: `Bearer ${mistaken("a key of no form")}` }],
        ["GET", "/v1/webhooks", undefined, { authorization: `Bearer hk_op_${mistaken("a key that is not valid")}` }],
        ["GET", "/v1/webhooks", undefined, { authorization: `Basic ${mistaken("basic")}` }],
        ["GET", "/v1/webhooks", undefined, { "x-workspace-id": `${mistaken("as a workspace")} !` }],
        ["GET", "/v1/webhooks", undefined, { authorization: "", cookie: `__Host-hookline=v1.${mistaken("a cookie")}` }],
        ["POST", "/v1/session", { api_key: mistaken("to sign in") }, { authorization: "", origin: origin.origin }],
        ["POST", "/v1/session", { portal_token: `pl_${mistaken("as a token")}` }, {
          authorization: "",
          origin: origin.origin
        }],
        ["POST", "/v1/session", { password: mistaken("as a password") }, { authorization: "", origin: origin.origin }],
        ["GET", `/v1/webhooks/whsec_${mistaken("in a path")}`, undefined],
        ["GET", "/v1/webhooks", undefined, {
          authorization: "",
          "x-workspace-id": `hk_id_${mistaken("a key as a workspace")}`
        }],
        ["POST", "/v1/events", { event: mistaken("as an event's type"), data: {} }],
        ["POST", "/v1/secrets/rewrap", { cursor: mistaken("as a part's cursor") }],
        ["POST", "/v1/secrets/rewrap", { master_key: mistaken("a master key for the API") }]
      ]
      for (const [method, path, body, headers = {}] of wrong) {
        const sent = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ""))
        const answer = headers["authorization"] === ""
          ? yield* ask(method, path, body, { ...sent, authorization: "Bearer x" })
          : yield* ask(method, path, body, sent)
        // A parameter that no route knows is passed over.
        if (!path.includes("?secret=")) {
          expect(answer.status, `${method} ${path} ${JSON.stringify(body)}`).toBeGreaterThanOrEqual(400)
        }
        expect(answer.status).toBeLessThan(500)
      }

      // Everything that can be asked.
      const ids = yield* hookline.api("GET", `/v1/deliveries?webhook_id=${hooks[4]}`)
      for (
        const path of [
          "/v1/webhooks",
          ...hooks.flatMap((
            id
          ) => [`/v1/webhooks/${id}`, `/v1/webhooks/${id}/health`, `/v1/deliveries?webhook_id=${id}`]),
          ...ids.body.data.map(({ id }: { readonly id: string }) => `/v1/deliveries/${id}`),
          "/v1/events",
          "/v1/events/evt_1",
          "/v1/quarantine",
          "/v1/api-keys",
          "/v1/workspaces",
          "/v1/jobs",
          "/v1/session",
          "/readyz",
          "/healthz",
          "/openapi.json"
        ]
      ) yield* ask("GET", path)
      yield* ask("POST", "/v1/secrets/rewrap", {}, {})
      out.add("/metrics", yield* Effect.promise(async () => (await fetch(`${hookline.url()}/metrics`)).text()))

      // The command line, with all its own ways to be wrong.
      const env = {
        HOOKLINE_DATA: hookline.data,
        HOOKLINE_OPERATOR_KEY: operatorKey,
        HOOKLINE_MASTER_KEYS: `k1:${masterKey}`
      }
      const api = { HOOKLINE_URL: hookline.url(), HOOKLINE_API_KEY: operatorKey }
      const lines: ReadonlyArray<readonly [ReadonlyArray<string>, Readonly<Record<string, string>>]> = [
        [["doctor", "--json"], env],
        [["doctor"], env],
        [["doctor", "--json"], { ...env, HOOKLINE_MASTER_KEYS: `k1:${mistaken("a short master key")}` }],
        [["doctor", "--json"], { ...env, HOOKLINE_OPERATOR_KEY: mistaken("no operator's key") }],
        [["webhooks", "list", "--json", "-w", "ws_1"], api],
        [["webhooks", "show", hooks[0]!, "--json", "-w", "ws_1"], api],
        [["deliveries", "list", "--webhook", hooks[4]!, "--json", "-w", "ws_1"], api],
        [["keys", "list", "--json", "-w", "ws_1"], api],
        [["secrets", "rewrap", "--json"], api],
        [
          ["webhooks", "add", well, "--events", "*", "--secret", mistaken("a short one", short()), "-w", "ws_1"],
          api
        ],
        [["webhooks", "list", "-w", "ws_1"], { ...api, HOOKLINE_API_KEY: mistaken("a wrong key") }],
        [["webhooks", "list", "-w", "ws_1"], {
          ...api,
          HOOKLINE_URL: `http://user:${mistaken("in HOOKLINE_URL")}@127.0.0.1:9/`
        }],
        [["webhooks", "list", "-w", "ws_1"], {
          ...api,
          HOOKLINE_URL: `http://:${mistaken("alone in HOOKLINE_URL")}@127.0.0.1:9/`
        }]
      ]
      for (const [words, given] of lines) {
        const { error, out: printed } = yield* type(words, { env: given })
        out.add(`command ${words.slice(0, 2).join(" ")}`, printed + error)
      }
      const starts: ReadonlyArray<Readonly<Record<string, string>>> = [
        { HOOKLINE_MASTER_KEYS: `k1:${mistaken("master keys at the start")}` },
        { HOOKLINE_OPERATOR_KEY: mistaken("operator's key at the start") },
        { HOOKLINE_NATS_URL: `nats://user:${mistaken("the broker's password at the start")}@` },
        {
          HOOKLINE_NATS_URL: `nats://user:${mistaken("the broker's password")}@127.0.0.1:9`,
          HOOKLINE_MASTER_KEYS: `k1:${masterKey}`
        }
      ]
      for (const given of starts) out.add("a start that was refused", yield* refusedStart(given))

      // Killed, then thrown out by an error that nobody catches, then aborted; what it writes as it ends belongs to it.
      const crash = (signal: NodeJS.Signals) =>
        Effect.gen(function*() {
          hookline.signal(signal)
          yield* hookline.ended
          out.add("standard output and error", hookline.output())
          out.addFiles(hookline.data, notSearched)
          yield* hookline.start
          yield* ask("POST", "/v1/events", { id: `evt_${signal}`, event: "task.created", data: {} })
          yield* untilDelivery(hookline, hooks[0]!, `evt_${signal}`, "succeeded")
        })
      yield* crash("SIGKILL")
      yield* crash("SIGUSR2")
      expect(out.seen({ name: "proof", value: "injected, caught by nobody" }, () => false)).not.toEqual([])
      yield* crash("SIGABRT")
      yield* until(
        "metrics and spans were exported",
        Effect.sync(() => new Set(otlp.exports.map(({ path }) => path)).size),
        (kinds) => kinds === 2
      )
      hookline.signal("SIGTERM")
      yield* hookline.ended
      out.add("standard output and error", hookline.output())
      out.addFiles(hookline.data, notSearched)
      for (const { body, headers } of otlp.exports) {
        out.add("OTLP", body)
        const { "x-collector-key": own, ...rest } = headers
        expect(own).toBe(collectorKey)
        out.add("OTLP", JSON.stringify(rest))
      }

      // It is all there, and would be found.
      expect(out.size()).toBeGreaterThan(1_000_000)
      expect(out.seen({ name: "proof", value: headerToken }, () => false).join()).toContain(
        "socket of the one that is well"
      )
      for (const secret of generated) {
        expect(out.seen({ name: "proof", value: secret }, () => false).join()).toContain("shown once")
      }
      expect(out.places().filter((place) => place.startsWith("file nats/")).length).toBeGreaterThan(20)
      expect(natsPassword.length).toBeGreaterThan(20)

      const found = canaries.flatMap((one) =>
        out.seen(one, (place) =>
          place === "shown once" ||
          // What it is for.
          (one.value === headerToken && place === "socket of the one that is well") ||
          (one.value === echoedToken && place === "socket of the one that repeats"))
      )
      expect(found).toEqual([])
    }), 120_000)
})
