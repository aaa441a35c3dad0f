import { Cause, type Context, Deferred, Duration, Effect, Either, Option, Queue, Runtime, type Scope } from "effect"
import { isDeepStrictEqual } from "node:util"
import type { Connection } from "./Connection.ts"
import { ask, errorCode, find, tell } from "./JetStreamApi.ts"
import { Puller, silenceLimit } from "./Puller.ts"
import { delivered } from "./StreamMessage.ts"
import { BrokerUnavailable, type ConsumedMessage, type Consumption } from "./Streams.ts"
import { checkFilter, checkSubject } from "./Subjects.ts"

/*
 * A durable pull consumer of ours.
 *
 *   PULLING ── status we do not know, silence, gap, reconnect ──▶ LOOKING (is it there, as it was made?) ── yes ──▶ made anew, PULLING
 *                                                                   │ cannot tell: wait 1 s, look again
 *                                                                   └ changed, or gone twice ──▶ LOST, for good
 *
 * Invariant: what is handed on has no gap. The broker counts its deliveries; what it wrote to a connection that broke comes again only after
 * ack_wait, behind later messages, and whoever keeps a position would have passed it by then. So the consumer is made anew at `from()`. One that
 * somebody else has changed shows no gap: by then `from()` may be beyond what was passed over, and only a position that was confirmed is not.
 */

type Connected = Context.Tag.Service<typeof Connection>

export interface ConsumeOptions {
  readonly stream: string
  readonly name: string
  readonly filter: string
  readonly from: () => number
  readonly onMessage: (message: ConsumedMessage) => void
}

const batch = 1000
/** Even when all is well somebody looks now and then: a paused consumer gives no sign of life. */
const lookEvery = 30_000
const second = 1_000_000_000

const gone: ReadonlyArray<number> = [errorCode.consumerNotFound, errorCode.streamNotFound]

/** One that is not there is deleted. */
export const deleteConsumer = (connection: Connected, stream: string, name: string) =>
  Effect.asVoid(find(connection, gone, `CONSUMER.DELETE.${stream}.${checkSubject(name)}`))

interface Info {
  readonly config: Readonly<Record<string, unknown>>
}

/** What the broker notes there of its own version changes when it is updated. */
const notes = "metadata"

const differences = (made: Info["config"], now: Info["config"]): ReadonlyArray<string> =>
  Array.from(new Set([...Object.keys(made), ...Object.keys(now)])).filter((field) =>
    field !== notes && !isDeepStrictEqual(made[field], now[field])
  )

/** Collects what is acknowledged within a tick and writes it in one go. */
export const makeAcknowledge = (connection: Connected): (reply: string) => void => {
  let replies: Array<string> = []
  const flush = () => {
    const batch = replies
    replies = []
    // Acks are flow control only: those lost with a connection come again as redeliveries.
    if (!connection.isConnected()) return
    for (const reply of batch) connection.nats.publish(reply)
  }
  return (reply) => {
    if (replies.push(reply) === 1) connection.soon(flush)
  }
}

