import { Data, Either } from "effect"
import type { WebhookId, WorkspaceId } from "./Id.ts"
import type { Webhook, WebhookStatus } from "./Webhook.ts"
import type { WebhookFact } from "./WebhookFacts.ts"
import { invalid, WebhookRefused, type WebhookSettings } from "./WebhookSettings.ts"

/**
 * A webhook's life. `·` means: already so, no fact, the same answer (every transition is idempotent, CONTRACT 7).
 *
 * | command     | none          | enabled         | paused           | disabled          | deleted |
 * | ----------- | ------------- | --------------- | ---------------- | ----------------- | ------- |
 * | create      | → enabled     | 409             | 409              | 409               | 409     |
 * | change      | 404           | what differs    | what differs     | what differs      | 404     |
 * | enable      | 404           | ·               | 409, resume it   | → enabled¹        | 404     |
 * | disable     | 404           | → disabled      | → disabled       | · ²               | 404     |
 * | pause       | 404           | → paused        | ·                | 409, enable it    | 404     |
 * | resume      | 404           | · ⁵             | → enabled        | 409, enable it    | 404     |
 * | rotate      | 404           | new secret³     | new secret³      | new secret³       | 404     |
 * | end_overlap | 404           | old secret ends⁴| old secret ends⁴ | old secret ends⁴  | 404     |
 * | delete      | 404           | → deleted       | → deleted        | → deleted         | 404     |
 *
 * ¹ the reason is gone · ² the first reason stays · ³ the current secret becomes the previous one until the overlap ends; during an overlap
 * the older one is dropped at once, so that never more than two are in force · ⁴ · when there is no overlap, or it is over ·
 * ⁵ at another rate than it was resumed at: resumed anew, what is held now drains at that rate
 */
export type WebhookCommand =
  & { /** Broker milliseconds. */ readonly at: number }
  & (
    | {
      readonly type: "create"
      readonly workspaceId: WorkspaceId
      readonly webhookId: WebhookId
      readonly settings: SealedSettings & Required<Pick<WebhookSettings, "url" | "events">>
      readonly secretVersion: number
    }
    | { readonly type: "change"; readonly settings: SealedSettings }
    | { readonly type: "enable" | "pause" | "end_overlap" | "delete" }
    /** `rate` in attempts a second, above 0 up to 10,000: how fast drains what is held; at once without it. */
    | { readonly type: "resume"; readonly rate?: number }
    | { readonly type: "disable"; readonly reason?: string }
    /** `overlap` in milliseconds, 0 to 7 days. */
    | { readonly type: "rotate"; readonly secretVersion: number; readonly overlap: number }
  )

/** Settings that were found in order (`settingsProblem`); the headers' values lie in SECRETS under `version`, without one there are none. */
export type SealedSettings = Omit<WebhookSettings, "headers"> & { readonly headers?: SealedHeaders }

interface SealedHeaders {
  readonly names: ReadonlyArray<string>
  readonly version?: number
}

/** There is no such webhook (any more) in the workspace. */
export class WebhookNotFound extends Data.TaggedError("WebhookNotFound")<{
  readonly webhookId: string
}> {
  override get message(): string {
    return "no such webhook"
  }
}

export const longestOverlap = 7 * 86_400_000
const maxReason = 500
const maxRate = 10_000

const refusal = (type: "webhook_disabled" | "webhook_paused" | "webhook_exists", message: string): WebhookRefused =>
  new WebhookRefused({ status: 409, type, message })

const disabled = refusal("webhook_disabled", "the webhook is disabled; enable it first")
const paused = refusal("webhook_paused", "the webhook is paused; resume it instead")

type Transition = "enable" | "disable" | "pause"
type Simple = "webhook.enabled" | "webhook.disabled" | "webhook.paused"

const transitions: Record<Transition, Record<WebhookStatus, Simple | WebhookRefused | "already">> = {
  enable: { enabled: "already", paused, disabled: "webhook.enabled" },
  disable: { enabled: "webhook.disabled", paused: "webhook.disabled", disabled: "already" },
  pause: { enabled: "webhook.paused", paused: "already", disabled }
}

type Changes = Partial<Extract<WebhookFact, { type: "webhook.changed" }>>

