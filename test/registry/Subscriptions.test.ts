import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Exit, Fiber, Layer, Option, Schedule, Scope, TestClock } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { Connection } from "../../src/broker/Connection.ts"
import { ask } from "../../src/broker/JetStreamApi.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { webhookSubject } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import type { Webhook } from "../../src/model/Webhook.ts"
import { encodeFact, type WebhookFact } from "../../src/model/WebhookFacts.ts"
import { decide, evolve, type WebhookCommand } from "../../src/model/WebhookLife.ts"
import { Subscriptions } from "../../src/registry/Subscriptions.ts"
import { TestBroker } from "../support/broker.ts"
import { freshBroker } from "../support/registry.ts"

type Body = WebhookCommand extends infer C ? C extends WebhookCommand ? Omit<C, "at"> : never : never

const at = Date.parse("2025-03-23T14:35:21.000Z")
const create = (workspace: string, id: string, events: ReadonlyArray<string> = ["*"]): Body => ({
  type: "create",
  workspaceId: WorkspaceId.make(workspace),
  webhookId: WebhookId.make(id),
  settings: { url: `https://example.com/${id}`, events },
  secretVersion: 1
})

const append = (fact: WebhookFact) =>
  Effect.flatMap(
    AppendLog,
    (log) => log.append({ subject: webhookSubject(fact.workspaceId, fact.webhookId), data: encodeFact(fact) })
  )

/** Appends what the commands give, without asking any projection. */
const write = (...commands: ReadonlyArray<Body>) =>
  Effect.gen(function*() {
    let state: Webhook | undefined
    for (const command of commands) {
      for (const fact of Either.getOrThrow(decide(state, { ...command, at } as WebhookCommand))) {
        yield* append(fact)
        state = evolve(state, fact)
      }
    }
  })

const raw = (subject: string, data: string) => Effect.flatMap(AppendLog, (log) => log.append({ subject, data }))

/** How many webhooks there are in `ws_0` to `ws_6`, once the projection has the 3,000 facts. */
const count = (subscriptions: typeof Subscriptions.Service): number => {
  expect(subscriptions.sequence()).toBe(3000)
  return Array.from({ length: 7 }, (_, index) => subscriptions.ofWorkspace(`ws_${index}`).length)
    .reduce((sum, length) => sum + length)
}

const ids = (webhooks: ReadonlyArray<Webhook>) => webhooks.map(({ id }) => id as string)

/** The broker's streams, but what a follower is owed waits until it is released. */
const withheld = () => {
  const waiting: Array<() => void> = []
  let released = false
  const layer = Layer.effect(
    Streams,
    Effect.map(Streams, (streams) => ({
      ...streams,
      follow: (range) =>
        streams.follow({
          ...range,
          onMessage: (message) =>
            released ? range.onMessage(message) : void waiting.push(() => range.onMessage(message))
        })
    }))
  )
  const release = Effect.sync(() => {
    released = true
    for (const deliver of waiting.splice(0)) deliver()
  })
  return { layer, release }
}

