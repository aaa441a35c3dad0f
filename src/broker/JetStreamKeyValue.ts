import { Effect, Layer, Option } from "effect"
import { AppendLog } from "./AppendLog.ts"
import { Connection } from "./Connection.ts"
import { ask, errorCode, find } from "./JetStreamApi.ts"
import { type Bucket, KeyValue, RevisionConflict } from "./KeyValue.ts"
import { got, type GotMessage } from "./StreamMessage.ts"
import { BrokerUnavailable, type StoredMessage } from "./Streams.ts"
import { bucketFilter, bucketStream, bucketSubject } from "./Subjects.ts"

const isMarker = (message: StoredMessage): boolean => message.header("KV-Operation") !== undefined

/**
 * `KeyValue` on buckets as NATS ADR-8 lays them out, so that `nats kv` reads them. A removal of ours purges the subject and leaves nothing;
 * the marker that another client leaves when it deletes counts as "does not exist".
 */
const make = Effect.gen(function*() {
  const connection = yield* Connection
  const log = yield* AppendLog

  /** The newest message of a key, markers included, from the stream's leader. */
  const newest = (bucket: Bucket, key: string) =>
    find<GotMessage>(connection, [errorCode.messageNotFound], `STREAM.MSG.GET.${bucketStream(bucket)}`, {
      last_by_subj: bucketSubject(bucket, key)
    }).pipe(Effect.map(Option.map(got)))

  const put = (bucket: Bucket, key: string, value: Uint8Array | string, revision: number) =>
    log.append({ subject: bucketSubject(bucket, key), data: value, expectedLastSubjectSequence: revision }).pipe(
      Effect.map(({ sequence }) => sequence),
      Effect.mapError((failed) =>
        failed.reason === "conflict"
          ? new RevisionConflict({ bucket, key })
          : new BrokerUnavailable({
            operation: `writing ${bucket} ${key}`,
            detail: `${failed.reason}: ${failed.detail}`
          })
      )
    )

  return KeyValue.of({
    get: (bucket, key) =>
      Effect.map(newest(bucket, key), (found) =>
        Option.map(
          Option.filter(found, (message) => !isMarker(message)),
          ({ data, sequence }) => ({ value: data, revision: sequence })
        )),
    write: (bucket, key, value, revision) =>
      revision > 0 ? put(bucket, key, value, revision) : Effect.catchTag(
        put(bucket, key, value, 0),
        "RevisionConflict",
        (conflict) =>
          Effect.flatMap(newest(bucket, key), (found) =>
            Option.isSome(found) && isMarker(found.value)
              ? put(bucket, key, value, found.value.sequence)
              : Effect.fail(conflict))
      ),
    remove: (bucket, key) =>
      Effect.asVoid(ask(connection, `STREAM.PURGE.${bucketStream(bucket)}`, { filter: bucketSubject(bucket, key) })),
    keys: Effect.fnUntraced(function*(bucket, first) {
      const keys: Array<string> = []
      const prefix = bucketFilter(bucket).length - 1
      for (;;) {
        const info = yield* ask<{
          readonly state: { readonly subjects?: Readonly<Record<string, number>>; readonly num_subjects?: number }
        }>(connection, `STREAM.INFO.${bucketStream(bucket)}`, {
          subjects_filter: bucketFilter(bucket, first),
          offset: keys.length
        })
        const page = Object.keys(info.state.subjects ?? {})
        keys.push(...page.map((subject) => subject.slice(prefix)))
        if (page.length === 0 || keys.length >= (info.state.num_subjects ?? 0)) return keys
      }
    })
  })
})

export const layer: Layer.Layer<KeyValue, never, AppendLog | Connection> = Layer.effect(KeyValue, make)
