/**
 * hookline's own events, as a fold over the streams in which that stands which they tell of:
 *
 *     WEBHOOKS   webhook.disabled ─┐
 *     DELIVERIES failed           ─┴─▶ notice ─▶ EVENTS, acknowledged ─▶ position
 *
 * What must stay true: everything up to a stream's position has its notice acknowledged. A crash between the two reads a part again, and what it
 * publishes then has the same ids: the broker (2 minutes) and the identities (24 hours) know them.
 */
import { Cause, type Context, Effect, Either, Option, Runtime, type Scope } from "effect"
import { type RevisionConflict } from "../broker/KeyValue.ts"
import { type BrokerUnavailable, type StoredMessage, Streams } from "../broker/Streams.ts"
import { deliveriesStream, failedFilter, parseWebhookSubject, streamNames, webhooksFilter } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import { type NoticePosition, NoticePositions } from "../ledger/NoticePositions.ts"
import type { PositionMismatch } from "../ledger/Positions.ts"
import { decode } from "../ledger/Record.ts"
import { deliveryId } from "../model/Id.ts"
import { disabledNotice, failedNotice, type Notice } from "../model/Notice.ts"
import { decodeFact } from "../model/WebhookFacts.ts"
import { Subscriptions } from "../registry/Subscriptions.ts"
import { noticePublisher } from "./NoticePublisher.ts"

/** So many messages of a stream are looked at in one go: what is found in them waits in memory until it is acknowledged. */
const atOnce = 10_000
/** Notices of one stream on their way to EVENTS. */
const inFlight = 32
/** Between two writes of the position. */
const pause = "1 second"
const troublePause = "5 seconds"

interface Owner {
  /** The sequence of a stream up to which there may be something to tell of. */
  readonly reached: (stream: string) => number
}

interface Notices {
  /** There may be something to tell of. Cheap: it is called for every record. */
  readonly wake: () => void
  /** Takes over from the former owner, and gives the loop that reads and publishes; it ends only when somebody else has taken over. */
  readonly open: (
    owner: Owner
  ) => Effect.Effect<
    Effect.Effect<never, RevisionConflict>,
    BrokerUnavailable | RevisionConflict | PositionMismatch,
    Scope.Scope
  >
}

interface Found {
  readonly notice: Notice
  readonly source: string
}

/** A stream that is told of. */
interface Source {
  readonly stream: string
  readonly filter: string
  readonly tell: (message: StoredMessage) => Notice | undefined
}

/** What a message has to tell. Undefined also for what cannot be read: whoever folds the stream has said so already. */
const tellers = (
  subscriptions: Context.Tag.Service<Subscriptions>,
  eventsCreated: string
): Readonly<Record<"webhooks" | "deliveries", Source["tell"]>> => {
  const urlOf = (webhookId: string) => subscriptions.get(webhookId)?.url
  return {
    webhooks: ({ data, subject }) => {
      const fact = Option.getOrUndefined(Either.getRight(decodeFact(data)))
      const place = Option.getOrUndefined(parseWebhookSubject(subject))
      return fact === undefined || fact.webhookId !== place?.webhookId || fact.workspaceId !== place.workspaceId
        ? undefined
        : disabledNotice(fact, urlOf(fact.webhookId))
    },
    deliveries: ({ data }) => {
      const fact = Option.getOrUndefined(Either.getRight(decode(data)))
      const record = fact?.type === "deliveries" ? fact.records[0] : undefined
      if (record === undefined) return undefined
      const { eventSequence, webhookId } = record.delivery
      return failedNotice(record, deliveryId(eventsCreated, eventSequence, webhookId), urlOf(webhookId))
    }
  }
}

export const makeNotices = Effect.gen(function*() {
  const streams = yield* Streams
  const topology = yield* Topology
  const publish = yield* noticePublisher
  const positions = yield* NoticePositions
  const subscriptions = yield* Subscriptions
  const report = Runtime.runFork(yield* Effect.runtime<never>())
  const awake = yield* Effect.makeLatch(true)
  const tell = tellers(subscriptions, topology.eventsCreated)

  const wake = () => {
    awake.unsafeOpen()
  }

  const sources: ReadonlyArray<Source> = [
    { stream: streamNames.webhooks, filter: webhooksFilter, tell: tell.webhooks },
    ...Array.from({ length: topology.deliveriesStreams }, (_, index) => ({
      stream: deliveriesStream(index, topology.deliveriesStreams),
      filter: failedFilter,
      tell: tell.deliveries
    }))
  ]

  /** A bug that one message brings out costs the notice of that one. */
  const read = ({ filter, stream, tell }: Source, from: number, to: number) =>
    Effect.suspend(() => {
      const found: Array<Found> = []
      const onMessage = (message: StoredMessage) => {
        try {
          const notice = tell(message)
          if (notice !== undefined) found.push({ notice, source: `${stream}.${message.sequence}` })
        } catch (cause) {
          report(Effect.logError(`${stream} ${message.sequence} could not be told of`, Cause.die(cause)))
        }
      }
      return Effect.as(streams.scan({ stream, filter, from, to, onMessage }), found)
    })

  const open: Notices["open"] = Effect.fnUntraced(function*({ reached }) {
    /**
     * A stream without a position is read from its end on: what is before it is history. So is one that is shorter than that. A stream's
     * creation time tells nothing here: nats-server 2.11.6 has another one after a change of the stream and a restart.
     */
    const start = (known: NoticePosition): NoticePosition =>
      Object.fromEntries(sources.map(({ stream }) => {
        const end = reached(stream)
        return [stream, Math.min(known[stream] ?? end, end)]
      }))
    const { position: first, write } = yield* positions.claim(start)
    let position = first
    yield* subscriptions.onChange(wake)

    /** One part of one stream; true when there is more. */
    const advance = Effect.fnUntraced(function*(source: Source) {
      const seq = position[source.stream] ?? 0
      const end = reached(source.stream)
      const to = Math.min(end, seq + atOnce)
      if (to <= seq) return false
      const found = yield* read(source, seq + 1, to)
      yield* Effect.forEach(found, ({ notice, source }) => publish(notice, source), {
        concurrency: inFlight,
        discard: true
      })
      position = { ...position, [source.stream]: to }
      return to < end
    })

    const round = Effect.gen(function*() {
      yield* awake.await
      yield* awake.close
      const before = position
      const more = yield* Effect.forEach(sources, advance, { concurrency: "unbounded" })
      if (position !== before) yield* write(position)
      if (more.some(Boolean)) wake()
      else yield* Effect.sleep(pause)
    })
    return round.pipe(
      Effect.catchTag(
        "BrokerUnavailable",
        (error) =>
          Effect.logWarning(`hookline's own events wait: ${error.message}`).pipe(
            Effect.zipRight(Effect.sync(wake)),
            Effect.zipRight(Effect.sleep(troublePause))
          )
      ),
      Effect.forever
    )
  })

  return { wake, open } satisfies Notices
})
