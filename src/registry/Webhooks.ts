import { Context, Data, Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import { randomUUID } from "node:crypto"
import { AppendLog } from "../broker/AppendLog.ts"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { BrokerUnavailable, Streams } from "../broker/Streams.ts"
import { headerNames, streamNames, webhookSubject } from "../broker/Subjects.ts"
import { Config, InvalidSetting, settings as definitions } from "../Config.ts"
import type { Catalogue } from "../model/Catalogue.ts"
import { newWebhookId, type WebhookId, type WorkspaceId } from "../model/Id.ts"
import { newSecret, validateSecret } from "../model/Secret.ts"
import type { StaticHeader } from "../model/StaticHeaders.ts"
import type { Webhook } from "../model/Webhook.ts"
import { encodeFact, type WebhookFact } from "../model/WebhookFacts.ts"
import {
  decide,
  evolve,
  longestOverlap,
  type SealedSettings,
  type WebhookCommand,
  WebhookNotFound
} from "../model/WebhookLife.ts"
import { checkSettings, invalid, type WebhookRefused, type WebhookSettings } from "../model/WebhookSettings.ts"
import { Subscriptions } from "./Subscriptions.ts"
import { type SealedVersions, type ToSeal, Vault } from "./Vault.ts"

/** Others changed the webhook at the same time, twice. Trying again is safe. */
export class WebhookConflict extends Data.TaggedError("WebhookConflict")<{
  readonly webhookId: string
}> {
  override get message(): string {
    return "the webhook was changed at the same time; try again"
  }
}

/** A webhook with its secret in clear: the only time that it is shown. */
export interface WithSecret {
  readonly webhook: Webhook
  readonly secret: Redacted.Redacted
}

/** Without `secret` one is made. */
export type NewWebhook = WebhookSettings & Required<Pick<WebhookSettings, "url" | "events">> & {
  readonly secret?: Redacted.Redacted
}

type CreateError = WebhookRefused | WebhookConflict | BrokerUnavailable
type CommandError = CreateError | WebhookNotFound

/**
 * What can be done with webhooks (the table is in model/WebhookLife.ts). A command is decided on a state that holds every change answered
 * before, written with the expected last sequence of the webhook's subject, and answered when the projection has it. A lost race is run once
 * more. Order: sealed values, the fact, and at a deletion the purge; a kill between leaves at most sealed values that nothing refers to,
 * which the sweep at start destroys. A command goes on to its end when its caller is interrupted.
 *
 * Not found: also another workspace's. Refused: 422 and 409. `BrokerUnavailable` (503): it may nevertheless have been done, when the broker
 * went away before its answer.
 */
export class Webhooks extends Context.Tag("hookline/registry/Webhooks")<Webhooks, {
  readonly create: (workspaceId: WorkspaceId, settings: NewWebhook) => Effect.Effect<WithSecret, CreateError>
  readonly change: (workspaceId: string, id: string, settings: WebhookSettings) => Effect.Effect<Webhook, CommandError>
  readonly enable: (workspaceId: string, id: string) => Effect.Effect<Webhook, CommandError>
  /**
   * `reason` for a person, at most 500 characters. With `revision` only while the webhook still has it: one that was changed since stays as it is,
   * and is the answer.
   */
  readonly disable: (
    workspaceId: string,
    id: string,
    reason?: string,
    revision?: number
  ) => Effect.Effect<Webhook, CommandError>
  readonly pause: (workspaceId: string, id: string) => Effect.Effect<Webhook, CommandError>
  /** `rate` in attempts a second, above 0 up to 10,000: how fast what is held drains; at once without it. */
  readonly resume: (workspaceId: string, id: string, rate?: number) => Effect.Effect<Webhook, CommandError>
  /** `overlap` in milliseconds, 0 to 7 days, the setting's when absent; without `secret` one is made. */
  readonly rotateSecret: (
    workspaceId: string,
    id: string,
    options?: { readonly secret?: Redacted.Redacted; readonly overlap?: number }
  ) => Effect.Effect<WithSecret, CommandError>
  readonly endOverlap: (workspaceId: string, id: string) => Effect.Effect<Webhook, CommandError>
  readonly remove: (workspaceId: string, id: string) => Effect.Effect<void, CommandError>
  /** Oldest first. From the projection as it is: also while the broker is away. */
  readonly list: (workspaceId: string) => Effect.Effect<ReadonlyArray<Webhook>>
  readonly get: (workspaceId: string, id: string) => Effect.Effect<Webhook, WebhookNotFound>
}>() {
  static readonly layer = (catalogue: Catalogue) => Layer.scoped(Webhooks, Effect.suspend(() => make(catalogue)))
}

class LostRace extends Data.TaggedError("LostRace")<{}> {}

interface Place {
  readonly workspaceId: WorkspaceId
  readonly webhookId: WebhookId
}

/** What a command is made of once its values are sealed. */
interface Plan {
  readonly seals?: ToSeal
  /** Nothing is done to a webhook that has another one. */
  readonly revision?: number
  readonly command: (versions: SealedVersions, at: number) => WebhookCommand
}

/** How long an append without an answer is looked for. */
const searching = Schedule.spaced("500 millis").pipe(Schedule.upTo("10 seconds"))

const sealedHeaders = (
  headers: ReadonlyArray<StaticHeader> | undefined,
  version: number | undefined
): Pick<SealedSettings, "headers"> =>
  headers === undefined
    ? {}
    : { headers: { names: headers.map(([name]) => name), ...(version === undefined ? {} : { version }) } }

const headersToSeal = (headers: ReadonlyArray<StaticHeader> | undefined): ToSeal =>
  headers === undefined || headers.length === 0 ? {} : { headers: Redacted.make(headers) }

/** The customer's own secret, or a new one. */
const chosenSecret = (given: Redacted.Redacted | undefined): Effect.Effect<Redacted.Redacted, WebhookRefused> => {
  if (given === undefined) return Effect.sync(() => Redacted.make(newSecret()))
  const problem = validateSecret(Redacted.value(given))
  return problem === undefined ? Effect.succeed(given) : Effect.fail(invalid("secret", problem))
}

const make = (catalogue: Catalogue) =>
  Effect.gen(function*() {
    const { rotationOverlap, signatureHeader, standardPrefix } = yield* Config
    if (rotationOverlap > longestOverlap) {
      return yield* new InvalidSetting({
        setting: definitions.rotationOverlap.env,
        value: `${rotationOverlap / 86_400_000}d`,
        accepts: "at most 7d"
      })
    }
    const rules = { catalogue, signatureHeader, standardPrefix }
    const appendLog = yield* AppendLog
    const streams = yield* Streams
    const clock = yield* BrokerClock
    const subscriptions = yield* Subscriptions
    const vault = yield* Vault
    const scope = yield* Effect.scope

    /** After an append without an answer: where it stands, or that it lost, or that nobody can tell yet. */
    const search = (place: Place, messageId: string, expected: number) =>
      Effect.gen(function*() {
        const last = yield* Effect.retry(subscriptions.fence, searching)
        let found: number | undefined
        yield* streams.scan({
          stream: streamNames.webhooks,
          filter: webhookSubject(place.workspaceId, place.webhookId),
          from: expected + 1,
          to: last,
          onMessage: (message) => {
            if (message.header(headerNames.messageId) === messageId) found = message.sequence
          }
        })
        if (found !== undefined) return found
        // Somebody else's fact came first: with it ours was refused, or will be.
        if (subscriptions.lastSequenceOf(place.webhookId) > expected) return yield* new LostRace()
        return yield* new BrokerUnavailable({ operation: "change a webhook", detail: "the broker gave no answer" })
      })

    const append = (place: Place, fact: WebhookFact, expected: number) =>
      Effect.suspend(() => {
        const messageId = `${place.webhookId}-${randomUUID()}`
        return appendLog.append({
          subject: webhookSubject(place.workspaceId, place.webhookId),
          data: encodeFact(fact),
          messageId,
          expectedLastSubjectSequence: expected
        }).pipe(
          Effect.map(({ sequence }) => sequence),
          Effect.catchTag("AppendFailed", (failed) => {
            if (failed.reason === "conflict") return Effect.fail(new LostRace())
            if (failed.reason === "unacknowledged") return search(place, messageId, expected)
            return Effect.fail(new BrokerUnavailable({ operation: "change a webhook", detail: failed.message }))
          })
        )
      })

    const attempt = (place: Place, plan: Plan) =>
      Effect.gen(function*() {
        yield* subscriptions.fence
        const state = subscriptions.find(place.workspaceId, place.webhookId)
        if (state !== undefined && plan.revision !== undefined && state.revision !== plan.revision) return state
        const expected = subscriptions.lastSequenceOf(place.webhookId)
        const at = clock.now()
        // Nothing is sealed for a command that is refused or changes nothing.
        const provisional = (state?.highestVersion ?? 0) + 1
        const foreseen = yield* decide(state, plan.command(provisionally(plan.seals, provisional), at))
        if (foreseen.length === 0) return state
        const versions = plan.seals === undefined
          ? {}
          : yield* Effect.catchTag(vault.seal(place, state, plan.seals), "RevisionConflict", () => new LostRace())
        const [fact] = yield* decide(state, plan.command(versions, at))
        if (fact === undefined) return state
        const sequence = yield* append(place, fact, expected)
        yield* subscriptions.reached(sequence).pipe(
          // It is done all the same; whoever matches events asks for the last sequence himself.
          Effect.catchAll((error) => Effect.logWarning("a change of a webhook is stored but not yet seen", error))
        )
        return evolve(state, fact)
      })

    const run = (place: Place, plan: Plan): Effect.Effect<Webhook, CommandError> =>
      attempt(place, plan).pipe(
        Effect.retry({ times: 1, while: (error) => error._tag === "LostRace" }),
        Effect.catchTag("LostRace", () => Effect.fail(new WebhookConflict(place))),
        Effect.filterOrFail((webhook) => webhook !== undefined, () => new WebhookNotFound(place)),
        Effect.catchTag("WebhookNotFound", () =>
          // Sealed for a webhook that was deleted meanwhile.
          (plan.seals !== undefined && subscriptions.get(place.webhookId)?.deleted === true
            ? purge(place)
            : Effect.void)
            .pipe(Effect.zipRight(Effect.fail(new WebhookNotFound(place))))),
        Effect.annotateLogs({ workspace: place.workspaceId, webhook: place.webhookId }),
        Effect.forkIn(scope),
        Effect.flatMap(Fiber.join)
      )

    const purge = (place: Place) =>
      vault.destroy(place.workspaceId, place.webhookId).pipe(
        Effect.catchAll((error) =>
          Effect.logWarning("the secret of a deleted webhook is destroyed only at the next start", error)
        )
      )

    const existing = (workspaceId: string, id: string): Effect.Effect<Place, WebhookNotFound | BrokerUnavailable> => {
      const known = () => subscriptions.find(workspaceId, id)
      return Effect.suspend(() => known() === undefined ? subscriptions.fence : Effect.void).pipe(
        Effect.flatMap(() => {
          const webhook = known()
          return webhook === undefined
            ? Effect.fail(new WebhookNotFound({ webhookId: id }))
            : Effect.succeed({ workspaceId: webhook.workspaceId, webhookId: webhook.id })
        })
      )
    }

    const command = (workspaceId: string, id: string, plan: Plan) =>
      Effect.flatMap(existing(workspaceId, id), (place) => run(place, plan))

    const simple = (type: "enable" | "pause" | "end_overlap") => (workspaceId: string, id: string) =>
      command(workspaceId, id, { command: (_, at) => ({ type, at }) })

    yield* subscriptions.fence.pipe(
      Effect.zipRight(vault.sweep((workspaceId, webhookId) => {
        const webhook = subscriptions.get(webhookId)
        return webhook?.workspaceId !== workspaceId ? "unknown" : webhook.deleted ? "deleted" : "live"
      })),
      Effect.retry(Schedule.spaced("10 seconds").pipe(Schedule.intersect(Schedule.recurs(30)))),
      Effect.flatMap((destroyed) =>
        destroyed === 0
          ? Effect.void
          : Effect.logInfo("destroyed the secrets that no webhook has").pipe(
            Effect.annotateLogs({ webhooks: destroyed })
          )
      ),
      Effect.catchAll((error) => Effect.logWarning("left-over secrets were not looked for", error)),
      Effect.forkScoped
    )

    return Webhooks.of({
      create: (workspaceId, { secret: given, ...settings }) =>
        Effect.gen(function*() {
          const { headers, ...rest } = yield* checkSettings(settings, rules)
          const secret = yield* chosenSecret(given)
          const place = { workspaceId, webhookId: newWebhookId() }
          const webhook = yield* run(place, {
            seals: { secret, ...headersToSeal(headers) },
            command: (versions, at) => ({
              type: "create",
              ...place,
              at,
              settings: { ...rest, ...sealedHeaders(headers, versions.headers) },
              secretVersion: versions.secret ?? 0
            })
          }).pipe(Effect.catchTag("WebhookNotFound", Effect.die))
          return { webhook, secret }
        }),
      change: (workspaceId, id, settings) =>
        Effect.gen(function*() {
          const { headers, ...rest } = yield* checkSettings(settings, rules)
          const seals = headersToSeal(headers)
          return yield* command(workspaceId, id, {
            ...(seals.headers === undefined ? {} : { seals }),
            command: (versions, at) => ({
              type: "change",
              at,
              settings: { ...rest, ...sealedHeaders(headers, versions.headers) }
            })
          })
        }),
      enable: simple("enable"),
      disable: (workspaceId, id, reason, revision) =>
        command(workspaceId, id, {
          ...(revision === undefined ? {} : { revision }),
          command: (_, at) => ({ type: "disable", at, ...(reason === undefined ? {} : { reason }) })
        }),
      pause: simple("pause"),
      resume: (workspaceId, id, rate) =>
        command(workspaceId, id, {
          command: (_, at) => ({ type: "resume", at, ...(rate === undefined ? {} : { rate }) })
        }),
      rotateSecret: (workspaceId, id, options = {}) =>
        Effect.gen(function*() {
          const secret = yield* chosenSecret(options.secret)
          const webhook = yield* command(workspaceId, id, {
            seals: { secret },
            command: (versions, at) => ({
              type: "rotate",
              at,
              secretVersion: versions.secret ?? 0,
              overlap: options.overlap ?? rotationOverlap
            })
          })
          return { webhook, secret }
        }),
      endOverlap: simple("end_overlap"),
      remove: (workspaceId, id) =>
        Effect.gen(function*() {
          const place = yield* existing(workspaceId, id)
          yield* run(place, { command: (_, at) => ({ type: "delete", at }) })
          yield* purge(place)
        }).pipe(Effect.forkIn(scope), Effect.flatMap(Fiber.join)),
      list: (workspaceId) => Effect.sync(() => subscriptions.ofWorkspace(workspaceId)),
      get: (workspaceId, id) =>
        Effect.suspend(() => {
          const webhook = subscriptions.find(workspaceId, id)
          return webhook === undefined ? Effect.fail(new WebhookNotFound({ webhookId: id })) : Effect.succeed(webhook)
        })
    })
  })

const provisionally = (seals: ToSeal | undefined, version: number): SealedVersions => ({
  ...(seals?.secret === undefined ? {} : { secret: version }),
  ...(seals?.headers === undefined ? {} : { headers: version + 1 })
})
