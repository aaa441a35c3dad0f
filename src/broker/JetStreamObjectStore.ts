import { Effect, Layer, Option, Schema } from "effect"
import { nuid } from "nats"
import { createHash } from "node:crypto"
import { AppendLog } from "./AppendLog.ts"
import { BrokerClock } from "./BrokerClock.ts"
import { Connection } from "./Connection.ts"
import { ask, errorCode, find } from "./JetStreamApi.ts"
import { ObjectStore } from "./ObjectStore.ts"
import { got, type GotMessage } from "./StreamMessage.ts"
import { BrokerUnavailable, Streams } from "./Streams.ts"
import { chunkSubject, objectFilters, objectName, objectSubject, snapshotBucket, snapshotStream } from "./Subjects.ts"

const chunkSize = 128 * 1024
/** 2 MiB on the way at once, so that a large snapshot stands in nobody's way. */
const chunksInFlight = 16

/** An object's entry as ADR-20 has it. */
const Entry = Schema.Struct({
  name: Schema.String,
  bucket: Schema.String,
  nuid: Schema.String,
  size: Schema.Number,
  chunks: Schema.Number,
  digest: Schema.String,
  mtime: Schema.optional(Schema.String),
  deleted: Schema.optional(Schema.Boolean),
  options: Schema.optional(Schema.Struct({ max_chunk_size: Schema.optional(Schema.Number) }))
})
const decode = Schema.decodeUnknownOption(Schema.parseJson(Entry))
const encode = Schema.encodeSync(Schema.parseJson(Entry))

const padded = (base64url: string): string => base64url + "=".repeat((4 - base64url.length % 4) % 4)

const digestOf = (data: Uint8Array): string =>
  `SHA-256=${padded(createHash("sha256").update(data).digest("base64url"))}`

/** Chunks that belong to no entry for so long belong to a put that a kill ended. */
const orphanAge = 600_000

/**
 * `ObjectStore` as NATS ADR-20 lays it out, so that `nats object` reads it. Own code because the client's store copies the whole object once a
 * chunk. An object is there once its entry is; chunks that a kill left without one are purged at a later start.
 */
const make = Effect.gen(function*() {
  const connection = yield* Connection
  const log = yield* AppendLog
  const streams = yield* Streams
  const clock = yield* BrokerClock

  const purge = (subject: string) =>
    Effect.asVoid(ask(connection, `STREAM.PURGE.${snapshotStream}`, { filter: subject }))

  const append = (message: Parameters<typeof log.append>[0]) =>
    Effect.mapError(
      log.append(message),
      (failed) =>
        new BrokerUnavailable({ operation: "writing a snapshot", detail: `${failed.reason}: ${failed.detail}` })
    )

  const entryOf = (name: string) =>
    find<GotMessage>(connection, [errorCode.messageNotFound], `STREAM.MSG.GET.${snapshotStream}`, {
      last_by_subj: objectSubject(name)
    }).pipe(Effect.map(Option.flatMap((answer) => {
      const message = got(answer)
      return Option.map(
        Option.filter(decode(Buffer.from(message.data).toString()), ({ deleted }) => deleted !== true),
        (entry) => ({ entry, sequence: message.sequence })
      )
    })))

  const subjects = Effect.fnUntraced(function*(filter: string) {
    const all: Array<string> = []
    for (;;) {
      const info = yield* ask<{
        readonly state: { readonly subjects?: Readonly<Record<string, number>>; readonly num_subjects?: number }
      }>(connection, `STREAM.INFO.${snapshotStream}`, { subjects_filter: filter, offset: all.length })
      const page = Object.keys(info.state.subjects ?? {})
      all.push(...page)
      if (page.length === 0 || all.length >= (info.state.num_subjects ?? 0)) return all
    }
  })

  const purgeOrphans = Effect.gen(function*() {
    const chunks = yield* subjects(objectFilters[0])
    const names = yield* Effect.map(subjects(objectFilters[1]), (all) => all.map(objectName))
    const owned = new Set<string>()
    for (const name of names) {
      const found = yield* entryOf(name)
      if (Option.isSome(found)) owned.add(chunkSubject(found.value.entry.nuid))
    }
    const { brokerTime } = yield* streams.state(snapshotStream)
    for (const subject of chunks.filter((subject) => !owned.has(subject))) {
      const last = yield* streams.last(snapshotStream, subject)
      if (Option.exists(last, ({ time }) => brokerTime - time > orphanAge)) yield* purge(subject)
    }
  })
  yield* Effect.forkScoped(
    Effect.catchAllCause(purgeOrphans, (cause) => Effect.logDebug("looking for chunks without an object failed", cause))
  )

  return ObjectStore.of({
    put: Effect.fnUntraced(function*(name, data) {
      const former = yield* entryOf(name)
      const id = nuid.next()
      const chunks = Math.ceil(data.length / chunkSize)
      const write = Effect.forEach(
        Array.from({ length: chunks }, (_, index) => data.subarray(index * chunkSize, (index + 1) * chunkSize)),
        // Published in this order on one connection, so stored in this order.
        (chunk) => append({ subject: chunkSubject(id), data: chunk }),
        { concurrency: chunksInFlight, discard: true }
      )
      const entry = encode({
        name,
        bucket: snapshotBucket,
        nuid: id,
        size: data.length,
        chunks,
        digest: digestOf(data),
        mtime: new Date(clock.now()).toISOString(),
        options: { max_chunk_size: chunkSize }
      })
      yield* Effect.onError(
        Effect.zipRight(
          write,
          append({ subject: objectSubject(name), data: entry, headers: { "Nats-Rollup": "sub" } })
        ),
        // Nobody who was interrupted waits for it: what is left is purged at a later start.
        () => Effect.forkDaemon(Effect.interruptible(Effect.ignore(purge(chunkSubject(id)))))
      )
      if (Option.isSome(former)) yield* purge(chunkSubject(former.value.entry.nuid))
    }),
    get: Effect.fnUntraced(function*(name) {
      const found = yield* entryOf(name)
      if (Option.isNone(found)) return Option.none()
      const { entry, sequence } = found.value
      const parts: Array<Uint8Array> = []
      yield* streams.scan({
        stream: snapshotStream,
        filter: chunkSubject(entry.nuid),
        from: 1,
        to: sequence,
        onMessage: ({ data }) => void parts.push(data)
      })
      const data = Buffer.concat(parts)
      if (data.length === entry.size && digestOf(data) === entry.digest) return Option.some<Uint8Array>(data)
      yield* Effect.logWarning(`object ${name} in ${snapshotBucket} is damaged: its digest does not fit`)
      return Option.none()
    }),
    remove: Effect.fnUntraced(function*(name) {
      const found = yield* entryOf(name)
      yield* purge(objectSubject(name))
      if (Option.isSome(found)) yield* purge(chunkSubject(found.value.entry.nuid))
    }),
    names: Effect.map(Effect.suspend(() => subjects(objectFilters[1])), (all) => all.map(objectName).sort())
  })
})

export const layer: Layer.Layer<ObjectStore, never, AppendLog | BrokerClock | Connection | Streams> = Layer.scoped(
  ObjectStore,
  make
)