/** What the settings change, without what is so already. Headers always count as changed: their values cannot be compared. */
const differences = (state: Webhook, settings: SealedSettings): Changes => {
  const { concurrency, description, events, headers, rateLimit, url } = settings
  const sameEvents = events?.length === state.events.length &&
    events.every((type, index) => type === state.events[index])
  const stillNone = headers?.version === undefined && state.headersVersion === undefined
  return {
    ...(url === undefined || url === state.url ? {} : { url }),
    ...(events === undefined || sameEvents ? {} : { events }),
    ...(description === undefined || description === state.description ? {} : { description }),
    ...(headers === undefined || stillNone ? {} : { headers: headers.names, headersVersion: headers.version ?? null }),
    ...(concurrency === undefined || concurrency === (state.concurrency ?? null) ? {} : { concurrency }),
    ...(rateLimit === undefined || rateLimit === (state.rateLimit ?? null) ? {} : { rateLimit })
  }
}

/** What a command makes of a webhook: at most one fact, so that a command is done as a whole or not at all. */
export const decide = (
  state: Webhook | undefined,
  command: WebhookCommand
): Either.Either<ReadonlyArray<WebhookFact>, WebhookRefused | WebhookNotFound> => {
  if (command.type === "create") {
    if (state !== undefined) return Either.left(refusal("webhook_exists", "there is a webhook of this id already"))
    const { concurrency, description = "", events, headers, rateLimit, url } = command.settings
    return Either.right([{
      v: 1,
      type: "webhook.created",
      webhookId: command.webhookId,
      workspaceId: command.workspaceId,
      revision: 1,
      at: command.at,
      url,
      events,
      description,
      headers: headers?.names ?? [],
      ...(headers?.version === undefined ? {} : { headersVersion: headers.version }),
      ...(concurrency === undefined || concurrency === null ? {} : { concurrency }),
      ...(rateLimit === undefined || rateLimit === null ? {} : { rateLimit }),
      secretVersion: command.secretVersion
    }])
  }
  if (state === undefined || state.deleted) return Either.left(new WebhookNotFound({ webhookId: state?.id ?? "" }))
  const common = {
    v: 1,
    webhookId: state.id,
    workspaceId: state.workspaceId,
    revision: state.revision + 1,
    at: command.at
  } as const
  switch (command.type) {
    case "change": {
      const changes = differences(state, command.settings)
      const any = Object.keys(changes).length > 0
      return Either.right(any ? [{ ...common, type: "webhook.changed", ...changes }] : [])
    }
    case "enable":
    case "disable":
    case "pause": {
      const next = transitions[command.type][state.state]
      if (next instanceof WebhookRefused) return Either.left(next)
      if (next === "already") return Either.right([])
      const reason = command.type === "disable" ? command.reason : undefined
      if (reason !== undefined && reason.length > maxReason) {
        return Either.left(invalid("reason", `at most ${maxReason} characters`))
      }
      return Either.right([{ ...common, type: next, ...(reason === undefined ? {} : { reason }) }])
    }
    case "resume": {
      const { rate } = command
      if (rate !== undefined && !(rate > 0 && rate <= maxRate)) {
        return Either.left(invalid("rate", `attempts a second, above 0 up to ${maxRate}; left out, at once`))
      }
      if (state.state === "disabled") return Either.left(disabled)
      if (state.state === "enabled" && rate === state.drainRate) return Either.right([])
      return Either.right([{ ...common, type: "webhook.resumed", ...(rate === undefined ? {} : { drainRate: rate }) }])
    }
    case "rotate": {
      const { overlap, secretVersion } = command
      if (!(overlap >= 0 && overlap <= longestOverlap)) return Either.left(invalid("overlap", "0 to 7 days"))
      const previous = { previousSecretVersion: state.secretVersion, overlapUntil: command.at + Math.round(overlap) }
      return Either.right([
        { ...common, type: "webhook.secret_rotated", secretVersion, ...(Math.round(overlap) === 0 ? {} : previous) }
      ])
    }
    case "end_overlap": {
      const over = state.overlapUntil === undefined || command.at >= state.overlapUntil
      const ended = { ...common, type: "webhook.secret_rotated", secretVersion: state.secretVersion } as const
      return Either.right(over ? [] : [ended])
    }
    case "delete":
      return Either.right([{ ...common, type: "webhook.deleted" }])
  }
}

