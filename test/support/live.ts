import { Clock, Effect, type Scope } from "effect"
import { createParser } from "eventsource-parser"

/** One event of the live stream, with when it arrived (milliseconds of the real clock). */
export interface LiveEvent {
  readonly name: string
  readonly id: string | undefined
  readonly at: number
  // The tests look into events of every shape.
  readonly data: ReturnType<typeof JSON.parse>
}

export interface Reader {
  readonly status: number
  readonly headers: Headers
  readonly events: ReadonlyArray<LiveEvent>
  /** The id to go on behind. */
  readonly last: () => string
  readonly hangUp: () => void
  readonly ended: () => boolean
  /** It ended in the middle, not as a response ends. */
  readonly cut: () => boolean
}

const clock = Clock.make()

/** Reads a response as server-sent events, for as long as the scope lives or until it is hung up. */
export const reader = <E, R>(
  request: (signal: AbortSignal) => Effect.Effect<Response, E, R>
): Effect.Effect<Reader, E, R | Scope.Scope> =>
  Effect.gen(function*() {
    const aborts = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (aborts) => Effect.sync(() => aborts.abort())
    )
    const response = yield* request(aborts.signal)
    const events: Array<LiveEvent> = []
    let last = ""
    let ended = false
    let cut = false
    const parser = createParser({
      onEvent: ({ data, event = "", id }) => {
        events.push({ name: event, id, at: clock.unsafeCurrentTimeMillis(), data: JSON.parse(data) })
        last = id ?? last
      }
    })
    const read = async () => {
      try {
        for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) parser.feed(String(text))
      } catch {
        cut = true
      }
      ended = true
    }
    void read()
    return {
      status: response.status,
      headers: response.headers,
      events,
      last: () => last,
      hangUp: () => aborts.abort(),
      ended: () => ended,
      cut: () => cut
    }
  })
