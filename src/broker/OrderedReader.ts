import { Cause, type Context, Deferred, Duration, Effect, Option, Schedule, type Scope } from "effect"
import { nuid } from "nats"
import type { Connection } from "./Connection.ts"
import { errorCode, find, tell } from "./JetStreamApi.ts"
import { Puller, silenceLimit } from "./Puller.ts"
import { delivered, got, type GotMessage } from "./StreamMessage.ts"
import { BrokerUnavailable, type Pace, type StoredMessage } from "./Streams.ts"
import { checkFilter } from "./Subjects.ts"

/*
 * Reading in order, each message exactly once, over ephemeral consumers without acks.
 *
 *   SESSION (a consumer made at `position`) ── message, no gap ──▶ position = its sequence + 1
 *      │ gap, silence, disconnect, consumer gone
 *      ▼
 *   wait, then a new SESSION at `position`
 *
 * Invariant: `position` moves only after `onMessage` returned, and a session that is over hands out nothing more.
 */

type Connected = Context.Tag.Service<typeof Connection>

export interface Range {
  readonly stream: string
  readonly filter: string
  readonly from: number
  readonly onMessage: (message: StoredMessage) => void
  /** Without, each message comes at once. */
  readonly pace?: Pace
}

const batch = 2000
/** The broker removes a reader's consumer after so long without us. */
const inactive = Duration.toNanos(Duration.minutes(1))

const now = (clock: { readonly unsafeCurrentTimeNanos: () => bigint }) => () =>
  Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)

/** Makes a reader's consumer under a fresh name, or under the first free one of those that the connection keeps to; gives the name. */
const makeReader = Effect.fnUntraced(function*(
  connection: Connected,
  range: { readonly stream: string; readonly filter: string; readonly from: number }
) {
  const { filter, from, stream } = range
  const reader = nuid.next()
  const names = connection.readers ?? [`read-${reader}`]
  for (const name of names) {
    const made = yield* find(
      connection,
      [errorCode.consumerExists],
      `CONSUMER.CREATE.${stream}.${name}.${checkFilter(filter)}`,
      {
        stream_name: stream,
        action: "create",
        config: {
          name,
          filter_subject: filter,
          deliver_policy: "by_start_sequence",
          opt_start_seq: Math.max(1, from),
          ack_policy: "none",
          replay_policy: "instant",
          mem_storage: true,
          num_replicas: 1,
          inactive_threshold: Number(Option.getOrThrow(inactive)),
          // The broker takes what is equal in everything for the same: two readers of one place must not share a consumer.
          metadata: { reader }
        }
      }
    )
    if (Option.isSome(made)) return name
  }
  return yield* new BrokerUnavailable({
    operation: `reading ${stream}`,
    detail: `as many read it already as may at once: ${names.join(", ")} are taken`
  })
})

/** Runs a session until `onMessage` says stop (true) or, with `idleLimit`, nothing came for so long; any trouble fails. */
const session = Effect.fnUntraced(function*(
  connection: Connected,
  range: { readonly stream: string; readonly filter: string; readonly from: number; readonly pace?: Pace },
  onMessage: (message: StoredMessage, pending: number) => boolean,
  idleLimit: number | undefined
): Effect.fn.Return<void, BrokerUnavailable, Scope.Scope> {
  const clock = now(yield* Effect.clock)
  const over = yield* Deferred.make<void, BrokerUnavailable>()
  let ended = false
  const trouble = (detail: string) => {
    ended = true
    Deferred.unsafeDone(over, Effect.fail(new BrokerUnavailable({ operation: `reading ${range.stream}`, detail })))
  }
  const name = yield* makeReader(connection, range)
  // A reader that is interrupted before it gets here leaves its consumer to the broker, which removes it after a while.
  yield* Effect.addFinalizer(() => tell(connection, `CONSUMER.DELETE.${range.stream}.${name}`))

  let expected = 1
  let messageAt = clock()
  const puller = new Puller({
    connection,
    stream: range.stream,
    consumer: name,
    batch,
    now: clock,
    paced: range.pace,
    onTrouble: trouble,
    onMessage: (raw) => {
      if (ended) return
      const message = delivered(raw)
      if (Option.isNone(message)) return
      if (message.value.consumerSequence !== expected++) return trouble("a message was lost on the way")
      messageAt = clock()
      try {
        if (!onMessage(message.value, message.value.pending)) return
        ended = true
        Deferred.unsafeDone(over, Effect.void)
      } catch (cause) {
        ended = true
        Deferred.unsafeDone(over, Effect.die(cause))
      }
    }
  })
  const stopWatching = connection.onChange((connected) => {
    if (!connected) trouble("the connection to the broker broke")
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      ended = true
      stopWatching()
      puller.close()
    })
  )
  const watch = Effect.gen(function*() {
    while (!ended) {
      yield* Effect.sleep("500 millis")
      if (idleLimit !== undefined && clock() - messageAt > idleLimit) {
        ended = true
        Deferred.unsafeDone(over, Effect.void)
      } else if (puller.waiting && clock() - puller.heardAt > silenceLimit) {
        trouble("the broker is silent")
      }
    }
  })
  yield* Effect.forkScoped(watch)
  puller.pull()
  if (range.pace !== undefined) {
    yield* Effect.forkScoped(Effect.repeat(Effect.sync(() => puller.next()), Schedule.spaced(range.pace.milliseconds)))
  }
  yield* Deferred.await(over)
})

