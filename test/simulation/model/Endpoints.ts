import { Effect } from "effect"
import { createHmac } from "node:crypto"
import type { AttemptResult } from "../../../src/model/Attempt.ts"
import type { Sender, SendRequest } from "../../../src/outbound/Sender.ts"
import type { Process } from "../Process.ts"
import type { World } from "../World.ts"
import type { ModelBroker } from "./ModelBroker.ts"

export const behaviours = [
  "well",
  "slow",
  "failing",
  "flaky",
  "hanging",
  "unreachable",
  "restrained",
  "gone",
  "faulty"
] as const
/** `faulty`: not the endpoint, but our own side fails (no file descriptor, say). */
export type Behaviour = (typeof behaviours)[number]

/** A request that left a worker. */
export interface Post {
  readonly order: number
  readonly at: number
  readonly process: Process
  readonly webhookId: string
  readonly eventId: string
  /** Broker time as the worker knew it. */
  readonly startedAt: number
  readonly isSigned: boolean
  readonly hadLease: boolean
  /** The latest broker time that the worker's clock had shown; whether that was ever measured. */
  readonly latestTime: number
  readonly knewTime: boolean
  /** What the worker was told; undefined: nothing, or it was broken off. */
  result: AttemptResult | undefined
  /** When it was told. */
  settledAt: number | undefined
}

/** A lease counts so long from before the request of its last renewal; the product counts whole milliseconds. */
const leaseHolds = 4_001

const headerOf = (headers: ReadonlyArray<string>, name: string): string => {
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) return headers[index + 1] ?? ""
  return ""
}

/** Everybody who is sent to: keeps each request that came, and answers as its webhook's endpoint does at the moment. */
export class Endpoints {
  readonly world: World
  readonly broker: ModelBroker
  readonly posts: Array<Post> = []
  readonly #behaviours = new Map<string, Behaviour>()
  /** Clear secrets a webhook ever had. */
  readonly secrets = new Map<string, Array<string>>()
  readonly #timeout: number

  constructor(broker: ModelBroker, timeout: number) {
    this.world = broker.world
    this.broker = broker
    this.#timeout = timeout
  }

  behave(webhookId: string, behaviour: Behaviour): void {
    this.#behaviours.set(webhookId, behaviour)
  }

  everybodyIsWell(): void {
    this.#behaviours.clear()
  }

  #isSigned(webhookId: string, { body, headers }: SendRequest): boolean {
    const signature = headerOf(headers, "x-webhook-signature")
    return (this.secrets.get(webhookId) ?? []).some((secret) =>
      createHmac("sha256", secret).update(body).digest("hex") === signature
    )
  }

  #answer(webhookId: string, startedAt: number): { readonly after: number; readonly result: AttemptResult } {
    const { chance } = this.world
    const behaviour = this.#behaviours.get(webhookId) ?? "well"
    const answered = (status: number, after: number, more: object = {}) => ({
      after,
      result: {
        class: status === 200 ? "success" as const : "status" as const,
        startedAt,
        latency: after,
        status,
        ...(status === 200 ? {} : { error: `answered ${status}` }),
        ...more
      }
    })
    const usual = chance.between(1, 40)
    switch (behaviour) {
      case "well":
        return answered(200, usual)
      case "slow":
        return answered(200, chance.between(500, 6_000))
      case "failing":
        return answered(500, usual)
      case "flaky":
        return answered(chance.happens(0.5) ? 200 : 503, usual)
      case "restrained":
        return answered(429, usual, { retryAfter: chance.integer(1, 20) * 1_000 })
      case "gone":
        return answered(410, usual)
      case "hanging":
        return {
          after: this.#timeout,
          result: { class: "timeout", startedAt, latency: this.#timeout, error: "no answer in time" }
        }
      case "unreachable":
        return { after: usual, result: { class: "connect", startedAt, latency: usual, error: "connection refused" } }
      case "faulty":
        return { after: usual, result: { class: "local", error: "too many open files" } }
    }
  }

  sender(process: Process): Sender["Type"] {
    const unsafeSend: Sender["Type"]["unsafeSend"] = (request, settle) => {
      if (request.mayStart?.() === false) {
        return process.timer(0, () => settle({ class: "shutdown", error: "the model may not start it" }))
      }
      const webhookId = new URL(request.url).pathname.split("/")[1] ?? ""
      const { now } = this.world
      const post: Post = {
        order: this.world.remember(),
        at: now,
        process,
        webhookId,
        eventId: headerOf(request.headers, "webhook-id"),
        startedAt: request.startedAt,
        isSigned: this.#isSigned(webhookId, request),
        hadLease: (this.broker.leaseHolder === process || this.broker.robbed.has(process)) &&
          now - process.renewedAt < leaseHolds,
        latestTime: process.latestTime,
        knewTime: process.knowsTime,
        result: undefined,
        settledAt: undefined
      }
      this.posts.push(post)
      const { after, result } = this.#answer(webhookId, request.startedAt)
      return process.timer(after, () => {
        post.result = result
        post.settledAt = this.world.now
        settle(result)
      })
    }
    return {
      unsafeSend,
      send: (request) =>
        Effect.async((resume) => {
          const cancel = unsafeSend(request, (result) => resume(Effect.succeed(result)))
          return Effect.sync(cancel)
        })
    }
  }
}
