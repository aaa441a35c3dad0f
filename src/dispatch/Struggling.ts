/**
 * Looks every minute at the webhooks whose last attempt failed: tells their workspaces, at most once a day each, and disables those that have had
 * nothing but failures for longer than the setting says. Only where the worker runs; the disabling is told of like any other (Notices.ts).
 */
import { Cause, Effect, Layer, Schedule } from "effect"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { Streams } from "../broker/Streams.ts"
import { deliveriesStream, partitionOf } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import { Config } from "../Config.ts"
import { History, HistoryUnavailable } from "../ledger/History.ts"
import type { WebhookId } from "../model/Id.ts"
import { failingNotice, givenUp, type RecentAttempts, stillTold, type Told } from "../model/Struggling.ts"
import type { Webhook } from "../model/Webhook.ts"
import { Subscriptions } from "../registry/Subscriptions.ts"
import { Webhooks } from "../registry/Webhooks.ts"
import { noticePublisher } from "./NoticePublisher.ts"
import { Worker } from "./Worker.ts"

const every = "1 minute"
const pageSize = 500
/** A history that is further behind than this shows the past: nobody is told of that. */
const mostBehind = 10_000
/** How long the history may take to read what stood in a stream before. */
const catchingUp = Schedule.spaced("500 millis").pipe(Schedule.upTo("10 seconds"))

/** One look. */
export const makeLook = Effect.gen(function*() {
  const { disableAfter } = yield* Config
  const { deliveriesStreams, partitions } = yield* Topology
  const streams = yield* Streams
  const clock = yield* BrokerClock
  const history = yield* History
  const subscriptions = yield* Subscriptions
  const webhooks = yield* Webhooks
  const worker = yield* Worker
  const publish = yield* noticePublisher
  /** By webhook: those that were failing within about a day, whether they are still there or not. After a restart each is told again, as the same event. */
  let told = new Map<WebhookId, Told>()

  const tell = Effect.fnUntraced(function*(webhook: Webhook, attempts: RecentAttempts) {
    const notice = failingNotice(webhook, attempts, clock.now())
    if (notice === undefined || told.get(webhook.id)?.id === notice.id) return
    yield* publish(notice, "history")
    told.set(webhook.id, { id: notice.id, at: notice.at })
  })

  /**
   * Judged again, on a history that certainly has every record of before now: one success that it had not read would make it wrong. A change of
   * the webhook (a new URL, being enabled again) begins the count anew, also one that comes while the history is asked.
   */
  const giveUp = Effect.fnUntraced(function*({ id, revision, updatedAt, workspaceId }: Webhook) {
    const { lastSequence } = yield* streams.state(
      deliveriesStream(partitionOf(workspaceId, partitions), deliveriesStreams)
    )
    const now = clock.now()
    const place = { workspaceId, webhookId: id }
    const sinceItsChange = yield* history.ask("recoverable", {
      ...place,
      statuses: ["failed", "retrying"],
      from: updatedAt,
      to: now,
      after: 0,
      limit: 1
    }).pipe(
      Effect.filterOrFail(
        ({ seenSequence }) => seenSequence >= lastSequence,
        () => new HistoryUnavailable({ detail: "it is behind" })
      ),
      Effect.retry(catchingUp)
    )
    const { health } = yield* history.ask("health", { ...place, now })
    const [first] = sinceItsChange.deliveries
    const failingSince = health.failingSince === undefined || health.failingSince >= updatedAt
      ? health.failingSince
      : first === undefined || first.delivery.attempt === 0
      ? undefined
      : first.delivery.roundStart
    const reason = givenUp({ failingSince, lastAttemptAt: health.lastAttemptAt }, disableAfter)
    if (reason === undefined) return
    const { disabledReason } = yield* webhooks.disable(workspaceId, id, reason, revision)
    if (disabledReason === reason) yield* Effect.logInfo(`webhook ${id} is disabled: ${reason}`)
  })

  const judge = ({ health, webhookId, workspaceId }: { readonly health: RecentAttempts } & Place) => {
    const webhook = subscriptions.find(workspaceId, webhookId)
    if (webhook?.state !== "enabled") return Effect.void
    return Effect.zipRight(
      tell(webhook, health),
      givenUp(health, disableAfter) === undefined ? Effect.void : giveUp(webhook)
    )
  }

  return Effect.gen(function*() {
    told = stillTold(told, clock.now())
    let cursor: string | undefined
    for (;;) {
      const { behind, state } = history.status()
      if (worker.status().state !== "running" || state !== "following" || behind > mostBehind) return
      const page = yield* history.ask("struggling", { limit: pageSize, cursor })
      // One that cannot be changed now (somebody else does, it is deleted) is looked at again in a minute.
      yield* Effect.forEach(page.data, (one) =>
        Effect.catchAll(
          judge(one),
          (error) => Effect.logWarning(`webhook ${one.webhookId} was not judged: ${error.message}`)
        ), { discard: true })
      if (page.next === undefined) return
      cursor = page.next
    }
  }).pipe(
    Effect.catchAllCause((cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.interrupt
        : Effect.logWarning("the failing webhooks were not looked at", cause)
    )
  )
})

interface Place {
  readonly workspaceId: string
  readonly webhookId: string
}

export const layer = Layer.scopedDiscard(
  Effect.flatMap(makeLook, (look) => Effect.forkScoped(Effect.repeat(look, Schedule.spaced(every))))
)
