/**
 * The history's process: reads the streams into the file and answers questions from it. A process of its own, because neither a query nor a fault
 * of the database may touch the one that delivers; one connection to one file, because a question then sees what was read a moment ago.
 *
 *     LOCKED ─▶ REBUILDING (an empty file: no indexes, no answers) ─▶ FOLLOWING
 *                     ▲                                                  │
 *                     └───── the file is gone, or another one ◀──────────┘
 *
 * It ends with the pipe to its parent. A fault ends it too: the parent starts it again, and the file is as of its last commit.
 */
import { Data, Deferred, Effect, Layer, Schedule } from "effect"
import { constants, setPriority } from "node:os"
import { Connection } from "../../broker/Connection.ts"
import * as JetStreamStreams from "../../broker/JetStreamStreams.ts"
import { Streams, type StreamState } from "../../broker/Streams.ts"
import {
  deliveriesAllFilter,
  deliveriesStream,
  ownInboxes,
  parseDeliveriesStream,
  partitionedFilter,
  partitionOf,
  quarantineAllFilter,
  streamNames,
  webhooksFilter
} from "../../broker/Subjects.ts"
import * as Logging from "../../Logging.ts"
import { answer } from "./Answering.ts"
import type { Asked } from "./Deliveries.ts"
import { hasIndexes, makeIndexes, openHistory } from "./Layout.ts"
import { Projection } from "./Projection.ts"
import type { Ask, Begin, FromHistory, Progress, ToHistory } from "./Protocol.ts"
import { Restraint } from "./Restraint.ts"
import { Retention } from "./Retention.ts"
import { FileLocked, lock, remove } from "./Sqlite.ts"

/**
 * Messages in a transaction, and how long one stays open: a question is answered on the same connection and sees them before, so that the length
 * only says how much a kill has read again. Short ones write the same pages of the indexes over and over.
 */
const commitMessages = 20_000
const commitEvery = "1 second"
/**
 * Between two looks for new messages, milliseconds: those of a busy time then come by the hundred. Restrained, a look brings at most so many events,
 * and as many of all other streams together: 5,000 messages a second and about a fifth of a core. A rebuild is never restrained: until it is over
 * there are no answers. Priority alone does not do it: two threads of one core slow each other down whatever theirs is, and the broker's part has the
 * broker's (ADR 18).
 */
const pace = { milliseconds: 200, restrained: 500 }
const lookEvery = "500 millis"
const forgetEvery = "30 seconds"
const lockedPause = "500 millis"
/**
 * So many looks find the file locked before questions are refused: the process of a hookline that was killed lets go of it a moment later, and who
 * asks right after the next start must not notice.
 */
const looksBeforeRefusal = 4
/** A rebuild is over when no more messages are left. */
const nearlyThere = 1_000

/** The file is no longer the one that was opened, or the streams are not those it was filled from. */
class Replaced extends Data.TaggedError("Replaced")<{ readonly detail: string }> {}

/** The directory cannot be written to. */
class Unusable extends Data.TaggedError("Unusable")<{ readonly path: string; readonly cause: unknown }> {}

const filters: Readonly<Record<string, string>> = {
  [streamNames.events]: partitionedFilter,
  [streamNames.webhooks]: webhooksFilter,
  [streamNames.quarantine]: quarantineAllFilter
}

const isOurs = (stream: string): boolean => stream in filters || parseDeliveriesStream(stream)._tag === "Some"

const send = (message: FromHistory): void => {
  if (process.connected) process.send?.(message)
}

/** What questions are answered from; undefined while there is nothing to answer from. */
let open: Asked | undefined

/** Questions of the first moments, until it is known whether there is anything to answer from. Bounded by how many the parent lets wait. */
let early: Array<Ask> | undefined = []

let restrained = false

const settled = (): void => {
  const questions = early ?? []
  early = undefined
  for (const question of questions) reply(question)
}

const reply = (ask: Ask): void => {
  const { id, name, question } = ask
  if (early !== undefined) return void early.push(ask)
  if (open === undefined) {
    return send({ type: "answer", id, problem: "it is being rebuilt, or another process writes its file" })
  }
  try {
    send({ type: "answer", id, value: answer(open, name, question) })
  } catch (cause) {
    send({ type: "answer", id, problem: cause instanceof Error ? cause.message : String(cause) })
  }
}

