import { Args, Command, HelpDoc, Options } from "@effect/cli"
import { Clock, Effect, Option } from "effect"
import type { PastDelivery } from "../../../ledger/replay/Past.ts"
import { isToken } from "../../../model/Id.ts"
import type { Webhook } from "../../../model/Webhook.ts"
import { dataDirectory, idOption, json, layout, print } from "../Common.ts"
import { failed, wrong } from "../Failure.ts"
import { momentOf, timeOf } from "../Moment.ts"
import { fields, table } from "../Table.ts"
import { shortTime } from "../Text.ts"

const time = Args.text({ name: "time" }).pipe(
  Args.withDescription("A time such as 2025-03-23T14:35:21Z, a day such as 2025-03-23, or how long ago, such as 2h."),
  Args.mapEffect((text) => {
    const moment = momentOf(text)
    return moment === undefined
      ? Effect.fail(
        HelpDoc.p("The time is one such as 2025-03-23T14:35:21Z, a day such as 2025-03-23, or how long ago, such as 2h")
      )
      : Effect.succeed(moment)
  })
)
const what = Args.choice([["webhooks", "webhooks"], ["webhook", "webhook"], ["delivery", "delivery"]] as const, {
  name: "what"
}).pipe(Args.withDescription("webhooks: all that there were; webhook, delivery: the one whose id follows."))
const id = Args.text({ name: "id" }).pipe(Args.withDescription("Of the webhook or the delivery."), Args.optional)

const iso = (time: number): string => new Date(time).toISOString()

const stateOf = (webhook: Webhook): string => webhook.deleted ? "deleted" : webhook.state

/** As the API shows a webhook: names of headers, never their values; no secret is in the stream. */
const webhookView = (webhook: Webhook) => ({
  id: webhook.id,
  workspace_id: webhook.workspaceId,
  url: webhook.url,
  events: webhook.events,
  description: webhook.description,
  state: stateOf(webhook),
  disabled_reason: webhook.disabledReason ?? null,
  headers: webhook.headers,
  concurrency: webhook.concurrency ?? null,
  rate_limit: webhook.rateLimit ?? null,
  revision: webhook.revision,
  created_at: iso(webhook.createdAt),
  updated_at: iso(webhook.updatedAt)
})

const deliveryView = (id: string, { delivery, records }: PastDelivery) => ({
  id,
  workspace_id: delivery.workspaceId,
  webhook_id: delivery.webhookId,
  event_id: delivery.eventId,
  event: delivery.eventType,
  event_seq: delivery.eventSequence,
  state: delivery.state,
  attempts: delivery.attempt,
  round: delivery.round,
  due_at: iso(delivery.dueAt),
  held_reason: delivery.heldReason ?? null,
  fail_reason: delivery.failReason ?? null,
  published_at: iso(delivery.publishedAt),
  records: records.map(({ at, kind, outcome }) => ({
    at: iso(at),
    kind,
    ...(outcome === undefined ? {} : {
      class: outcome.class,
      status: outcome.status ?? null,
      error: outcome.error ?? null,
      latency_ms: outcome.latency
    })
  }))
})

export const at = Command.make("at", {
  // In the order in which they are typed.
  time,
  what,
  id,
  data: dataDirectory.pipe(Options.withAlias("data")),
  json,
  workspace: idOption("workspace", "Only this workspace; a delivery is found sooner with it.")
}, (input) =>
  Effect.gen(function*() {
    const { deliveryAt, webhooksAt } = yield* Effect.promise(() => import("../../../ledger/replay/Past.ts"))
    const { brokerAccess } = yield* Effect.promise(() => import("../BrokerAccess.ts"))
    const now = yield* Clock.currentTimeMillis
    const then = timeOf(input.time, now)
    const workspace = Option.getOrUndefined(input.workspace)
    const wanted = Option.getOrUndefined(input.id)
    if (input.what !== "webhooks" && (wanted === undefined || !isToken(wanted))) {
      return yield* wrong(`which ${input.what}? Its id is 1 to 64 characters of A-Z, a-z, 0-9, _ and -`)
    }
    const { layer } = yield* brokerAccess(input.data, "hookline at")
    const read = <A, E extends { readonly message: string }, R>(question: Effect.Effect<A, E, R>) =>
      question.pipe(Effect.provide(layer), Effect.mapError(({ message }) => wrong(message)))
    if (input.what === "delivery") {
      const found = yield* read(deliveryAt(then, wanted ?? "", workspace))
      if (found === undefined) return yield* failed(`delivery ${wanted} had no record at ${iso(then)}`)
      return yield* print(input.json, deliveryView(wanted ?? "", found), (shell, { records, ...view }) =>
        [
          fields(Object.entries(view), layout(shell).bold),
          table(
            [
              { title: "AT", value: ({ at }) => shortTime(at) },
              { title: "KIND", value: ({ kind }) => kind },
              { title: "OUTCOME", value: ({ class: of, status }) => of === undefined ? "" : `${of} ${status ?? ""}` },
              { title: "ERROR", value: ({ error }) => error, shrinks: true }
            ],
            records,
            layout(shell)
          )
        ].join("\n\n"))
    }
    const webhooks = yield* read(webhooksAt(then, workspace))
    if (input.what === "webhook") {
      const found = webhooks.find(({ id }) => id === wanted)
      if (found === undefined) return yield* failed(`there was no webhook ${wanted} at ${iso(then)}`)
      return yield* print(input.json, webhookView(found), (shell, view) =>
        fields(
          Object.entries(view).map(([name, value]) =>
            [name, Array.isArray(value) ? value.join(", ") : value as string | number | null] as const
          ),
          layout(shell).bold
        ))
    }
    yield* print(
      input.json,
      webhooks.filter(({ deleted }) => !deleted).map(webhookView),
      (shell, all) =>
        all.length === 0 ? "no webhooks" : table(
          [
            { title: "ID", value: ({ id }) => id },
            { title: "WORKSPACE", value: ({ workspace_id }) => workspace_id },
            { title: "STATE", value: ({ state }) => state },
            { title: "EVENTS", value: ({ events }) => events.join(","), shrinks: true },
            { title: "URL", value: ({ url }) => url, shrinks: true }
          ],
          all,
          layout(shell)
        )
    )
  }).pipe(Effect.scoped)).pipe(
    Command.withDescription(
      "Show webhooks, one webhook or one delivery as they were at a moment of the past, from the streams of this machine's broker."
    )
  )
