import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { Data, Effect, Option, Stream } from "effect"
import { createParser, type EventSourceMessage } from "eventsource-parser"
import { authorized, explained, headersOf, refusal, Refused, transport } from "./Client.ts"
import type { Where } from "./Common.ts"
import { failed } from "./Failure.ts"
import type { CommandFailed } from "./Failure.ts"
import { Shell } from "./Shell.ts"
import { namedWorkspace, resolveTarget } from "./Target.ts"

/** How long the answer to a connection may take. */
const patience = "35 seconds"
/** Three heartbeats of the server's are missing: the connection is dead, though nobody said so. */
const silenceLimit = "45 seconds"
/** Between two connections in milliseconds, until the server names a time. */
const firstPause = 2000
/** Characters; an event is a few thousand. */
const maxEvent = 1024 * 1024

/** A connection's end. `final`: the server refuses, and will refuse the next one too. */
class Broken extends Data.TaggedError("Broken")<{ readonly why: CommandFailed; readonly final: boolean }> {}

/**
 * Watches the deliveries, event by event. A connection that breaks is made again behind the last event, which is said on standard error; only what
 * the API refuses, or a first connection that fails, ends it.
 */
export const follow = (
  where: Where,
  webhookId: Option.Option<string>,
  onEvent: (event: EventSourceMessage) => Effect.Effect<void>
): Effect.Effect<never, CommandFailed, Shell> =>
  Effect.gen(function*() {
    const shell = yield* Shell
    const workspace = yield* namedWorkspace(where)
    const query = Option.match(webhookId, { onNone: () => "", onSome: (id) => `?webhook_id=${encodeURIComponent(id)}` })
    let last: string | undefined
    let pause = firstPause
    let ever = false
    let broken = false

    const received = (event: EventSourceMessage) =>
      Effect.map(event.event === "begin" ? Effect.void : onEvent(event), () => {
        last = event.id ?? last
      })

    /** One connection, from the request to its end. */
    const connection = Effect.gen(function*() {
      // Each time: a hookline that was started again may listen on another port.
      const target = yield* Effect.mapError(resolveTarget(where.data), (why) => new Broken({ why, final: false }))
      return yield* Effect.gen(function*() {
        const client = authorized(target)(yield* HttpClient.HttpClient)
        const response = yield* client.execute(
          HttpClientRequest.get(`${target.url}/v1/deliveries/stream${query}`).pipe(
            HttpClientRequest.setHeaders(Object.entries(headersOf(workspace))),
            HttpClientRequest.setHeaders(last === undefined ? {} : { "last-event-id": last })
          )
        ).pipe(Effect.timeoutFail({
          duration: patience,
          onTimeout: () => failed(`the API at ${target.url} did not answer within ${patience}`)
        }))
        if (response.status !== 200) return yield* refusal(target, response)
        if (broken) yield* shell.error("connected again")
        // Not on standard output: there `--json` has one line an event.
        if (!ever) {
          yield* shell.error(`watching ${Option.getOrElse(workspace, () => "the key's workspace")} (Ctrl-C ends)`)
        }
        ever = true
        broken = false
        const events: Array<EventSourceMessage> = []
        const parser = createParser({
          maxBufferSize: maxEvent,
          onEvent: (event) => events.push(event),
          onRetry: (milliseconds) => {
            pause = milliseconds
          }
        })
        yield* response.stream.pipe(
          Stream.decodeText(),
          Stream.timeoutFail(() => failed(`nothing came for ${silenceLimit}`), silenceLimit),
          Stream.runForEach((text) => {
            parser.feed(text)
            return Effect.forEach(events.splice(0), received, { discard: true })
          })
        )
        return yield* failed("the server ended it")
      }).pipe(
        Effect.scoped,
        Effect.provide(transport),
        Effect.catchAll((error) =>
          new Broken({
            why: ever && !broken && "reason" in error ? failed("the connection broke") : explained(target, error),
            final: error instanceof Refused && error.status < 500
          })
        )
      )
    })

    for (;;) {
      const { final, why } = yield* Effect.flip(connection)
      if (final || !ever) return yield* why
      if (!broken) yield* shell.error(`the stream broke: ${why.message}; connecting again behind the last event`)
      broken = true
      yield* Effect.sleep(pause)
    }
  })