const exclusively = (path: string) => {
  let looks = 0
  return Effect.acquireRelease(
    Effect.try({
      try: () => lock(path),
      catch: (cause) => cause instanceof FileLocked ? cause : new Unusable({ path, cause })
    }).pipe(
      Effect.tapError(() =>
        Effect.sync(() => {
          send({ type: "progress", state: "locked", read: 0, behind: 0, unreadable: 0, problem: "" })
          if (++looks >= looksBeforeRefusal) settled()
        })
      ),
      Effect.retry({ while: ({ _tag }) => _tag === "FileLocked", schedule: Schedule.spaced(lockedPause) }),
      Effect.orDie
    ),
    ({ release }) => Effect.sync(release)
  )
}

/** From the opening of a file until it is replaced. */
const follow = (begin: Begin) =>
  Effect.gen(function*() {
    const streams = yield* Streams
    const created = new Map(Object.entries(begin.created).filter(([stream]) => isOurs(stream)))
    const eventsCreated = begin.created[streamNames.events] ?? ""
    const streamOf = (workspaceId: string) =>
      deliveriesStream(partitionOf(workspaceId, begin.partitions), begin.deliveriesStreams)

    const file = yield* Effect.acquireRelease(
      Effect.sync(() => openHistory(begin.path, created)),
      (file) =>
        Effect.sync(() => {
          open = undefined
          file.close()
        })
    )
    const projection = new Projection(file, eventsCreated)
    const retention = new Retention(file)
    const replaced = yield* Deferred.make<never, Replaced>()
    const replace = (detail: string) => Deferred.fail(replaced, new Replaced({ detail }))

    const names = [...created.keys()]
    const states: Effect.Effect<ReadonlyMap<string, StreamState>> = Effect.forEach(
      names,
      (stream) => Effect.map(streams.state(stream), (state) => [stream, state] as const)
    ).pipe(
      Effect.map((all) => new Map(all)),
      Effect.retry(Schedule.spaced(lookEvery)),
      Effect.orDie
    )
    const first = yield* states
    for (const [stream, { lastSequence }] of first) {
      if (projection.position(stream) > lastSequence) {
        remove(begin.path)
        return yield* new Replaced({ detail: `${stream} ends before what was read of it` })
      }
    }
    projection.firstEvent = first.get(streamNames.events)?.firstSequence ?? 0

    let rebuilding = !hasIndexes(file)
    let read = 0
    const asked: Asked = {
      file,
      eventsCreated,
      streamOf,
      position: (stream) => projection.position(stream),
      writeFigures: () => projection.commit()
    }
    if (!rebuilding) open = asked

    /**
     * A position moves with what is read, but the end of a stream may have aged out, or be none of what is read here. Where nothing came between two
     * looks, the leader says whether there is anything.
     */
    const looked = new Map<string, number>()
    const passOver = (stream: string, { lastSequence }: StreamState) => {
      const position = projection.position(stream)
      const before = looked.get(stream)
      looked.set(stream, position)
      if (position >= lastSequence || position !== before) return Effect.void
      return Effect.map(
        streams.next(stream, filters[stream] ?? deliveriesAllFilter, position + 1),
        (next) => projection.passTo(stream, next._tag === "Some" ? next.value.sequence - 1 : lastSequence)
      ).pipe(Effect.catchTag("BrokerUnavailable", () => Effect.void))
    }

    const report = Effect.gen(function*() {
      const now = yield* states
      let behind = 0
      for (const [stream, state] of now) {
        yield* passOver(stream, state)
        behind += Math.max(0, state.lastSequence - projection.position(stream))
      }
      if (rebuilding && behind <= nearlyThere) {
        projection.commit()
        makeIndexes(file)
        rebuilding = false
        open = asked
      }
      const { problem, unreadable } = projection
      const state: Progress["state"] = rebuilding ? "rebuilding" : "following"
      send({ type: "progress", state, read, behind, unreadable, problem })
      settled()
    })

    const forget = Effect.gen(function*() {
      const now = yield* states
      const oldest = yield* Effect.forEach(now, ([stream, { firstSequence }]) =>
        parseDeliveriesStream(stream)._tag === "None"
          ? Effect.succeed(Number.POSITIVE_INFINITY)
          : Effect.map(streams.message(stream, firstSequence), (message) =>
            message._tag === "Some" ? message.value.time : Number.POSITIVE_INFINITY))
      const events = now.get(streamNames.events)
      const brokerTime = events?.brokerTime ?? 0
      projection.firstEvent = events?.firstSequence ?? 0
      const held = {
        firstEvent: projection.firstEvent,
        firstRecord: (workspaceId: string) =>
          now.get(streamOf(workspaceId))?.firstSequence ?? 0,
        oldestRecord: Math.min(brokerTime, ...oldest),
        now: brokerTime
      }
      let more = true
      while (more) {
        projection.commit()
        more = retention.forget(held)
        yield* Effect.sleep(0)
      }
    }).pipe(Effect.catchTag("BrokerUnavailable", () =>
      Effect.void))

    /** After a fault nothing more is written: what is in the file is as of the last commit, and the process ends. */
    let broken = false
    const breakOff = (cause: unknown): void => {
      broken = true
      Deferred.unsafeDone(replaced, Effect.die(cause))
    }
    const guarded = (loop: Effect.Effect<unknown>) =>
      loop.pipe(
        Effect.catchAllDefect((defect) =>
          Effect.sync(() =>
            breakOff(defect)
          )
        ),
        Effect.forkScoped
      )
    const onMessage = (stream: string) => (message: Parameters<Projection["take"]>[1]) => {
      if (broken) return
      try {
        projection.take(stream, message)
        read++
        if (projection.uncommitted >= commitMessages) projection.commit()
      } catch (cause) {
        breakOff(cause)
      }
    }
    const restraint = new Restraint(pace.restrained, names.length - 1)
    for (const stream of names) {
      const allowed = () => stream === streamNames.events ? pace.restrained : restraint.allowed(stream)
      const take = onMessage(stream)
      yield* streams.follow({
        stream,
        filter: filters[stream] ?? deliveriesAllFilter,
        from: projection.position(stream) + 1,
        pace: {
          milliseconds: pace.milliseconds,
          most: () => restrained && !rebuilding ? allowed() : undefined
        },
        onMessage: (message) => {
          if (stream !== streamNames.events) restraint.took(stream)
          take(message)
        }
      })
    }
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (!broken) projection.commit()
      })
    )
    yield* guarded(Effect.repeat(Effect.sync(() => projection.commit()), Schedule.spaced(commitEvery)))
    yield* guarded(Effect.repeat(
      Effect.zipRight(
        Effect.suspend(() => file.isInPlace() ? Effect.void : replace("the file is gone, or another one")),
        report
      ),
      Schedule.spaced(lookEvery)
    ))
    yield* guarded(
      Effect.repeat(Effect.suspend(() => rebuilding ? Effect.void : forget), Schedule.spaced(forgetEvery))
    )
    return yield* Deferred.await(replaced)
  })

