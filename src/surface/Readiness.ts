import { Context, Effect, Fiber, Layer, type Scope } from "effect"
import { Connection } from "../broker/Connection.ts"
import { Streams, type StreamState } from "../broker/Streams.ts"
import { deliveriesStream, streamNames } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import * as Telemetry from "../Telemetry.ts"

/** One thing that must be well before traffic is sent here. `detail` is for people. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  /** Of what is made anew: messages read, and messages left. Only while it goes on. */
  readonly progress?: { readonly read: number; readonly behind: number }
}

/**
 * Whether this process can take and deliver events. The broker and the room in its streams are looked at here; who runs more (the
 * worker, the ledger) adds a check of its own.
 */
export class Readiness extends Context.Tag("hookline/surface/Readiness")<Readiness, {
  /** Every check, those of the broker first, at most a second old. Takes 2 s at most: a check that does not answer is not ok. */
  readonly checks: Effect.Effect<ReadonlyArray<Check>>
  /** Adds a check for as long as the scope lives. It must not fail. */
  readonly add: (name: string, check: Effect.Effect<Omit<Check, "name">>) => Effect.Effect<void, never, Scope.Scope>
}>() {
  static readonly layer = Layer.scoped(
    Readiness,
    Effect.gen(function*() {
      const scope = yield* Effect.scope
      const connection = yield* Connection
      const streams = yield* Streams
      const { deliveriesStreams } = yield* Topology
      const watched = [
        streamNames.events,
        ...Array.from({ length: deliveriesStreams }, (_, index) => deliveriesStream(index, deliveriesStreams))
      ]
      const added = new Map<symbol, { readonly name: string; readonly check: Effect.Effect<Omit<Check, "name">> }>()

      const broker = Effect.sync(() =>
        connection.isConnected()
          ? { ok: true, detail: `connected to ${connection.address}` }
          : { ok: false, detail: `not connected to ${connection.address}; reconnecting` }
      )
      /** As last seen; one that could not be seen is not there. */
      const fills = new Map<string, StreamState>()
      yield* Telemetry.register(() => {
        const limited = Array.from(fills).filter(([, { maxBytes }]) => maxBytes > 0)
        return {
          hookline_stream_bytes: Object.fromEntries(Array.from(fills, ([stream, { bytes }]) => [stream, bytes])),
          hookline_stream_max_bytes: Object.fromEntries(limited.map(([stream, { maxBytes }]) => [stream, maxBytes]))
        }
      })
      const room = (stream: string) =>
        Effect.suspend(() => {
          fills.delete(stream)
          return streams.state(stream)
        }).pipe(Effect.match({
          onSuccess: (state) => {
            fills.set(stream, state)
            return fill(state)
          },
          onFailure: (error) => ({ ok: false, detail: error.message })
        }))
      const all = Effect.suspend(() =>
        Effect.forEach(
          [
            { name: "broker", check: broker },
            ...watched.map((stream) => ({ name: `stream ${stream}`, check: room(stream) })),
            ...added.values()
          ],
          ({ check, name }) =>
            check.pipe(
              Effect.timeoutTo({
                duration: "2 seconds",
                onSuccess: (result) => ({ name, ...result }),
                onTimeout: () => ({ name, ok: false, detail: "no answer within 2 s" })
              }),
              Effect.catchAllDefect(() => Effect.succeed({ name, ok: false, detail: "the check itself failed" }))
            ),
          { concurrency: "unbounded" }
        )
      )
      return {
        // It needs no key, so that a flood of it must not become one of requests to the broker. In a fiber of its own, because whoever asked
        // may hang up, and others wait for the same answer.
        checks: yield* Effect.forkIn(Effect.interruptible(all), scope).pipe(
          Effect.flatMap(Fiber.join),
          Effect.uninterruptible,
          Effect.cachedWithTTL("1 second")
        ),
        add: (name, check) =>
          Effect.asVoid(Effect.acquireRelease(
            Effect.sync(() => {
              const key = Symbol(name)
              added.set(key, { name, check })
              return key
            }),
            (key) => Effect.sync(() => added.delete(key))
          ))
      }
    })
  )
}

const warnAt = 0.8

/** The largest message of any stream (ARCHITECTURE: EVENTS' max_msg_size). */
const largestMessage = 1024 ** 2

/**
 * How full a stream is. It says so from 80 % on, and is not ok when a message of the largest size would be refused (smaller ones may still
 * fit for a while).
 */
export const fill = (state: Pick<StreamState, "bytes" | "maxBytes">): Omit<Check, "name"> => {
  if (state.maxBytes <= 0) return { ok: true, detail: "has no limit" }
  const used = `${Math.floor(100 * state.bytes / state.maxBytes)} % of ${state.maxBytes} bytes used`
  if (state.bytes < warnAt * state.maxBytes) return { ok: true, detail: used }
  return state.maxBytes - state.bytes < largestMessage
    ? { ok: false, detail: `full: ${used}; what does not fit is refused until there is room` }
    : { ok: true, detail: `nearly full: ${used}` }
}
