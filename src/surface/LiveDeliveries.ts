import { Context, Data, Deferred, Effect, Either, Layer, Option, Schedule, type Scope } from "effect"
import { hash } from "node:crypto"
import { BrokerUnavailable, type StoredMessage, Streams } from "../broker/Streams.ts"
import { deliveriesStream, partitionOf, workspaceDeliveriesFilter } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import { decode, type Fact } from "../ledger/Record.ts"

/*
 * A workspace's records as they are written, for somebody who watches.
 *
 *   CATCH UP (message by message, as fast as it is taken) ── nothing more ──▶ FOLLOW (a reader of the stream)
 *        ▲                                                                        │ the watcher's room is used up
 *        └────────────────────────────────────────────────────────────────────────┘
 *
 * Invariant: `position` is that of the last message which was handed over or concerns nobody; nothing behind it was.
 */

/** Somebody who watches. */
export interface Watcher {
  readonly workspaceId: string
  readonly webhookId: string | undefined
  /** The position behind which to begin; without one, now. */
  readonly after: string | undefined
  /** Takes what a message says, or answers false for lack of room; it is then offered again once `room` has come. */
  readonly offer: (fact: Fact, position: string) => boolean
  /** Waits for room. An end of this effect's owner ends the watching. */
  readonly room: Effect.Effect<void>
}

/** Where it begins. */
export interface Beginning {
  readonly position: string
  /** Messages between the position that was asked for and this one may be missing. */
  readonly gap: boolean
}

/** No position that a watcher was given. */
export class NoPosition extends Data.TaggedError("NoPosition")<{}> {}

/** As many watch as may, in the process or the workspace. */
export class TooManyWatchers extends Data.TaggedError("TooManyWatchers")<{
  readonly of: "process" | "workspace"
  readonly limit: number
}> {}

/** Watchers: each has a reader of its own at the broker. A workspace may take a quarter, which leaves room for the others. */
const limits = { process: 128, workspace: 32 } as const
/** Messages of the stream, of all workspaces, that a position may lie behind its end. */
const furthest = 100_000

/** `<hash of the stream's creation time>-<sequence>`: a recreated stream counts from 1 again. */
const positionOf = (created: string, sequence: number): string =>
  `${hash("sha256", created, "hex").slice(0, 8)}-${sequence}`

const sequenceOf = (position: string): number | undefined => {
  const sequence = /^[0-9a-f]{8}-(\d{1,15})$/.exec(position)?.[1]
  return sequence === undefined ? undefined : Number(sequence)
}

export class LiveDeliveries extends Context.Tag("hookline/surface/LiveDeliveries")<LiveDeliveries, {
  /** Watches until the scope closes, through any trouble of the broker's. */
  readonly watch: (
    watcher: Watcher
  ) => Effect.Effect<Beginning, NoPosition | TooManyWatchers | BrokerUnavailable, Scope.Scope>
  /** Completes when hookline stops: whoever watches has to go. */
  readonly ending: Effect.Effect<void>
  /** Completes `ending`. */
  readonly end: Effect.Effect<void>
}>() {
  static readonly layer = Layer.effect(LiveDeliveries, Effect.suspend(() => make))
}

const make = Effect.gen(function*() {
  const streams = yield* Streams
  const { deliveriesStreams, partitions } = yield* Topology
  const ending = yield* Deferred.make<void>()
  let watching = 0
  const ofWorkspace = new Map<string, number>()

  const place = (workspaceId: string) =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        const own = ofWorkspace.get(workspaceId) ?? 0
        if (own >= limits.workspace) return new TooManyWatchers({ of: "workspace", limit: limits.workspace })
        if (watching >= limits.process) return new TooManyWatchers({ of: "process", limit: limits.process })
        watching++
        ofWorkspace.set(workspaceId, own + 1)
        return Effect.void
      }),
      () =>
        Effect.sync(() => {
          watching--
          const left = (ofWorkspace.get(workspaceId) ?? 1) - 1
          if (left > 0) ofWorkspace.set(workspaceId, left)
          else ofWorkspace.delete(workspaceId)
        })
    )

  const begin = Effect.fnUntraced(function*(stream: string, filter: string, after: string | undefined) {
    const { created, firstSequence, lastSequence } = yield* streams.state(stream)
    const at = (sequence: number, gap: boolean) => ({ created, sequence, gap })
    if (after === undefined) return at(lastSequence, false)
    const asked = sequenceOf(after)
    if (asked === undefined) return yield* new NoPosition()
    const horizon = Math.max(firstSequence - 1, lastSequence - furthest, 0)
    if (after !== positionOf(created, asked)) return at(horizon, true)
    // A stream that was put back to an earlier state.
    if (asked > lastSequence) return at(lastSequence, true)
    if (asked >= horizon) return at(asked, false)
    if (asked < firstSequence - 1) return at(horizon, true)
    // Far back in a busy stream, and yet there may be nothing of this workspace in between.
    const next = yield* streams.next(stream, filter, asked + 1)
    return at(horizon, Option.isSome(next) && next.value.sequence <= horizon)
  })

  const watch = Effect.fnUntraced(function*({ after, offer, room, webhookId, workspaceId }: Watcher) {
    yield* place(workspaceId)
    const partition = partitionOf(workspaceId, partitions)
    const stream = deliveriesStream(partition, deliveriesStreams)
    const filter = workspaceDeliveriesFilter(partition, workspaceId, webhookId)
    const { created, gap, sequence } = yield* begin(stream, filter, after)
    let position = sequence

    /** What cannot be read is passed over: the history says so. */
    const take = (message: StoredMessage): boolean => {
      const fact = decode(message.data)
      if (Either.isRight(fact) && !offer(fact.right, positionOf(created, message.sequence))) return false
      position = message.sequence
      return true
    }

    const catchUp = Effect.gen(function*() {
      for (;;) {
        const next = yield* streams.next(stream, filter, position + 1)
        if (Option.isNone(next)) return
        yield* room
        take(next.value)
      }
    }).pipe(Effect.retry(Schedule.spaced("1 second")))

    const follow = Effect.scoped(Effect.gen(function*() {
      const full = yield* Deferred.make<void>()
      let taking = true
      yield* streams.follow({
        stream,
        filter,
        from: position + 1,
        onMessage: (message) => {
          if (taking) taking = take(message)
          if (!taking) Deferred.unsafeDone(full, Effect.void)
        }
      })
      yield* Deferred.await(full)
    }))

    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(catchUp, follow)))
    return { position: positionOf(created, position), gap }
  })

  return LiveDeliveries.of({
    watch,
    ending: Deferred.await(ending),
    end: Effect.asVoid(Deferred.succeed(ending, undefined))
  })
})
