import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Either, Fiber, Layer, Option, Redacted, Schedule } from "effect"
import { AppendFailed, AppendLog } from "../../src/broker/AppendLog.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { WorkspaceId } from "../../src/model/Id.ts"
import { secretsInForce } from "../../src/model/Webhook.ts"
import { decodeFact } from "../../src/model/WebhookFacts.ts"
import { Subscriptions } from "../../src/registry/Subscriptions.ts"
import { Vault } from "../../src/registry/Vault.ts"
import { type NewWebhook, Webhooks } from "../../src/registry/Webhooks.ts"
import { TestBroker } from "../support/broker.ts"
import { freshBroker, registryLayer } from "../support/registry.ts"

const workspace = WorkspaceId.make("ws_1")
const hook: NewWebhook = { url: "https://example.com/hook", events: ["project.*"] }
const day = 86_400_000

/** Everything in WEBHOOKS, as it stands there. */
const history = Effect.gen(function*() {
  const streams = yield* Streams
  const { lastSequence } = yield* streams.state("WEBHOOKS")
  const texts: Array<string> = []
  yield* streams.scan({
    stream: "WEBHOOKS",
    filter: "webhooks.>",
    from: 1,
    to: lastSequence,
    onMessage: ({ data }) => texts.push(Buffer.from(data).toString())
  })
  return texts
})
const types = Effect.map(
  history,
  (texts) => texts.map((text) => Either.getOrThrow(decodeFact(Buffer.from(text))).type.replace("webhook.", ""))
)

const sealed = Effect.flatMap(KeyValue, (keyValue) => keyValue.keys("SECRETS"))

/** The broker's append log, but for one thing that goes wrong with the messages to WEBHOOKS. */
const faulty = (fault: (append: (typeof AppendLog.Service)["append"]) => (typeof AppendLog.Service)["append"]) =>
  Layer.effect(
    AppendLog,
    Effect.map(AppendLog, (log) => {
      const broken = fault(log.append)
      return {
        ...log,
        append: (message) => message.subject.startsWith("webhooks.") ? broken(message) : log.append(message)
      }
    })
  )

const unacknowledged = (subject: string) =>
  new AppendFailed({ reason: "unacknowledged", subject, detail: "lost on the way" })

