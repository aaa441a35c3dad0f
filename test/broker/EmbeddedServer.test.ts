import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Either, Layer, Redacted, type Scope } from "effect"
import { connect, type ConnectionOptions, type NatsConnection } from "nats"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { join } from "node:path"
import { natsUrl } from "../../src/broker/BrokerFile.ts"
import { DataDirectory } from "../../src/broker/DataDirectory.ts"
import { EmbeddedServer } from "../../src/broker/EmbeddedServer.ts"
import { packaged } from "../../src/broker/ServerBinary.ts"
import { Config, load } from "../../src/Config.ts"
import { kill, source, temporaryDirectory, until } from "./processes.ts"

type Running = Context.Tag.Service<EmbeddedServer>

const layerOf = (data: string, flags: Record<string, string> = {}) =>
  EmbeddedServer.layer.pipe(
    Layer.provide(DataDirectory.layer),
    Layer.provide(
      Layer.effect(Config, load({ flags: { data, "nats-port": "0", sync: "2m", ...flags }, env: {}, dev: true }))
    )
  )

const start = (data: string, flags?: Record<string, string>) =>
  Effect.map(Layer.build(layerOf(data, flags)), (context): Running => Context.get(context, EmbeddedServer))

/** One life: started, used, stopped. */
const life = <A, E>(
  data: string,
  use: (server: Running) => Effect.Effect<A, E, Scope.Scope>,
  flags?: Record<string, string>
) => Effect.scoped(Effect.flatMap(start(data, flags), use))

const client = (url: string, options: ConnectionOptions = {}): Effect.Effect<NatsConnection, string, Scope.Scope> => {
  const { host, password, username } = new URL(url)
  const login = username === "" ? {} : { user: username, pass: password }
  const settings = { servers: host, ...login, maxReconnectAttempts: -1, reconnectTimeWait: 50, ...options }
  return Effect.acquireRelease(
    Effect.tryPromise({ try: () => connect(settings), catch: String }),
    (nats) => Effect.promise(() => nats.close())
  )
}

const operator = (server: Running) => client(Redacted.value(server.url))

const addStream = (nats: NatsConnection, maxBytes = -1) =>
  Effect.promise(async () =>
    (await nats.jetstreamManager()).streams.add({ name: "EVENTS", subjects: ["events.>"], max_bytes: maxBytes })
  )

const messages = (nats: NatsConnection) =>
  Effect.tryPromise(async () =>
    (await (await nats.jetstreamManager({ timeout: 2_000 })).streams.info("EVENTS")).state.messages
  )

const serverPid = (data: string) =>
  until(Effect.tryPromise(async () => {
    const pid = Number(await readFile(join(data, "nats.pid"), "utf8"))
    return pid > 0 ? pid : undefined
  }))

/** Processes whose command line names the directory, zombies not counted. The guard names it too. */
const processesOf = async (data: string): Promise<ReadonlyArray<number>> =>
  (await readdir("/proc")).map(Number).filter((pid) => {
    try {
      return pid > 0 && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`${data}/`)
    } catch {
      return false
    }
  })

const nothingLeft = (data: string) => until(Effect.promise(async () => (await processesOf(data)).length === 0))

/** The direct child of hookline: not the server, but its parent. */
const guardPid = (data: string) =>
  Effect.map(
    serverPid(data),
    (pid) => Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])
  )

const holder = (data: string) => source(new URL("./holdServer.ts", import.meta.url).pathname, data)