/** The same without the keys. Built anew: `delete` would turn it into a hash table of twice the size. */
const without = <A extends object, K extends keyof A>(value: A, ...keys: ReadonlyArray<K>): Omit<A, K> => {
  const copy: Partial<A> = {}
  for (const key of Object.keys(value) as Array<keyof A>) {
    if (!keys.includes(key as K)) copy[key] = value[key]
  }
  return copy as Omit<A, K>
}

const withoutDrain = <A extends Pick<Webhook, "drainRate" | "resumedAt">>(webhook: A) =>
  without(webhook, "drainRate", "resumedAt")

/** An optional setting after a change: left alone, set, or taken away by null. */
const setting = <K extends string>(key: K, now: number | undefined, change: number | null | undefined) => {
  const value = change === undefined ? now : change ?? undefined
  return (value === undefined ? {} : { [key]: value }) as { readonly [_ in K]?: number }
}

/**
 * The webhook after a fact. One that does not fit (a first that is not its creation, a revision out of turn, another webhook's, anything
 * after its deletion) changes nothing: the very same state comes back, by which the caller can tell.
 */
export const evolve = (state: Webhook | undefined, fact: WebhookFact): Webhook | undefined => {
  if (fact.type === "webhook.created") {
    if (state !== undefined || fact.revision !== 1) return state
    return {
      id: fact.webhookId,
      workspaceId: fact.workspaceId,
      url: fact.url,
      events: fact.events,
      description: fact.description,
      state: "enabled",
      ...setting("concurrency", undefined, fact.concurrency),
      ...setting("rateLimit", undefined, fact.rateLimit),
      headers: fact.headers,
      secretVersion: fact.secretVersion,
      ...setting("headersVersion", undefined, fact.headersVersion),
      highestVersion: Math.max(fact.secretVersion, fact.headersVersion ?? 0),
      revision: 1,
      createdAt: fact.at,
      updatedAt: fact.at,
      deleted: false
    }
  }
  const fits = state !== undefined && !state.deleted && state.id === fact.webhookId &&
    state.workspaceId === fact.workspaceId && fact.revision === state.revision + 1
  if (!fits) return state
  const next = { ...state, revision: fact.revision, updatedAt: fact.at }
  switch (fact.type) {
    case "webhook.changed":
      return {
        ...without(next, "concurrency", "rateLimit", "headersVersion"),
        url: fact.url ?? state.url,
        events: fact.events ?? state.events,
        description: fact.description ?? state.description,
        headers: fact.headers ?? state.headers,
        ...setting("headersVersion", state.headersVersion, fact.headersVersion),
        ...setting("concurrency", state.concurrency, fact.concurrency),
        ...setting("rateLimit", state.rateLimit, fact.rateLimit),
        highestVersion: Math.max(state.highestVersion, fact.headersVersion ?? 0)
      }
    case "webhook.enabled":
      return { ...without(next, "disabledReason"), state: "enabled" }
    case "webhook.resumed": {
      const drain = fact.drainRate === undefined ? {} : { drainRate: fact.drainRate, resumedAt: fact.at }
      return { ...withoutDrain(next), state: "enabled", ...drain }
    }
    case "webhook.paused":
      return { ...withoutDrain(next), state: "paused" }
    case "webhook.disabled":
      return {
        ...withoutDrain(next),
        state: "disabled",
        ...(fact.reason === undefined ? {} : { disabledReason: fact.reason })
      }
    case "webhook.secret_rotated":
      return {
        ...without(next, "previousSecretVersion", "overlapUntil"),
        secretVersion: fact.secretVersion,
        ...setting("previousSecretVersion", undefined, fact.previousSecretVersion),
        ...setting("overlapUntil", undefined, fact.overlapUntil),
        highestVersion: Math.max(state.highestVersion, fact.secretVersion)
      }
    case "webhook.deleted": {
      const kept = without(next, "concurrency", "rateLimit", "headersVersion", "previousSecretVersion", "overlapUntil")
      return { ...withoutDrain(kept), events: [], description: "", headers: [], deleted: true }
    }
  }
}