export const consume = Effect.fnUntraced(function*(
  connection: Connected,
  acknowledge: (reply: string) => void,
  options: ConsumeOptions
): Effect.fn.Return<Consumption, BrokerUnavailable, Scope.Scope> {
  const { filter, name, stream } = options
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
  const report = Runtime.runFork(yield* Effect.runtime())
  const lost = yield* Deferred.make<string>()
  const troubles = yield* Queue.sliding<string>(1)

  const create = Effect.suspend(() =>
    ask<Info>(connection, `CONSUMER.CREATE.${stream}.${name}.${checkFilter(filter)}`, {
      stream_name: stream,
      action: "create",
      config: {
        name,
        durable_name: name,
        filter_subject: filter,
        deliver_policy: "by_start_sequence",
        opt_start_seq: Math.max(1, options.from()),
        ack_policy: "explicit",
        ack_wait: 60 * second,
        max_ack_pending: 4096,
        max_deliver: -1,
        replay_policy: "instant"
      }
    })
  )
  /** As the broker has made it; undefined while it is being made. */
  let made: Info["config"] | undefined
  const makeAnew = Effect.gen(function*() {
    made = undefined
    yield* deleteConsumer(connection, stream, name)
    made = (yield* create).config
  })

  yield* Effect.addFinalizer(() => tell(connection, `CONSUMER.DELETE.${stream}.${name}`))
  yield* makeAnew

  let paused = false
  const startPuller = (): Puller => {
    let expected = 1
    const own = new Puller({
      connection,
      stream,
      consumer: name,
      batch,
      now,
      onTrouble: (detail) => void troubles.unsafeOffer(detail),
      onMessage: (raw) => {
        const message = delivered(raw)
        if (Option.isNone(message)) return
        const { consumerSequence, data, deliveries, header, reply, sequence, subject, time } = message.value
        if (consumerSequence !== expected++) {
          own.close()
          troubles.unsafeOffer("messages were lost on the way")
          return
        }
        try {
          options.onMessage({
            data,
            header,
            sequence,
            subject,
            time,
            redelivered: deliveries > 1,
            ack: () => acknowledge(reply)
          })
        } catch (cause) {
          // Not acknowledged, so it comes again.
          report(Effect.logError(`consumer ${name} of ${stream}: message ${sequence} failed`, Cause.die(cause)))
        }
      }
    })
    if (paused) own.pause()
    own.pull()
    return own
  }
  let puller = startPuller()
  const stopWatching = connection.onChange((connected) => {
    if (connected) return void troubles.unsafeOffer("reconnected")
    // What still comes on the new connection may be behind what was lost with this one.
    puller.close()
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      stopWatching()
      puller.close()
    })
  )

  const unsure = (detail: string) => new BrokerUnavailable({ operation: `looking at consumer ${name}`, detail })
  /** For good: changed back, it does not bring what it has passed over. */
  let changed: string | undefined
  /** Why it is not ours any more; none when it is. */
  const look = Effect.gen(function*() {
    const known = made
    if (known === undefined) return yield* unsure("it is being made")
    const found = yield* find<Info>(connection, gone, `CONSUMER.INFO.${stream}.${name}`)
    // The answer may be about the one before.
    if (known !== made) return yield* unsure("it was made anew meanwhile")
    if (Option.isNone(found)) return Option.some("it is not there")
    const fields = differences(known, found.value.config)
    if (fields.length > 0) changed ??= `somebody has changed its ${fields.join(", ")}`
    return Option.fromNullable(changed)
  })
  /** A broker that has just started may not know all of its consumers yet, so that it has to say so twice. */
  const lookTwice = Effect.filterOrElse(
    look,
    Option.isNone,
    () => Effect.zipRight(Effect.sleep("1 second"), look)
  )
  const confirm = Effect.flatMap(
    look,
    Option.match({
      onNone: () => Effect.void,
      onSome: (detail) => {
        troubles.unsafeOffer(detail)
        return unsure(detail)
      }
    })
  )
  const watch = Effect.gen(function*() {
    let lookedAt = now()
    /** It may be gone because we deleted it and did not get to make it again. */
    let making = false
    for (;;) {
      const trouble = yield* Queue.take(troubles).pipe(Effect.timeoutOption(Duration.seconds(2)))
      const silent = puller.waiting && now() - puller.heardAt > silenceLimit
      if (!connection.isConnected()) continue
      if (Option.isNone(trouble) && !silent && now() - lookedAt < lookEvery) continue
      const seen: Either.Either<Option.Option<string>, BrokerUnavailable> = yield* Effect.either(
        making ? Effect.succeedNone : lookTwice
      )
      lookedAt = now()
      if (Either.isRight(seen) && Option.isSome(seen.right)) {
        puller.close()
        yield* Effect.logWarning(`consumer ${name} of ${stream} is lost: ${seen.right.value}`)
        return yield* Deferred.succeed(lost, seen.right.value)
      }
      if (Either.isRight(seen) && Option.isNone(trouble) && !silent) continue
      puller.close()
      making ||= Either.isRight(seen)
      const again: Either.Either<unknown, BrokerUnavailable> = Either.isLeft(seen)
        ? seen
        : yield* Effect.either(makeAnew)
      if (Either.isLeft(again)) {
        yield* Effect.logDebug(`consumer ${name} of ${stream}: ${again.left.message}`)
        yield* Effect.sleep("1 second")
        troubles.unsafeOffer(again.left.message)
        continue
      }
      making = false
      yield* Effect.logDebug(
        `consumer ${name} of ${stream} is made anew: ${Option.getOrElse(trouble, () => "the broker was silent")}`
      )
      puller = startPuller()
    }
  })
  yield* Effect.forkScoped(watch)
  return {
    lost,
    confirm,
    pause: () => {
      paused = true
      puller.pause()
    },
    resume: () => {
      paused = false
      puller.resume()
    }
  }
})
