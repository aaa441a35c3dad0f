import { Effect, Layer, Option } from "effect"
import { Connection } from "./Connection.ts"
import { ask, errorCode, find } from "./JetStreamApi.ts"
import { follow, next, scan } from "./OrderedReader.ts"
import { consume, deleteConsumer, makeAcknowledge } from "./OwnConsumer.ts"
import { createdOf } from "./StreamIdentity.ts"
import { direct, got, type GotMessage } from "./StreamMessage.ts"
import { BrokerUnavailable, Streams } from "./Streams.ts"
import { checkFilter, checkSubject } from "./Subjects.ts"

interface StreamInfo {
  readonly created: string
  readonly ts: string
  readonly config: { readonly max_bytes?: number; readonly metadata?: Readonly<Record<string, string>> }
  readonly state: {
    readonly first_seq: number
    readonly last_seq: number
    readonly last_ts: string
    readonly messages: number
    readonly bytes: number
  }
}

const make = Effect.gen(function*() {
  const connection = yield* Connection
  // Waiting for the broker is always real time: the clock is the one the layer was built with, whatever the caller's is.
  const clock = yield* Effect.clock
  const acknowledge = makeAcknowledge(connection)

  const state = (stream: string) =>
    Effect.map(ask<StreamInfo>(connection, `STREAM.INFO.${checkSubject(stream)}`), (info) => ({
      created: createdOf(info),
      firstSequence: info.state.first_seq,
      lastSequence: info.state.last_seq,
      lastTime: Date.parse(info.state.last_ts),
      messages: info.state.messages,
      bytes: info.state.bytes,
      maxBytes: info.config.max_bytes ?? -1,
      brokerTime: Date.parse(info.ts)
    }))

  /** A page has 100,000 at most, as the broker decides (nats-server, JSMaxSubjectDetails). */
  const subjectPage = (stream: string, filter: string, offset: number) =>
    ask<{ readonly state: { readonly subjects?: Readonly<Record<string, number>> }; readonly total?: number }>(
      connection,
      `STREAM.INFO.${checkSubject(stream)}`,
      { subjects_filter: checkFilter(filter), offset }
    ).pipe(Effect.map(({ state, total = 0 }) => ({ names: Object.keys(state.subjects ?? {}), total })))

  /** A direct get says "there is none" with 404 and "I cannot" with anything else. */
  const directGet = (stream: string, question: object) =>
    Effect.flatMap(
      connection.request(`reading ${stream}`, `$JS.API.DIRECT.GET.${checkSubject(stream)}`, JSON.stringify(question)),
      (message) => {
        const code = message.headers?.code ?? 0
        return code === 0 || code === 404 ? Effect.succeed(direct(message)) : Effect.fail(
          new BrokerUnavailable({
            operation: `reading ${stream}`,
            detail: `${code} ${message.headers?.description ?? ""}`
          })
        )
      }
    )

  const consumerNames = (stream: string, offset: number) =>
    ask<{ readonly consumers: ReadonlyArray<string> | null; readonly total: number }>(
      connection,
      `CONSUMER.NAMES.${checkSubject(stream)}`,
      { offset }
    )

  return Streams.of({
    state,
    message: (stream, sequence) => sequence < 1 ? Effect.succeedNone : directGet(stream, { seq: sequence }),
    last: (stream, subject) =>
      find<GotMessage>(connection, [errorCode.messageNotFound], `STREAM.MSG.GET.${checkSubject(stream)}`, {
        last_by_subj: checkSubject(subject)
      }).pipe(Effect.map(Option.map(got))),
    subjects: Effect.fnUntraced(function*(stream, filter, most) {
      const all: Array<string> = []
      for (;;) {
        const { names, total } = yield* subjectPage(stream, filter, all.length)
        for (const name of names) all.push(name)
        const isAll = names.length === 0 || all.length >= total
        // The broker sorts them only when they are more than a page.
        if (isAll || all.length >= most) {
          return { names: all.sort().slice(0, most), complete: isAll && all.length <= most }
        }
      }
    }),
    next: (stream, filter, from) => next(connection, checkSubject(stream), checkFilter(filter), from),
    sequenceAt: (stream, time) =>
      Effect.flatMap(
        directGet(stream, { start_time: new Date(time).toISOString(), next_by_subj: ">" }),
        Option.match({
          onSome: ({ sequence }) => Effect.succeed(sequence),
          onNone: () => Effect.map(state(stream), ({ lastSequence }) => lastSequence + 1)
        })
      ),
    scan: (range) => Effect.withClock(scan(connection, range), clock),
    follow: (range) => Effect.withClock(follow(connection, range), clock),
    consume: (options) => Effect.withClock(consume(connection, acknowledge, options), clock),
    deleteConsumers: Effect.fnUntraced(function*(stream, test) {
      const all: Array<string> = []
      for (;;) {
        const page = yield* consumerNames(stream, all.length)
        const names = page.consumers ?? []
        all.push(...names)
        if (names.length === 0 || all.length >= page.total) break
      }
      for (const name of all.filter(test)) yield* deleteConsumer(connection, stream, name)
    })
  })
})

/** `Streams` on JetStream. */
export const layer: Layer.Layer<Streams, never, Connection> = Layer.effect(Streams, make)
