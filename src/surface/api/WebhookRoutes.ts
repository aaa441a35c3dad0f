import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Redacted } from "effect"
import { BrokerClock } from "../../broker/BrokerClock.ts"
import { History } from "../../ledger/History.ts"
import type { Webhook } from "../../model/Webhook.ts"
import type { WebhookSettings } from "../../model/WebhookSettings.ts"
import { AddressPolicy } from "../../outbound/AddressPolicy.ts"
import { Webhooks, type WithSecret } from "../../registry/Webhooks.ts"
import { jsonBody } from "./Body.ts"
import { HooklineApi } from "./Contract.ts"
import {
  ChangeWebhook,
  CheckUrl,
  CreateWebhook,
  DisableWebhook,
  ResumeWebhook,
  RotateSecret,
  shownHours,
  type WebhookView
} from "./contract/Webhooks.ts"
import { Unprocessable } from "./Errors.ts"
import { healthsInShort } from "./HealthInShort.ts"
import { answering, webhookNotFound } from "./Refusals.ts"
import { mask, testing } from "./Testing.ts"
import { iso } from "./Times.ts"
import { ownWorkspace, type WorkspaceHeaders } from "./Workspace.ts"

/** How long an answer waits for the counts that go with it. */
const historyPatience = "1 second"

const readCheck = jsonBody(CheckUrl)
const readCreate = jsonBody(CreateWebhook)
const readChange = jsonBody(ChangeWebhook)
const readDisable = jsonBody(DisableWebhook, {})
const readResume = jsonBody(ResumeWebhook, {})
const readRotate = jsonBody(RotateSecret, {})

/** `now` in broker milliseconds: an overlap that is over is not shown. */
const view = (webhook: Webhook, now: number): WebhookView => ({
  id: webhook.id,
  url: webhook.url,
  events: webhook.events,
  description: webhook.description,
  state: webhook.state,
  ...(webhook.disabledReason === undefined ? {} : { disabled_reason: webhook.disabledReason }),
  concurrency: webhook.concurrency ?? null,
  rate_limit: webhook.rateLimit ?? null,
  ...(webhook.drainRate === undefined ? {} : { drain_rate: webhook.drainRate }),
  headers: Object.fromEntries(webhook.headers.map((name) => [name, mask])),
  ...(webhook.overlapUntil === undefined || webhook.overlapUntil <= now
    ? {}
    : { overlap_until: iso(webhook.overlapUntil) }),
  created_at: iso(webhook.createdAt),
  updated_at: iso(webhook.updatedAt),
  revision: webhook.revision
})

interface OfOne {
  readonly headers: WorkspaceHeaders
  readonly path: { readonly id: string }
}

/** The registry's settings, out of the keys that are there. */
const settingsOf = (body: typeof ChangeWebhook.Type): WebhookSettings => ({
  ...(body.url === undefined ? {} : { url: body.url }),
  ...(body.events === undefined ? {} : { events: body.events }),
  ...(body.description === undefined ? {} : { description: body.description }),
  ...(body.concurrency === undefined ? {} : { concurrency: body.concurrency }),
  ...(body.rate_limit === undefined ? {} : { rateLimit: body.rate_limit }),
  ...(body.headers === undefined ? {} : { headers: Object.entries(body.headers) })
})

