import { statusOf } from "../../ledger/history/Status.ts"
import type { Fact } from "../../ledger/Record.ts"
import type { AttemptOutcome } from "../../model/Attempt.ts"
import type { DeliveryRecord } from "../../model/Delivery.ts"
import { deliveryId } from "../../model/Id.ts"
import { attemptView, deliveryView, outcomeView } from "./DeliveryViews.ts"

/** The live stream's text: server-sent events as the HTML standard has them (9.2), JSON in `data`. */

/** Characters of a response; the delivery itself shows all that was kept. */
const shownResponse = 1024

interface Shown {
  readonly eventsCreated: string
  readonly isDeleted: (webhookId: string) => boolean
}

const event = (name: string, data: unknown, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

/** The milliseconds after which a client connects again, and the id behind which it then begins should nothing have come until then. */
export const opening = (position: string): string => `retry: 2000\n${event("begin", {}, position)}`

export const heartbeat = ":\n\n"

export const gapEvent = (position: string): string =>
  event("gap", { message: "events are missing here; look into the list of deliveries for what lies between" }, position)

const shortened = (outcome: AttemptOutcome): AttemptOutcome =>
  outcome.response === undefined || outcome.response.length <= shownResponse
    ? outcome
    : { ...outcome, response: outcome.response.slice(0, shownResponse) }

const recordEvent = (record: DeliveryRecord, shown: Shown, id: string | undefined): string => {
  const { at, delivery } = record
  const outcome = record.outcome && shortened(record.outcome)
  const view = deliveryView({
    delivery,
    id: deliveryId(shown.eventsCreated, delivery.eventSequence, delivery.webhookId),
    status: statusOf(delivery, shown.isDeleted(delivery.webhookId)),
    updatedAt: at,
    last: outcome && {
      class: outcome.class,
      status: outcome.status,
      latency: outcome.latency,
      error: outcome.error
    }
  })
  return outcome === undefined
    ? event("delivery", { delivery: view }, id)
    : event("attempt", { delivery: view, attempt: attemptView({ ...record, outcome }) }, id)
}

/** What a message says, an event each; empty where it concerns nobody. Only the last has the id: what broke off in between is repeated. */
export const liveEvents = (fact: Fact, position: string, shown: Shown): string => {
  if (fact.type === "deliveries") {
    const last = fact.records.length - 1
    return fact.records.map((record, index) => recordEvent(record, shown, index === last ? position : undefined)).join(
      ""
    )
  }
  if (fact.type !== "test") return ""
  const { eventId, eventType, outcome, webhookId } = fact.test
  const attempt = outcomeView({ attempt: 1, round: 1, nextAttemptAt: null }, shortened(outcome))
  return event("test", { webhook_id: webhookId, event_id: eventId, event_type: eventType, attempt }, position)
}