describe("EmbeddedServer", () => {
  it.scopedLive("starts, keeps messages and credentials over a restart, and leaves no process behind", () =>
    Effect.gen(function*() {
      const data = yield* temporaryDirectory
      const first = yield* life(data, (server) =>
        Effect.gen(function*() {
          expect(server.version).toMatch(/^2\.\d+\.\d+/)
          expect(Redacted.value(server.url)).toMatch(/^nats:\/\/hookline:[\w-]{43}@127\.0\.0\.1:\d+$/)
          expect(server.address).toBe(`nats://${new URL(Redacted.value(server.url)).host}`)
          expect(Redacted.value(yield* natsUrl(data, { publisher: false }))).toBe(Redacted.value(server.url))
          for (const name of ["broker.json", "nats-server.conf", "nats.log"]) {
            expect((yield* Effect.promise(() => stat(join(data, name)))).mode & 0o777).toBe(0o600)
          }
          const nats = yield* operator(server)
          yield* addStream(nats)
          yield* Effect.promise(() => nats.jetstream().publish("events.a", "1"))
          return server
        }))
      yield* nothingLeft(data)
      yield* life(data, (server) =>
        Effect.gen(function*() {
          expect(new URL(Redacted.value(server.url)).password).toBe(new URL(Redacted.value(first.url)).password)
          expect(yield* Effect.flatMap(operator(server), messages)).toBe(1)
        }))
      const log = yield* Effect.promise(() => readFile(join(data, "nats.log"), "utf8"))
      expect(log).toContain("Server Exiting")
      expect(log).not.toContain(new URL(Redacted.value(first.url)).password)
    }))

  it("ships the binary whose digest it expects", () => {
    const binary = packaged()
    if (process.platform !== "linux" || process.arch !== "x64") return
    if (binary._tag === "None") throw new Error("the optional dependency is not installed")
    expect(createHash("sha256").update(readFileSync(binary.value.file)).digest("hex")).toBe(binary.value.sha256)
  })

  it.scopedLive("comes back on the same port when the server, or its guard, is killed", () =>
    Effect.gen(function*() {
      const data = yield* temporaryDirectory
      const server = yield* start(data)
      const nats = yield* operator(server)
      yield* addStream(nats)
      const victims = [serverPid(data), guardPid(data)]
      for (const victim of victims) {
        const before = yield* serverPid(data)
        kill(yield* victim, "SIGKILL")
        yield* until(Effect.map(serverPid(data), (pid) => pid !== before))
        // The same client finds it again by itself.
        expect(yield* until(Effect.map(messages(nats), (count) => ({ count })))).toEqual({ count: 0 })
      }
      expect(yield* Effect.promise(() => processesOf(data))).toHaveLength(2)
    }))

  it.scopedLive("ends when its parent is killed, and another start finds the directory free at once", () =>
    Effect.gen(function*() {
      const data = yield* temporaryDirectory
      const parent = yield* holder(data)
      yield* parent.says(/^nats:/)
      expect(Either.isLeft(yield* Effect.either(Effect.scoped(start(data))))).toBe(true)
      kill(parent.pid, "SIGKILL")
      yield* nothingLeft(data)

      const hasty = yield* holder(data)
      yield* hasty.says(/^nats:/)
      kill(hasty.pid, "SIGKILL")
      // At once, while its guard is still ending the server: until the kernel has freed the lock, start is refused.
      yield* Effect.scoped(until(start(data)))
      yield* nothingLeft(data)

      const next = yield* holder(data)
      yield* next.says(/^nats:/)
      const orphan = yield* serverPid(data)
      // The guard first: then nobody ends the server but the next start.
      kill(next.pid, "SIGSTOP")
      kill(yield* guardPid(data), "SIGKILL")
      kill(next.pid, "SIGKILL")
      expect(kill(orphan, 0)).toBe(true)
      yield* until(start(data))
      expect(yield* Effect.promise(() => processesOf(data))).not.toContain(orphan)
    }))

  it.scopedLive("does not hear the terminal's Ctrl-C", () =>
    Effect.gen(function*() {
      const data = yield* temporaryDirectory
      const parent = yield* holder(data)
      yield* parent.says(/^nats:/)
      const before = yield* serverPid(data)
      kill(-parent.pid, "SIGINT")
      yield* parent.says(/interrupted/)
      const nats = yield* client(Redacted.value(yield* natsUrl(data, { publisher: false })))
      yield* addStream(nats)
      expect(yield* serverPid(data)).toBe(before)
    }))

  it.scopedLive("lets a publisher publish events with acknowledgement, and nothing else", () =>
    Effect.gen(function*() {
      const data = yield* temporaryDirectory
      const server = yield* start(data)
      const nats = yield* operator(server)
      yield* addStream(nats)
      const refusals: Array<string> = []
      const publisher = yield* client(Redacted.value(yield* natsUrl(data, { publisher: true })))
      const watch = async () => {
        for await (const status of publisher.status()) if (status.type === "error") refusals.push(String(status.data))
      }
      void watch()

      const ack = yield* Effect.promise(() => publisher.jetstream().publish("events.ws.a.b", "1", { msgID: "ws/1" }))
      expect(ack).toMatchObject({ stream: "EVENTS", seq: 1, duplicate: false })
      publisher.publish("events.ws.a.b", "plain")
      yield* Effect.promise(() => publisher.flush())
      expect(yield* until(Effect.map(messages(nats), (count) => count === 2 && count))).toBe(2)

      // Neither the operator's replies, which travel below _INBOX, nor anything that he publishes.
      const seen: Array<string> = []
      const spy = publisher.subscribe("_INBOX.>", { callback: (_, message) => seen.push(message.subject) })
      yield* Effect.promise(() => publisher.flush())
      yield* messages(nats)
      nats.publish("_INBOX.spied", "secret")
      yield* Effect.promise(() => nats.flush())
      yield* Effect.promise(() => publisher.flush())
      expect(seen).toEqual([])
      spy.unsubscribe()

      for (const subject of [">", "events.>", "webhooks.>", "$KV.>"]) {
        publisher.subscribe(subject, { callback: (refusal, message) => refusal === null && seen.push(message.subject) })
      }
      for (
        const subject of ["webhooks.ws.wh", "deliveries.0.ws.wh.succeeded", "ev.0.ws.a.b", "$KV.SECRETS.a", "event"]
      ) {
        publisher.publish(subject, "x")
      }
      const api = yield* Effect.either(
        Effect.tryPromise(() => publisher.request("$JS.API.STREAM.MSG.GET.EVENTS", `{"seq":1}`, { timeout: 500 }))
      )
      expect(Either.isLeft(api)).toBe(true)
      yield* until(Effect.sync(() => refusals.length >= 4))
      nats.publish("events.ws.a.b", "2")
      yield* Effect.promise(() => nats.flush())
      yield* Effect.promise(() => publisher.flush())
      expect(seen).toEqual([])
      expect(yield* messages(nats)).toBe(3)
    }))

  it.scopedLive("lets nobody in without a password", () =>
    Effect.gen(function*() {
      const data = yield* temporaryDirectory
      const server = yield* start(data)
      const url = new URL(Redacted.value(server.url))
      for (const login of ["", "hookline:wrong@", "publisher:wrong@"]) {
        const refused = yield* Effect.flip(client(`nats://${login}${url.host}`, { reconnect: false }))
        expect(refused).toMatch(/Authorization|AUTHORIZATION/)
      }
    }))

  it.scopedLive("refuses a port that is taken, by name", () =>
    Effect.gen(function*() {
      const data = yield* temporaryDirectory
      const port = yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      ).pipe(Effect.map((server) => {
        const address = server.address()
        return typeof address === "object" && address !== null ? address.port : 0
      }))
      const refused = yield* Effect.flip(Effect.scoped(start(data, { "nats-port": `${port}` })))
      expect(refused.message).toMatch(
        /^HOOKLINE_NATS_PORT is \d+, which another process listens on; accepted: .*free port/
      )
      expect(refused.message).toContain(`${port}`)
    }))

  it.scopedLive("keeps streams that were made under larger limits", () =>
    Effect.gen(function*() {
      const data = yield* temporaryDirectory
      const large = 64 * 2 ** 30
      const limits = { "events-max-bytes": `${large}` }
      yield* life(data, (server) => Effect.flatMap(operator(server), (nats) => addStream(nats, large)), limits)
      const kept = yield* life(data, (server) => Effect.flatMap(operator(server), messages), {
        "events-max-bytes": "1G"
      })
      expect(kept).toBe(0)
    }))

  it.scopedLive("says what the server said when it does not start", () =>
    Effect.gen(function*() {
      const data = yield* temporaryDirectory
      yield* life(data, () => Effect.void)
      yield* Effect.promise(() => rm(join(data, "nats"), { recursive: true }))
      yield* Effect.promise(() => writeFile(join(data, "nats"), ""))
      const failed = yield* Effect.flip(Effect.scoped(start(data)))
      expect(failed._tag).toBe("BrokerNotStarted")
      expect(failed.message).toContain(join(data, "nats.log"))
      expect(failed.message).toMatch(/\[FTL\].*not a directory/)
    }))
})
