import { describe, expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { createServer as createHttps } from "node:https"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { hostileHosts } from "../outbound/corpus.ts"
import { authority, type Issued } from "../support/certificates.ts"
import { type Answers, nameServer } from "../support/nameServer.ts"
import { inNamespace, publicAddress, runInNamespace } from "../support/namespace.ts"
import { type Product, product } from "../support/product.ts"
import { addWebhook, publish, until } from "../support/until.ts"

/** Names whose addresses are forbidden, or one of them; the first is where they lead. */
const hostileNames: Readonly<Record<string, ReadonlyArray<string>>> = {
  "private.test": ["10.0.0.1"],
  "loopback.test": ["127.0.0.1"],
  "loopback6.test": ["::1"],
  "deep.localhost": ["127.0.0.1"],
  "mapped.test": ["::ffff:127.0.0.1"],
  "compatible.test": ["::7f00:1"],
  "nat64.test": ["64:ff9b::a9fe:a9fe"],
  "sixtofour.test": ["2002:7f00:1::1"],
  "teredo.test": ["2001:0:5ef5:79fb::5601:5601"],
  "unique.test": ["fd00:ec2::254"],
  "azure.test": ["168.63.129.16"],
  "metadata.google.internal": ["169.254.169.254"],
  "mixed.test": [publicAddress.v4, "169.254.169.254"],
  "mixed-turned.test": ["192.168.0.1", publicAddress.v4],
  "mixed-six.test": [publicAddress.v4, "fd00:ec2::254"],
  "mixed-public-six.test": ["127.0.0.1", publicAddress.v6]
}

/** Public when the webhook is made, and not afterwards. */
const movingNames: Readonly<Record<string, string>> = {
  "moves.test": "127.0.0.1",
  "moves-link-local.test": "169.254.169.254",
  "moves-six.test": "::1"
}

const answers: Answers = (name, asked) => {
  const moved = movingNames[name]
  if (moved !== undefined) return [asked === 0 ? publicAddress.v4 : moved]
  // Did not exist when the webhook was made.
  if (name === "late.test") return asked === 0 ? undefined : ["10.0.0.1"]
  if (name === "alternates.test") return [asked % 2 === 0 ? publicAddress.v4 : "127.0.0.1"]
  if (name === "public.test") return [publicAddress.v4, publicAddress.v6]
  return hostileNames[name]
}

const redirects = [
  "http://127.0.0.1/",
  "http://169.254.169.254/latest/meta-data/",
  "https://[::1]/",
  "http://private.test/",
  "//localhost/",
  "gopher://127.0.0.1/"
]

/** Receivers on every address of the machine, which are all there are; they count connections by the address that was asked for. */
const receivers = ({ certificate, key }: Issued) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const connections = new Map<string, number>()
        const listen = (server: Server, port: number) =>
          new Promise<Server>((resolve) => {
            server.on("connection", (socket) => {
              const address = (socket.localAddress ?? "unknown").replace(/^::ffff:/, "")
              connections.set(address, (connections.get(address) ?? 0) + 1)
              socket.on("error", () => {})
            })
            server.on("request", (message, response) => {
              message.resume().on("end", () => {
                const redirect = /^\/redirect\/(\d+)\/(\d+)/.exec(message.url ?? "")
                // Each attempt has to look up anew.
                response.setHeader("connection", "close")
                if (redirect === null) response.end("ok")
                else response.writeHead(Number(redirect[1]), { location: redirects[Number(redirect[2])] }).end()
              })
            })
            server.listen(port, "::", () => resolve(server))
          })
        const servers = await Promise.all([
          listen(createServer(), 80),
          listen(createServer(), 8080),
          listen(createHttps({ cert: certificate, key }), 443)
        ])
        return { connections, servers }
      }),
      ({ servers }) =>
        Effect.promise(async () => {
          for (const server of servers) {
            server.close()
            server.closeAllConnections()
          }
        })
    ),
    ({ connections }) => ({
      connections,
      /** Connections to whatever is not public, by address. */
      forbidden: () =>
        [...connections].filter(([address]) => address !== publicAddress.v4 && address !== publicAddress.v6)
    })
  )