const run = (begin: Begin) =>
  Effect.scoped(Effect.gen(function*() {
    yield* exclusively(`${begin.path}-lock`)
    return yield* Effect.scoped(follow(begin)).pipe(
      Effect.tapErrorTag("Replaced", ({ detail }) => Effect.logWarning(`the history is made anew: ${detail}`)),
      Effect.retry({ while: ({ _tag }) => _tag === "Replaced", schedule: Schedule.spaced(lookEvery) })
    )
  })).pipe(
    Effect.provide(
      JetStreamStreams.layer.pipe(
        Layer.provide(Connection.layer({ url: begin.natsUrl, name: "hookline history", inboxes: ownInboxes })),
        Layer.provideMerge(Logging.layer(begin))
      )
    ),
    Effect.tapErrorCause((cause) => Effect.logError("the history's process ends", cause)),
    Effect.provide(Logging.layer(begin)),
    Effect.ensuring(Effect.sync(() => process.exit(1)))
  )

// What delivers goes first when both want the processor: the history then gets what is left over, falls behind, and says so.
setPriority(constants.priority.PRIORITY_LOW)
// Ctrl-C reaches all processes of a terminal; this one ends with its parent, which has something to finish first.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined)
process.on("disconnect", () => process.exit(0))
process.on("message", (message: ToHistory) => {
  if (message.type === "ask") reply(message)
  else if (message.type === "restrain") restrained = message.on
  else Effect.runFork(run(message))
})