describe("Subscriptions", () => {
  it.scopedLive("a fence waits for what is stored and not yet folded", () => {
    const { layer, release } = withheld()
    return Effect.gen(function*() {
      const subscriptions = yield* Subscriptions
      const streams = yield* Streams
      yield* write(create("ws_1", "wh_1"))
      const fence = yield* Effect.fork(subscriptions.fence)
      // Answers come in the order of the questions: after these the fence has its own.
      yield* Effect.repeatN(streams.state("WEBHOOKS"), 5)
      expect(Option.isNone(yield* Fiber.poll(fence))).toBe(true)
      expect(subscriptions.find("ws_1", "wh_1")).toBeUndefined()
      yield* release
      expect(yield* Fiber.join(fence)).toBe(1)
      expect(subscriptions.find("ws_1", "wh_1")).toBeDefined()
    }).pipe(Effect.provide(Subscriptions.layer.pipe(Layer.provide(layer), Layer.provideMerge(freshBroker()))))
  })

  it.scoped("a fence waits ten seconds, no longer", () => {
    const { layer } = withheld()
    const waiting = Effect.gen(function*() {
      const subscriptions = yield* Subscriptions
      const streams = yield* Streams
      yield* write(create("ws_1", "wh_1"))
      const fence = yield* Effect.fork(subscriptions.fence)
      yield* Effect.repeatN(streams.state("WEBHOOKS"), 5)
      yield* TestClock.adjust("9999 millis")
      expect(Option.isNone(yield* Fiber.poll(fence))).toBe(true)
      yield* TestClock.adjust("1 millis")
      expect((yield* Effect.flip(Fiber.join(fence))).detail).toMatch(/sequence 0 of 1 after 10s/)
    })
    const services = Subscriptions.layer.pipe(Layer.provide(layer), Layer.provideMerge(freshBroker()))
    // The broker's layer brings the real clock with it.
    return Effect.clockWith((clock) => waiting.pipe(Effect.withClock(clock), Effect.provide(services)))
  })

  it.scopedLive("a fence sees whatever was acknowledged before it", () =>
    Effect.gen(function*() {
      const subscriptions = yield* Subscriptions
      expect(yield* subscriptions.fence).toBe(0)
      for (let index = 0; index < 200; index++) {
        yield* write(create("ws_1", `wh_${index}`))
        expect(yield* subscriptions.fence).toBe(index + 1)
        expect(subscriptions.find("ws_1", `wh_${index}`)).toBeDefined()
      }
      // Callers at the same time, while others append.
      yield* Effect.forEach(
        Array.from({ length: 50 }, (_, index) => `wh_more_${index}`),
        (id) =>
          write(create("ws_2", id)).pipe(
            Effect.zipRight(subscriptions.fence),
            Effect.tap((sequence) => {
              expect(subscriptions.get(id)).toBeDefined()
              expect(sequence).toBeGreaterThanOrEqual(subscriptions.lastSequenceOf(id))
            })
          ),
        { concurrency: "unbounded" }
      )
      expect(subscriptions.sequence()).toBe(250)
    }).pipe(Effect.provide(Subscriptions.layer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("lists workspaces in order of their ids, page by page, with their webhooks by state", () =>
    Effect.gen(function*() {
      const subscriptions = yield* Subscriptions
      const list = (prefix = "", after = "", limit = 100) =>
        subscriptions.workspaces({ prefix, after, limit }).map(({ id }) => id as string)
      expect(list()).toEqual([])
      for (const workspace of ["b_2", "a", "B", "b_1", "b-0", "c"]) yield* write(create(workspace, `wh_${workspace}`))
      yield* write(create("b_1", "wh_x"), { type: "pause" })
      yield* write(create("b_1", "wh_y"), { type: "disable" })
      yield* write(create("b_1", "wh_z"), { type: "delete" })
      yield* subscriptions.fence
      expect(list()).toEqual(["B", "a", "b-0", "b_1", "b_2", "c"])
      expect(list("b")).toEqual(["b-0", "b_1", "b_2"])
      expect(list("b_", "", 1)).toEqual(["b_1"])
      expect(list("b_", "b_1", 1)).toEqual(["b_2"])
      expect(list("b_", "b_2")).toEqual([])
      expect(list("b_", "z")).toEqual([])
      expect(list("", "bb")).toEqual(["c"])
      yield* write(create("aa", "wh_aa"))
      yield* subscriptions.fence
      expect(list("a")).toEqual(["a", "aa"])
      expect(subscriptions.workspaces({ prefix: "b_1", after: "", limit: 1 })).toEqual([
        { id: "b_1", enabled: 1, paused: 1, disabled: 1 }
      ])
    }).pipe(Effect.provide(Subscriptions.layer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("matches by workspace and type, in order of ids, and drops what is deleted", () =>
    Effect.gen(function*() {
      const subscriptions = yield* Subscriptions
      yield* write(create("ws_1", "wh_c", ["project.created", "task.created"]), { type: "pause" })
      yield* write(create("ws_1", "wh_a", ["project.*"]), { type: "disable", reason: "410 Gone" })
      yield* write(create("ws_1", "wh_b", ["*"]))
      yield* write(create("ws_2", "wh_d", ["*"]))
      yield* subscriptions.fence
      const matches = subscriptions.matching("ws_1", "project.created")
      expect(ids(matches)).toEqual(["wh_a", "wh_b", "wh_c"])
      expect(matches.map(({ state }) => state)).toEqual(["disabled", "enabled", "paused"])
      expect(subscriptions.matching("ws_1", "project.created")).toBe(matches)
      expect(ids(subscriptions.matching("ws_1", "task.created"))).toEqual(["wh_b", "wh_c"])
      expect(ids(subscriptions.matching("ws_2", "task.created"))).toEqual(["wh_d"])
      expect(subscriptions.matching("ws_3", "task.created")).toEqual([])
      expect(subscriptions.find("ws_2", "wh_a")).toBeUndefined()
      expect(ids(subscriptions.ofWorkspace("ws_1"))).toEqual(["wh_a", "wh_b", "wh_c"])

      const known = subscriptions.find("ws_1", "wh_b")
      yield* Effect.forEach(Either.getOrThrow(decide(known, { type: "delete", at })), append)
      yield* subscriptions.fence
      expect(ids(subscriptions.matching("ws_1", "project.created"))).toEqual(["wh_a", "wh_c"])
      expect(ids(matches)).toEqual(["wh_a", "wh_b", "wh_c"])
      expect(subscriptions.find("ws_1", "wh_b")).toBeUndefined()
      expect(subscriptions.get("wh_b")).toMatchObject({ deleted: true, events: [] })
      expect(subscriptions.lastSequenceOf("wh_b")).toBe(6 + 1)
    }).pipe(Effect.provide(Subscriptions.layer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("passes over what cannot be a fact or stands in the wrong place, and goes on", () =>
    Effect.gen(function*() {
      const subscriptions = yield* Subscriptions
      yield* write(create("ws_1", "wh_1"))
      const [paused] = Either.getOrThrow(
        decide(
          evolve(
            undefined,
            Either.getOrThrow(decide(undefined, { ...create("ws_1", "wh_1"), at } as WebhookCommand))[0]!
          ),
          { type: "pause", at }
        )
      )
      const json = encodeFact(paused!)
      yield* raw("webhooks.ws_1.wh_1", "not json")
      yield* raw("webhooks.ws_1.wh_1", json.replace(`"v":1`, `"v":9`))
      yield* raw("webhooks.ws_1.wh_2", json)
      yield* raw("webhooks.ws_2.wh_1", json)
      yield* raw("webhooks.ws_1.wh_1", json.replace(`"revision":2`, `"revision":3`))
      yield* subscriptions.fence
      expect(subscriptions.skipped()).toBe(5)
      expect(subscriptions.get("wh_1")).toMatchObject({ state: "enabled", revision: 1 })
      // The next write has to expect the last message on the subject, whatever it is.
      expect(subscriptions.lastSequenceOf("wh_1")).toBe(6)
      yield* raw("webhooks.ws_1.wh_1", json)
      yield* subscriptions.fence
      expect(subscriptions.get("wh_1")).toMatchObject({ state: "paused", revision: 2 })
      expect(subscriptions.skipped()).toBe(5)
    }).pipe(Effect.provide(Subscriptions.layer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("tells listeners, in order, until their scope closes; one that throws harms nobody", () =>
    Effect.gen(function*() {
      const subscriptions = yield* Subscriptions
      const heard: Array<string> = []
      const scope = yield* Scope.make()
      yield* subscriptions.onChange(() => {
        throw new Error("a listener's fault")
      })
      yield* subscriptions.onChange((webhook, fact) => {
        // What it sees is already in force.
        expect(subscriptions.get(webhook.id)).toBe(webhook)
        heard.push(`${fact.type} ${webhook.state}`)
      }).pipe(Scope.extend(scope))
      yield* write(create("ws_1", "wh_1"), { type: "pause" }, { type: "resume" })
      yield* subscriptions.fence
      yield* Scope.close(scope, Exit.void)
      yield* write(create("ws_1", "wh_2"))
      yield* subscriptions.fence
      expect(heard).toEqual(["webhook.created enabled", "webhook.paused paused", "webhook.resumed enabled"])
    }).pipe(Effect.provide(Subscriptions.layer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("is complete when it starts, however much there is", () =>
    Effect.gen(function*() {
      yield* Effect.forEach(Array.from({ length: 3000 }, (_, index) => index), (index) =>
        write(create(`ws_${index % 7}`, `wh_${index}`)), { concurrency: 200 })
      for (let start = 0; start < 2; start++) {
        const subscribers = yield* Effect.map(Subscriptions, count).pipe(
          Effect.provide(Layer.fresh(Subscriptions.layer))
        )
        expect(subscribers).toBe(3000)
      }
    }).pipe(Effect.provide(freshBroker())))

  it.scopedLive("without the broker a fence fails; when it is back the fold goes on", () =>
    Effect.gen(function*() {
      const subscriptions = yield* Subscriptions
      const broker = yield* TestBroker
      yield* write(create("ws_1", "wh_1"))
      yield* subscriptions.fence
      yield* broker.kill
      expect((yield* Effect.flip(subscriptions.fence))._tag).toBe("BrokerUnavailable")
      expect(ids(subscriptions.matching("ws_1", "task.created"))).toEqual(["wh_1"])
      yield* broker.restart
      const patiently = Schedule.spaced("100 millis").pipe(Schedule.upTo("20 seconds"))
      yield* Effect.retry(write(create("ws_1", "wh_2")), patiently)
      yield* Effect.retry(subscriptions.fence, patiently)
      expect(ids(subscriptions.matching("ws_1", "task.created"))).toEqual(["wh_1", "wh_2"])
    }).pipe(Effect.provide(Subscriptions.layer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("a stream that was made anew is not trusted", () =>
    Effect.gen(function*() {
      const subscriptions = yield* Subscriptions
      yield* write(create("ws_1", "wh_1"))
      yield* subscriptions.fence
      const connection = yield* Connection
      yield* ask(connection, "STREAM.DELETE.WEBHOOKS")
      yield* Topology.pipe(Effect.provide(Layer.fresh(Topology.layer)))
      yield* write(create("ws_1", "wh_2"), { type: "pause" }, { type: "resume" })
      for (let again = 0; again < 2; again++) {
        const error = yield* Effect.flip(subscriptions.fence)
        expect(error.detail).toMatch(/recreated/)
      }
      expect(subscriptions.find("ws_1", "wh_1")).toBeDefined()
    }).pipe(Effect.provide(Subscriptions.layer.pipe(Layer.provideMerge(freshBroker())))))
})