describe("Webhooks", () => {
  it.scopedLive("a life from creation to deletion, read back after every step", () =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const vault = yield* Vault
      const headers = [["x-team", "value-of-header"]] as const
      const { secret, webhook } = yield* webhooks.create(workspace, { ...hook, headers, concurrency: 4 })
      const { id } = webhook
      expect(webhook).toMatchObject({ ...hook, headers: ["x-team"], concurrency: 4, state: "enabled", revision: 1 })
      expect(Redacted.value(secret)).toMatch(/^whsec_/)
      expect(yield* webhooks.get(workspace, id)).toEqual(webhook)
      const material = yield* vault.load(webhook)
      expect(Redacted.value(material.secrets.get(webhook.secretVersion) ?? secret)).toBe(Redacted.value(secret))
      expect(Redacted.value(material.headers)).toEqual(headers)

      expect(yield* webhooks.change(workspace, id, { description: "CRM", concurrency: null })).toMatchObject({
        description: "CRM",
        revision: 2
      })
      expect((yield* webhooks.get(workspace, id)).description).toBe("CRM")
      expect((yield* webhooks.pause(workspace, id)).state).toBe("paused")
      expect((yield* webhooks.pause(workspace, id)).revision).toBe(3)
      expect((yield* webhooks.resume(workspace, id)).state).toBe("enabled")
      // Judged as it was before it was paused and resumed.
      expect(yield* webhooks.disable(workspace, id, "410 Gone", 2)).toMatchObject({ state: "enabled", revision: 4 })
      expect(yield* webhooks.disable(workspace, id, "410 Gone", 4)).toMatchObject({ disabledReason: "410 Gone" })
      expect(yield* Effect.flip(webhooks.pause(workspace, id))).toMatchObject({ status: 409, type: "webhook_disabled" })
      expect((yield* webhooks.enable(workspace, id)).state).toBe("enabled")
      expect((yield* webhooks.change(workspace, id, { headers: [] })).headers).toEqual([])

      yield* webhooks.remove(workspace, id)
      expect((yield* Effect.flip(webhooks.get(workspace, id)))._tag).toBe("WebhookNotFound")
      expect((yield* Effect.flip(webhooks.remove(workspace, id)))._tag).toBe("WebhookNotFound")
      expect((yield* Effect.flip(webhooks.enable(workspace, id)))._tag).toBe("WebhookNotFound")
      expect(yield* webhooks.list(workspace)).toEqual([])
      expect(yield* sealed).toEqual([])
      expect(yield* types).toEqual([
        "created",
        "changed",
        "paused",
        "resumed",
        "disabled",
        "enabled",
        "changed",
        "deleted"
      ])
      const text = (yield* history).join("\n")
      expect(text).not.toContain("value-of-header")
      expect(text).not.toContain(Redacted.value(secret))
    }).pipe(Effect.provide(registryLayer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("the secret rotates with an overlap, which can be ended", () =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const vault = yield* Vault
      const own = Redacted.make("my own secret")
      const { webhook } = yield* webhooks.create(workspace, { ...hook, secret: own })
      const rotated = yield* webhooks.rotateSecret(workspace, webhook.id)
      const until = (rotated.webhook.overlapUntil ?? 0) - rotated.webhook.updatedAt
      expect(until).toBe(day)
      const inForce = secretsInForce(rotated.webhook, rotated.webhook.updatedAt)
      const material = yield* vault.load(rotated.webhook)
      const clear = (version: number) => Option.map(Option.fromNullable(material.secrets.get(version)), Redacted.value)
      expect(inForce.standard.map(clear)).toEqual([
        Option.some(Redacted.value(rotated.secret)),
        Option.some("my own secret")
      ])
      expect(clear(inForce.hex)).toEqual(Option.some("my own secret"))
      const ended = yield* webhooks.endOverlap(workspace, webhook.id)
      expect(ended).not.toHaveProperty("overlapUntil")
      expect(yield* webhooks.endOverlap(workspace, webhook.id)).toEqual(ended)
      const refused = yield* Effect.flip(webhooks.rotateSecret(workspace, webhook.id, { overlap: 8 * day }))
      expect(refused).toMatchObject({ status: 422, field: "overlap" })
      const short = yield* Effect.flip(webhooks.rotateSecret(workspace, webhook.id, { secret: Redacted.make("short") }))
      expect(short).toMatchObject({ status: 422, field: "secret" })
    }).pipe(Effect.provide(registryLayer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("what is refused leaves no trace", () =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const refused: ReadonlyArray<readonly [NewWebhook, string]> = [
        [{ ...hook, events: ["nothing.known"] }, "events[0]"],
        [{ ...hook, headers: [["host", "a"]] }, "headers.host"],
        [{ ...hook, secret: Redacted.make("whsec_AAAA") }, "secret"],
        [{ ...hook, concurrency: 0 }, "concurrency"]
      ]
      for (const [settings, field] of refused) {
        expect(yield* Effect.flip(webhooks.create(workspace, settings))).toMatchObject({ status: 422, field })
      }
      expect(yield* history).toEqual([])
      expect(yield* sealed).toEqual([])
    }).pipe(Effect.provide(registryLayer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("an overlap setting over seven days stops the start", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(registryLayer))
      expect(error).toMatchObject({ setting: "HOOKLINE_ROTATION_OVERLAP", value: "8d", accepts: "at most 7d" })
    }).pipe(Effect.provide(freshBroker({ rotationOverlap: 8 * day }))))

  it.scopedLive("another workspace's webhook is not there", () =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const { webhook } = yield* webhooks.create(workspace, hook)
      for (
        const attempt of [
          webhooks.get("ws_2", webhook.id),
          webhooks.change("ws_2", webhook.id, { url: "https://evil.example" }),
          webhooks.remove("ws_2", webhook.id),
          webhooks.rotateSecret("ws_2", webhook.id),
          webhooks.pause(workspace, "wh_unknown"),
          webhooks.pause(workspace, "no token.>\r\n"),
          webhooks.pause("*", webhook.id)
        ]
      ) {
        expect((yield* Effect.flip(Effect.asVoid<unknown, { readonly _tag: string }, never>(attempt)))._tag).toBe(
          "WebhookNotFound"
        )
      }
      expect(yield* types).toEqual(["created"])
    }).pipe(Effect.provide(registryLayer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("of two processes that change the same webhook none overwrites the other", () =>
    Effect.gen(function*() {
      const other = yield* Layer.build(Layer.fresh(registryLayer))
      const webhooks = yield* Webhooks
      const { webhook } = yield* webhooks.create(workspace, hook)
      const both = yield* Effect.all([
        webhooks.change(workspace, webhook.id, { description: "one" }),
        Effect.flatMap(Webhooks, (second) => second.rotateSecret(workspace, webhook.id)).pipe(Effect.provide(other))
      ], { concurrency: "unbounded" })
      expect(both).toHaveLength(2)
      const subscriptions = yield* Subscriptions
      yield* subscriptions.fence
      const after = yield* webhooks.get(workspace, webhook.id)
      expect(after).toMatchObject({ description: "one", previousSecretVersion: 1, revision: 3 })
    }).pipe(Effect.provide(registryLayer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("under many writers each success is one fact, each failure a conflict, and every secret opens", () =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const vault = yield* Vault
      const { webhook } = yield* webhooks.create(workspace, hook)
      const results = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, index) => index),
        (index) =>
          Effect.either(
            index % 2 === 0
              ? Effect.asVoid(webhooks.rotateSecret(workspace, webhook.id))
              : Effect.asVoid(webhooks.change(workspace, webhook.id, { description: `by ${index}` }))
          ),
        { concurrency: "unbounded" }
      )
      const failures = results.filter(Either.isLeft).map(({ left }) => left._tag)
      expect(failures.length).toBeLessThan(12)
      expect(new Set(failures)).toEqual(new Set(failures.length === 0 ? [] : ["WebhookConflict"]))
      const after = yield* webhooks.get(workspace, webhook.id)
      expect(after.revision).toBe(1 + 12 - failures.length)
      const material = yield* vault.load(after)
      for (const version of secretsInForce(after, after.updatedAt).standard) {
        expect(material.secrets.has(version)).toBe(true)
      }
    }).pipe(Effect.provide(registryLayer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("everything is there again after a restart", () =>
    Effect.gen(function*() {
      const before = yield* Effect.gen(function*() {
        const webhooks = yield* Webhooks
        const { secret, webhook } = yield* webhooks.create(workspace, hook)
        return { secret, webhook: yield* webhooks.disable(workspace, webhook.id, "410 Gone") }
      }).pipe(Effect.provide(Layer.fresh(registryLayer)))
      const broker = yield* TestBroker
      yield* broker.kill
      yield* broker.restart
      yield* Effect.gen(function*() {
        expect(yield* (yield* Webhooks).get(workspace, before.webhook.id)).toEqual(before.webhook)
        const material = yield* (yield* Vault).load(before.webhook)
        expect(material.secrets.get(1)).toEqual(before.secret)
      }).pipe(
        Effect.provide(Layer.fresh(registryLayer)),
        Effect.retry(Schedule.spaced("100 millis").pipe(Schedule.upTo("20 seconds")))
      )
    }).pipe(Effect.provide(freshBroker())))

  it.scopedLive("a secret that a kill left behind is destroyed at the next start", () =>
    Effect.gen(function*() {
      const keyValue = yield* KeyValue
      const id = yield* Effect.gen(function*() {
        const webhooks = yield* Webhooks
        const { webhook } = yield* webhooks.create(workspace, hook)
        const kept = Option.getOrThrow(yield* keyValue.get("SECRETS", `ws_1.${webhook.id}`))
        yield* webhooks.remove(workspace, webhook.id)
        yield* keyValue.write("SECRETS", `ws_1.${webhook.id}`, kept.value, 0)
        yield* webhooks.create(workspace, hook)
        return webhook.id
      }).pipe(Effect.provide(Layer.fresh(registryLayer)))
      expect(yield* sealed).toContain(`ws_1.${id}`)
      yield* Layer.build(Layer.fresh(registryLayer))
      const swept = Effect.filterOrFail(sealed, (names) => names.length === 1, () => "not yet")
      const names = yield* Effect.retry(swept, { times: 500 })
      expect(names).not.toContain(`ws_1.${id}`)
    }).pipe(Effect.provide(freshBroker())))

  it.scopedLive("an append without an answer that was stored after all is a success", () =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const { webhook } = yield* webhooks.create(workspace, hook)
      expect(yield* webhooks.pause(workspace, webhook.id)).toMatchObject({ state: "paused", revision: 2 })
      expect(yield* types).toEqual(["created", "paused"])
    }).pipe(
      Effect.provide(registryLayer.pipe(
        Layer.provide(
          faulty((append) => (message) =>
            Effect.zipRight(append(message), Effect.fail(unacknowledged(message.subject)))
          )
        ),
        Layer.provideMerge(freshBroker())
      ))
    ))

  it.scopedLive("one that was not stored is a 503, and nothing happened", () =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      expect((yield* Effect.flip(webhooks.create(workspace, hook)))._tag).toBe("BrokerUnavailable")
      expect(yield* webhooks.list(workspace)).toEqual([])
      expect(yield* history).toEqual([])
    }).pipe(
      Effect.provide(
        registryLayer.pipe(
          Layer.provide(faulty(() => (message) => Effect.fail(unacknowledged(message.subject)))),
          Layer.provideMerge(freshBroker())
        )
      )
    ))

  it.scopedLive("without the broker a command is a 503, reading goes on", () =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const { webhook } = yield* webhooks.create(workspace, hook)
      yield* (yield* TestBroker).kill
      expect((yield* Effect.flip(webhooks.pause(workspace, webhook.id)))._tag).toBe("BrokerUnavailable")
      expect((yield* Effect.flip(webhooks.create(workspace, hook)))._tag).toBe("BrokerUnavailable")
      expect(yield* webhooks.list(workspace)).toEqual([webhook])
    }).pipe(Effect.provide(registryLayer.pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("a command whose caller goes away is finished all the same", () =>
    Effect.gen(function*() {
      const reached = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const held = faulty((append) => (message) =>
        typeof message.data === "string" && message.data.includes("webhook.deleted")
          ? Deferred.succeed(reached, undefined).pipe(
            Effect.zipRight(Deferred.await(goOn)),
            Effect.zipRight(append(message))
          )
          : append(message)
      )
      yield* Effect.gen(function*() {
        const webhooks = yield* Webhooks
        const { webhook } = yield* webhooks.create(workspace, hook)
        const caller = yield* Effect.fork(webhooks.remove(workspace, webhook.id))
        yield* Deferred.await(reached)
        yield* Fiber.interrupt(caller)
        yield* Deferred.succeed(goOn, undefined)
        yield* Effect.retry(Effect.filterOrFail(sealed, (names) => names.length === 0, () => "not yet"), { times: 500 })
        expect(yield* types).toEqual(["created", "deleted"])
      }).pipe(Effect.provide(registryLayer.pipe(Layer.provide(held))))
    }).pipe(Effect.provide(freshBroker())))
})