/** Whether a plain connection is made at all, so that nobody takes a counter that cannot count for a proof. */
const canConnect = (host: string): Effect.Effect<boolean> =>
  Effect.async<boolean>((resume) => {
    const socket = connect({ host, port: 80 })
    socket.once("connect", () => resume(Effect.succeed(true))).once("error", () => resume(Effect.succeed(false)))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeoutTo({ duration: "2 seconds", onSuccess: (made) => made, onTimeout: () => false }))

const literalOf = (host: string): string => new URL(`http://${host}/`).hostname.replace(/^\[|\]$/g, "")

interface Shown {
  readonly event_id: string
  readonly webhook_id: string
  readonly id: string
}

/** Every delivery of a workspace. */
const all = (hookline: Product, workspace: string) =>
  Effect.gen(function*() {
    const found: Array<Shown> = []
    let cursor = ""
    do {
      const { body } = yield* hookline.api("GET", `/v1/deliveries?limit=100${cursor}`, undefined, workspace)
      found.push(...body.data)
      cursor = body.next === null ? "" : `&cursor=${encodeURIComponent(body.next)}`
    } while (cursor !== "")
    return found
  })

/** The classes of all attempts of a delivery. */
const classes = (hookline: Product, id: string, workspace: string) =>
  Effect.map(
    hookline.api("GET", `/v1/deliveries/${id}`, undefined, workspace),
    ({ body }): ReadonlyArray<string> => body.attempt_list.map((one: { readonly class: string }) => one.class)
  )

const urls = (hosts: ReadonlyArray<string>) =>
  hosts.flatMap((host) => [`http://${host}/`, `https://${host}/`, `http://${host}:8080/hook`])

const production = { HOOKLINE_ALLOW_HTTP: "true" }
const everything = { ...production, HOOKLINE_ALLOW_CIDRS: "0.0.0.0/0,::/0" }

describe.runIf(inNamespace)("the policy of production, in a network where every address answers", () => {
  it.scopedLive(
    "lets nothing through to an address that is not public: not when a webhook is made, not at an attempt, not by a test event",
    () =>
      Effect.gen(function*() {
        const directory = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-egress-"))),
          (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }))
        )
        const own = yield* authority("Egress")
        const ca = join(directory, "ca.pem")
        writeFileSync(ca, own.certificate)
        const seen = yield* receivers(yield* own.issue({ commonName: "public.test" }))
        yield* nameServer(answers)

        // The receivers would see it.
        const addresses = [...new Set([...hostileHosts.map(literalOf), ...Object.values(hostileNames).flat()])]
        const unreachable = yield* Effect.filter(addresses, (host) => Effect.map(canConnect(host), (made) => !made))
        expect(unreachable.filter((host) => !/^(22[4-9]|23\d|24\d|25[0-5])\.|^fe[89ab]|^ff/.test(host))).toEqual([])
        yield* until("they were seen", Effect.sync(() => seen.forbidden().length), (count) => count >= 50)
        seen.connections.clear()

        const hosts = [...hostileHosts, ...Object.keys(hostileNames), "localhost"]
        const corpus = urls(hosts)
        // Made while everything is allowed, as by an operator who changed his mind: each has to be refused at its attempt.
        const data = join(directory, "data")
        yield* Effect.scoped(Effect.gen(function*() {
          const lenient = yield* product({ production: true, env: everything, data })
          yield* Effect.forEach(corpus, (url) => addWebhook(lenient, { url }, "ws_hostile"))
        }))
        expect(seen.forbidden()).toEqual([])

        const hookline = yield* product({
          production: true,
          env: { ...production, HOOKLINE_TLS_CA: ca },
          data,
          flags: ["--concurrency", "4"]
        })
        for (
          const url of [...corpus, ...urls(["localhost.", "localhost.localdomain.", "127.0.0.1.", "private.test."])]
        ) {
          const { body, status } = yield* hookline.api("POST", "/v1/webhooks", { url, events: ["*"] }, "ws_new")
          expect([url, status]).toEqual([url, 422])
          expect(JSON.stringify(body)).toContain("\"url\"")
        }

        yield* publish(hookline, "evt_hostile", "task.created", "ws_hostile")
        const deliveries = yield* until(
          "a delivery each",
          all(hookline, "ws_hostile"),
          (found) => found.length === corpus.length
        )
        for (const { id, webhook_id: webhook } of deliveries) {
          const made = yield* until("its attempt", classes(hookline, id, "ws_hostile"), (found) => found.length > 0)
          expect([webhook, made]).toEqual([webhook, ["address"]])
        }
        const webhooks = yield* Effect.sync(() => [...new Set(deliveries.map((one) => one.webhook_id))])
        expect(webhooks).toHaveLength(corpus.length)
        for (const id of webhooks) {
          const { body, status } = yield* hookline.api(
            "POST",
            `/v1/webhooks/${id}/test`,
            { event: "task.created" },
            "ws_hostile"
          )
          expect([id, status, body.attempt?.class ?? body.class]).toEqual([id, 200, "address"])
        }
        expect(seen.forbidden()).toEqual([])

        // What is public is reached, by name, by either address, with TLS and without.
        const reached = [
          "http://public.test/",
          "https://public.test/",
          `http://${publicAddress.v4}/`,
          `http://[${publicAddress.v6}]:8080/`
        ]
        for (const [index, url] of reached.entries()) {
          const workspace = `ws_public_${index}`
          const { id } = yield* addWebhook(hookline, { url }, workspace)
          yield* publish(hookline, "evt_1", "task.created", workspace)
          yield* untilPublic(hookline, id, workspace)
        }

        // A redirect is an answer, and never followed.
        for (
          const [index, status] of redirects.flatMap((_, number) =>
            [301, 302, 303, 307, 308].map((code) => [number, code] as const)
          )
        ) {
          const workspace = `ws_redirect_${index}_${status}`
          yield* addWebhook(hookline, { url: `http://public.test/redirect/${status}/${index}` }, workspace)
          yield* publish(hookline, "evt_1", "task.created", workspace)
          const [found] = yield* until("its delivery", all(hookline, workspace), (list) => list.length === 1)
          expect(yield* until("its attempt", classes(hookline, found!.id, workspace), (list) => list.length > 0))
            .toEqual(["redirect"])
        }

        // Names that move inside after they were accepted.
        for (const name of [...Object.keys(movingNames), "late.test"]) {
          const workspace = `ws_${name.replaceAll(/[.-]/g, "_")}`
          yield* addWebhook(hookline, { url: `http://${name}/` }, workspace)
          yield* publish(hookline, "evt_1", "task.created", workspace)
          const [found] = yield* until("its delivery", all(hookline, workspace), (list) => list.length === 1)
          expect([
            name,
            yield* until("its attempt", classes(hookline, found!.id, workspace), (list) => list.length > 0)
          ]).toEqual([
            name,
            ["address"]
          ])
        }
        // The first answer was the check's at creation.
        yield* addWebhook(hookline, { url: "http://alternates.test/" }, "ws_alternates")
        const alternating: Array<string> = []
        for (let index = 0; index < 20; index++) {
          const id = yield* publish(hookline, `evt_${index}`, "task.created", "ws_alternates")
          const list = yield* until(
            "its delivery",
            all(hookline, "ws_alternates"),
            (found) => found.some((one) => one.event_id === id)
          )
          const { id: delivery } = list.find((one) => one.event_id === id)!
          alternating.push(
            ...yield* until("its attempt", classes(hookline, delivery, "ws_alternates"), (found) => found.length > 0)
          )
        }
        expect(alternating).toEqual(Array.from({ length: 20 }, (_, index) => index % 2 === 0 ? "address" : "success"))

        expect(seen.forbidden(), "connections to addresses that are not public").toEqual([])
        const reachable = [publicAddress.v4, publicAddress.v6].reduce(
          (sum, ip) => sum + (seen.connections.get(ip) ?? 0),
          0
        )
        expect(reachable).toBeGreaterThanOrEqual(reached.length + redirects.length * 5 + 10)
        process.stdout.write(
          `${corpus.length} URLs refused when made, at their attempt and at a test event; ${
            redirects.length * 5
          } redirects, ${Object.keys(movingNames).length + 21} attempts on names that move; 0 forbidden connections\n`
        )
      }),
    160_000
  )
})

const untilPublic = (hookline: Product, webhookId: string, workspace: string) =>
  Effect.gen(function*() {
    const [found] = yield* until("its delivery", all(hookline, workspace), (list) => list.length === 1)
    const made = yield* until("its attempt", classes(hookline, found!.id, workspace), (list) => list.length > 0)
    expect([webhookId, made]).toEqual([webhookId, ["success"]])
  })

describe.skipIf(inNamespace)("egress", () => {
  it("is guarded in a network of its own", async (context) => {
    const vitest = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url))
    const run = await Effect.runPromise(Effect.either(runInNamespace(
      [process.execPath, vitest, "run", "-c", "test/vitest.config.ts", "test/integration/Egress.test.ts"],
      170_000
    )))
    if (Either.isLeft(run)) {
      process.stderr.write(`skipped: ${run.left}\n`)
      return context.skip(run.left)
    }
    const { code, output } = run.right
    expect(code, output).toBe(0)
    const [figures] = /\d+ URLs refused .* 0 forbidden connections/.exec(output) ?? []
    expect(figures, output).toBeDefined()
    process.stdout.write(`${figures}\n`)
    return undefined
  }, 180_000)
})