export const webhooks = HttpApiBuilder.group(HooklineApi, "webhooks", (handlers) =>
  Effect.gen(function*() {
    const registry = yield* Webhooks
    const policy = yield* AddressPolicy
    const clock = yield* BrokerClock
    const history = yield* History

    const test = yield* testing
    const show = (webhook: Webhook) => view(webhook, clock.now())
    const showWithSecret = ({ secret, webhook }: WithSecret) => ({ ...show(webhook), secret: Redacted.value(secret) })

    /** Warnings about an address that may be used. */
    const checkAddress = Effect.fnUntraced(function*(url: string | undefined) {
      if (url === undefined) return {}
      const { problems: [problem], warnings } = yield* policy.resolveUrl(url)
      if (problem !== undefined) {
        return yield* new Unprocessable({ type: "invalid", field: problem.field, message: `url: ${problem.message}` })
      }
      return warnings.length === 0 ? {} : { warnings }
    })

    /** With what waits and what was suppressed: null where the history does not answer at once. The webhook, or its change, is known all the same. */
    const showCounted = (webhook: Webhook) =>
      history.ask("waiting", { workspaceId: webhook.workspaceId, webhookId: webhook.id }).pipe(
        Effect.timeout(historyPatience),
        Effect.orElseSucceed(() => ({ held: null, suppressed: null })),
        Effect.map((counts) => ({ ...show(webhook), ...counts }))
      )

    /** What a list has of each webhook's health, from one question; null where the history does not answer at once. */
    const healths = (workspaceId: string) =>
      history.ask("overview", { workspaceId, now: clock.now(), hours: shownHours }).pipe(
        Effect.timeout(historyPatience),
        Effect.map(healthsInShort),
        Effect.orElseSucceed(() => (): null => null)
      )

    type Simple = "enable" | "pause"
    const act = (action: Simple) => ({ headers, path }: OfOne) =>
      Effect.gen(function*() {
        return yield* showCounted(yield* registry[action](yield* ownWorkspace(headers), path.id))
      }).pipe(answering)

    return handlers
      .handleRaw("create", ({ headers, request }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const body = yield* readCreate(request)
          const warnings = yield* checkAddress(body.url)
          const created = yield* registry.create(workspaceId, {
            ...settingsOf(body),
            url: body.url,
            events: body.events,
            ...(body.secret === undefined ? {} : { secret: Redacted.make(body.secret) })
          })
          return { ...showWithSecret(created), ...warnings }
        }).pipe(answering))
      .handleRaw("check", ({ headers, request }) =>
        Effect.gen(function*() {
          yield* ownWorkspace(headers)
          const { url } = yield* readCheck(request)
          const { warnings = [] } = yield* checkAddress(url)
          return { url, warnings }
        }))
      .handle("list", ({ headers, urlParams }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const all = yield* registry.list(workspaceId)
          if (urlParams.include === undefined) return { data: all.map(show), next: null }
          const healthOf = yield* healths(workspaceId)
          return {
            data: all.map((webhook) => ({ ...show(webhook), health: healthOf(webhook.id) })),
            next: null,
            behind: history.status().behind
          }
        }))
      .handle("show", ({ headers, path }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          return yield* showCounted(yield* Effect.mapError(registry.get(workspaceId, path.id), () => webhookNotFound))
        }))
      .handleRaw("change", ({ headers, path, request }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          yield* registry.get(workspaceId, path.id)
          const body = yield* readChange(request)
          const warnings = yield* checkAddress(body.url)
          return { ...show(yield* registry.change(workspaceId, path.id, settingsOf(body))), ...warnings }
        }).pipe(answering))
      .handle("remove", ({ headers, path }) =>
        Effect.gen(function*() {
          yield* registry.remove(yield* ownWorkspace(headers), path.id)
        }).pipe(answering))
      .handle("enable", act("enable"))
      .handleRaw("disable", ({ headers, path, request }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const { reason } = yield* readDisable(request)
          return yield* showCounted(yield* registry.disable(workspaceId, path.id, reason))
        }).pipe(answering))
      .handle("pause", act("pause"))
      .handleRaw("resume", ({ headers, path, request }) =>
        Effect.gen(function*() {
          const { rate } = yield* readResume(request)
          return yield* showCounted(yield* registry.resume(yield* ownWorkspace(headers), path.id, rate))
        }).pipe(answering))
      .handleRaw("rotateSecret", ({ headers, path, request }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const { overlap_seconds: overlap, secret } = yield* readRotate(request)
          const rotated = yield* registry.rotateSecret(workspaceId, path.id, {
            ...(secret === undefined ? {} : { secret: Redacted.make(secret) }),
            ...(overlap === undefined ? {} : { overlap: overlap * 1000 })
          })
          return showWithSecret(rotated)
        }).pipe(answering))
      .handle("endOverlap", ({ headers, path }) =>
        Effect.gen(function*() {
          return show(yield* registry.endOverlap(yield* ownWorkspace(headers), path.id))
        }).pipe(answering))
      .handleRaw("test", ({ headers, path, request }) =>
        Effect.gen(function*() {
          return yield* test(yield* registry.get(yield* ownWorkspace(headers), path.id), request)
        }).pipe(answering))
  }))