/** The first message at or after `from` on a subject that matches, asked from the stream's leader. */
export const next = (connection: Connected, stream: string, filter: string, from: number) =>
  find<GotMessage>(connection, [errorCode.messageNotFound], `STREAM.MSG.GET.${stream}`, {
    seq: Math.max(1, from),
    next_by_subj: filter
  }).pipe(Effect.map(Option.map(got)))

/** Without a message for so long a scan asks the leader whether there is one at all. */
const scanIdleLimit = 2000
/** A scan fails when it got nowhere for so long. */
const scanPatience = 30_000

interface Bounded extends Range {
  readonly to: number
  readonly enough?: () => boolean
}

export const scan = Effect.fnUntraced(function*(connection: Connected, range: Bounded) {
  const clock = now(yield* Effect.clock)
  let position = range.from
  let progressAt = clock()
  const take = (message: StoredMessage, pending: number): boolean => {
    if (message.sequence > range.to) {
      position = message.sequence
      return true
    }
    range.onMessage(message)
    position = message.sequence + 1
    progressAt = clock()
    if (range.enough?.() === true) position = range.to + 1
    return position > range.to || pending === 0
  }
  const step = Effect.gen(function*() {
    const found = yield* next(connection, range.stream, checkFilter(range.filter), position)
    // Only the leader knows that nothing more matches: a consumer may live on a replica that is behind.
    if (Option.isNone(found) || found.value.sequence > range.to) {
      position = range.to + 1
      return
    }
    yield* session(connection, { ...range, from: found.value.sequence }, take, scanIdleLimit)
  })
  while (position <= range.to) {
    yield* Effect.catchAll(
      Effect.scoped(step),
      (error) => clock() - progressAt > scanPatience ? Effect.fail(error) : Effect.sleep("250 millis")
    )
  }
})

/** Waits, less when the connection comes back meanwhile. */
const pauseUntilBack = (connection: Connected, milliseconds: number): Effect.Effect<void> =>
  Effect.raceFirst(
    Effect.sleep(milliseconds),
    Effect.async<void>((resume) => {
      const stop = connection.onChange((connected) => {
        if (connected) resume(Effect.void)
      })
      return Effect.sync(stop)
    })
  )

export const follow = (connection: Connected, range: Range): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = now(yield* Effect.clock)
    let position = range.from
    let wait = 1000
    checkFilter(range.filter)
    for (;;) {
      const startedAt = clock()
      const before = position
      const trouble = yield* Effect.exit(
        Effect.scoped(session(
          connection,
          { ...range, from: position },
          (message) => {
            range.onMessage(message)
            position = message.sequence + 1
            return false
          },
          undefined
        ))
      )
      if (trouble._tag === "Success") continue
      if (Cause.isInterrupted(trouble.cause)) return yield* Effect.interrupt
      // A message our own code cannot take is its bug: said loudly and tried again, never passed over.
      if (Cause.isDie(trouble.cause)) {
        yield* Effect.logError(`following ${range.stream} stumbled at ${position}`, trouble.cause)
      } else {
        yield* Effect.logDebug(`following ${range.stream} begins anew at ${position}`, trouble.cause)
      }
      if (position > before || clock() - startedAt > 60_000) wait = 1000
      yield* pauseUntilBack(connection, wait)
      wait = Math.min(wait * 2, 30_000)
    }
  }).pipe(Effect.forkScoped, Effect.asVoid)
