import { Effect, Option } from "effect"
import { EventBodies } from "../../ledger/EventBodies.ts"
import { History } from "../../ledger/History.ts"
import type { HistoricEvent, Repeats } from "../../ledger/history/Questions.ts"
import { isReserved } from "../../model/EventType.ts"
import type { Reason } from "../../model/Explanation.ts"
import type { EventView, RepeatsView } from "./contract/Events.ts"
import { deliveryView, pageSize } from "./DeliveryViews.ts"
import { NotFound } from "./Errors.ts"
import { iso } from "./Times.ts"

const eventNotFound = new NotFound({
  type: "event_not_found",
  message: "there is no such event: it was never published, or has left the stream with all its deliveries"
})

const messages: Readonly<Record<Reason, string>> = {
  matched: "it was enabled and subscribed to this type: it is owed the event",
  disabled: "it subscribed to this type and was disabled: the delivery is suppressed",
  paused: "it subscribed to this type and was paused: the delivery is held",
  not_subscribed: "it did not subscribe to this type",
  own_notice: "the event is about this very webhook",
  created_later: "it was created after the event was matched",
  deleted: "it was deleted before the event was matched",
  duplicate: "the event repeats the id of another within 24 hours: nobody gets it a second time",
  quarantined: "the event was refused and is in quarantine"
}

const timeOrNull = (time: number | undefined): string | null => time === undefined ? null : iso(time)

const view = (event: HistoricEvent): EventView => ({
  id: event.id,
  sequence: event.sequence,
  event_type: event.type,
  published_at: iso(event.publishedAt),
  size: event.size ?? null,
  outcome: event.outcome,
  duplicate_of: event.duplicateOf === undefined ? null : {
    sequence: event.duplicateOf.sequence,
    published_at: timeOrNull(event.duplicateOf.publishedAt)
  },
  quarantine_id: event.quarantine === undefined ? null : `qrn_${event.quarantine.entry}`,
  deliveries: event.deliveries
})

const repeatsView = ({ count, latest }: Repeats): RepeatsView => ({
  count,
  latest: latest.map(({ publishedAt, sequence, type }) => ({
    sequence,
    event_type: type,
    published_at: iso(publishedAt)
  }))
})

interface Query {
  readonly event_type?: string
  readonly from?: number
  readonly to?: number
  readonly limit?: number
  readonly cursor?: string
}

/** What the API tells of events that were published. */
export const eventHistory = Effect.gen(function*() {
  const history = yield* History
  const bodies = yield* EventBodies

  const find = (workspaceId: string, id: string) =>
    Effect.filterOrFail(
      history.ask("event", { workspaceId, id }),
      (found) => found !== undefined,
      () => eventNotFound
    )

  const bodyOf = (workspaceId: string, { id, sequence }: HistoricEvent) =>
    bodies.find({ workspaceId, eventId: id, eventSequence: sequence })

  const list = (workspaceId: string, query: Query) =>
    Effect.map(
      history.ask("events", {
        workspaceId,
        eventType: query.event_type,
        from: query.from,
        to: query.to,
        limit: query.limit ?? pageSize,
        cursor: query.cursor
      }),
      ({ data, next }) => ({ data: data.map(view), next: next ?? null, behind: history.status().behind })
    )

  const show = (workspaceId: string, id: string) =>
    Effect.gen(function*() {
      const { deliveries, event, repeats } = yield* find(workspaceId, id)
      const body = yield* bodyOf(workspaceId, event)
      return {
        ...view(event),
        repeats: repeatsView(repeats),
        delivery_list: deliveries.map(deliveryView),
        body: Option.match(body, { onNone: () => null, onSome: ({ body }) => Buffer.from(body).toString("utf8") })
      }
    })

  /** The webhook that an event of hookline itself tells of: only the body says so. */
  const aboutOf = (workspaceId: string, event: HistoricEvent) =>
    Effect.map(
      isReserved(event.type) ? bodyOf(workspaceId, event) : Effect.succeedNone,
      (body) => Option.getOrUndefined(body)?.about
    )

  const why = (workspaceId: string, id: string) =>
    Effect.gen(function*() {
      const { deliveries, event, repeats } = yield* find(workspaceId, id)
      const webhooks = yield* Effect.filterOrFail(
        history.ask("explain", { workspaceId, sequence: event.sequence, about: yield* aboutOf(workspaceId, event) }),
        (found) => found !== undefined,
        () => eventNotFound
      )
      const byWebhook = new Map(deliveries.map((one) => [one.delivery.webhookId, one]))
      return {
        event: view(event),
        repeats: repeatsView(repeats),
        webhooks: webhooks.map(({ events, reason, url, webhookId }) => {
          const delivery = byWebhook.get(webhookId)
          return {
            webhook_id: webhookId,
            url,
            events,
            reason,
            message: messages[reason],
            delivery: delivery === undefined ? null : deliveryView(delivery)
          }
        }),
        behind: history.status().behind
      }
    })

  return { list, show, why }
})
