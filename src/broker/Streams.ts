import { Context, Data, type Deferred, type Effect, type Option, type Scope } from "effect"

/** A message as a stream holds it. */
export interface StoredMessage {
  readonly subject: string
  readonly sequence: number
  /** When the broker took it, broker milliseconds. */
  readonly time: number
  readonly data: Uint8Array
  /** The first value of a header, by its exact name. Decoded only when asked for. */
  readonly header: (name: string) => string | undefined
}

/** A message of a consumer of ours; `ack` is flow control only (ARCHITECTURE: "the position is ours"). */
export interface ConsumedMessage extends StoredMessage {
  readonly redelivered: boolean
  readonly ack: () => void
}

export interface StreamState {
  /** When the stream was made (RFC 3339); tells a recreated stream from the one known. See StreamIdentity.ts. */
  readonly created: string
  readonly firstSequence: number
  readonly lastSequence: number
  /** When the broker took the last message, milliseconds. */
  readonly lastTime: number
  readonly messages: number
  readonly bytes: number
  /** -1: no limit. */
  readonly maxBytes: number
  /** The broker's clock at the answer, milliseconds. */
  readonly brokerTime: number
}

/** No usable answer from the broker; trying again is safe. */
export class BrokerUnavailable extends Data.TaggedError("BrokerUnavailable")<{
  readonly operation: string
  readonly detail: string
}> {
  override get message(): string {
    return `${this.operation}: ${this.detail}`
  }
}

/** Looking for what has come now and then. */
export interface Pace {
  /** Between two looks. */
  readonly milliseconds: number
  /** How many messages a look may bring, asked before each; undefined: all there are. */
  readonly most: () => number | undefined
}

/** A live consumer. */
export interface Consumption {
  /** Completes when the consumer is gone (deleted, stream deleted) or not what it was made as, and messages no longer come. Never on a mere disconnect. */
  readonly lost: Deferred.Deferred<string>
  /**
   * Fails unless the consumer is at this moment as it was made. One that somebody has changed (its filter, say) may have passed over messages, however
   * gapless what came was: so no position may rest on it without this, asked after the position was looked at. It is then `lost` as well.
   */
  readonly confirm: Effect.Effect<void, BrokerUnavailable>
  /** Stops asking for more (what was asked for may still come); `resume` asks again. For the bound on open events. */
  readonly pause: () => void
  readonly resume: () => void
}

/** Reading streams. All callbacks run synchronously on the event loop, in stream order. */
export class Streams extends Context.Tag("hookline/broker/Streams")<Streams, {
  /** From the stream's leader. */
  readonly state: (stream: string) => Effect.Effect<StreamState, BrokerUnavailable>
  /** One message by sequence, none if it is gone. From the leader or a replica (direct get). */
  readonly message: (stream: string, sequence: number) => Effect.Effect<Option.Option<StoredMessage>, BrokerUnavailable>
  /** The last message on a subject, none if there is none. */
  readonly last: (stream: string, subject: string) => Effect.Effect<Option.Option<StoredMessage>, BrokerUnavailable>
  /**
   * The subjects that have a message and match `filter`, in order; of more than `most` the first, and `complete` is false. From the leader, which
   * has them in memory; it answers with 100,000 at once, about 50 B each, however few are wanted.
   */
  readonly subjects: (
    stream: string,
    filter: string,
    most: number
  ) => Effect.Effect<{ readonly names: ReadonlyArray<string>; readonly complete: boolean }, BrokerUnavailable>
  /** The first message at or after a sequence that matches `filter`, none if there is none yet. From the leader; about 0.2 ms. */
  readonly next: (
    stream: string,
    filter: string,
    from: number
  ) => Effect.Effect<Option.Option<StoredMessage>, BrokerUnavailable>
  /** The sequence of the first message at or after a broker time; `lastSequence + 1` when there is none. */
  readonly sequenceAt: (stream: string, time: number) => Effect.Effect<number, BrokerUnavailable>
  /**
   * Reads every message that matches `filter` with `from` ≤ sequence ≤ `to`, in order, each exactly once, and ends. Bounded in
   * memory: what was received and not yet handled never exceeds a few thousand messages. Survives reconnects. `enough`, asked after each
   * message, ends it there.
   */
  readonly scan: (range: {
    readonly stream: string
    readonly filter: string
    readonly from: number
    readonly to: number
    readonly onMessage: (message: StoredMessage) => void
    readonly enough?: () => boolean
  }) => Effect.Effect<void, BrokerUnavailable>
  /**
   * Follows a stream from a sequence on, in order, each message exactly once, for as long as the scope lives: an ordered
   * consumer that is made anew after every trouble (missed heartbeat, gap, reconnect, deleted consumer), waiting 1 s up to 30 s.
   */
  readonly follow: (range: {
    readonly stream: string
    readonly filter: string
    readonly from: number
    /** Without, each message comes at once, which costs several times as much. */
    readonly pace?: Pace
    readonly onMessage: (message: StoredMessage) => void
  }) => Effect.Effect<void, never, Scope.Scope>
  /**
   * A durable pull consumer of ours with explicit acks: made at `from()`, whatever had the name before is deleted first; removed again
   * when the scope closes. After a reconnect, a restart of the broker or a message lost on the way it is made anew at `from()`: nothing is
   * passed over, and what was handed on before and is not below `from()` comes again. ack_wait 60 s, max_ack_pending 4,096, max_deliver -1.
   */
  readonly consume: (options: {
    readonly stream: string
    readonly name: string
    readonly filter: string
    readonly from: () => number
    readonly onMessage: (message: ConsumedMessage) => void
  }) => Effect.Effect<Consumption, BrokerUnavailable, Scope.Scope>
  /** Deletes the consumers of a stream whose name passes the test. For those a crashed owner left behind. */
  readonly deleteConsumers: (stream: string, test: (name: string) => boolean) => Effect.Effect<void, BrokerUnavailable>
}>() {}
