import { Effect, Either } from "effect"
import { type AppendFailed, AppendLog } from "../../broker/AppendLog.ts"
import type { Connection } from "../../broker/Connection.ts"
import { streamLayout } from "../../broker/StreamLayout.ts"
import { type BrokerUnavailable, Streams } from "../../broker/Streams.ts"
import { deliveriesStream, everySubject, sealSubject, streamNames } from "../../broker/Subjects.ts"
import { AuditImpossible } from "./Plan.ts"
import { decodeSeal, encodeSeal, Sealing, sealLength, type SealRecord, sha256 } from "./Seal.ts"

/** What was sealed. */
export interface Sealed {
  /** Records that were appended. */
  readonly seals: number
  /** Messages that they are of. */
  readonly messages: number
  /** SHA-256 of the last seal's bytes; null: there is none at all. */
  readonly last: string | null
}

/**
 * Seals what stands in EVENTS, WEBHOOKS and DELIVERIES and no seal is of yet. Two at once are no harm: the later of them is refused at its first append,
 * for each is written behind the seal that it names.
 */
export const sealStreams: Effect.Effect<
  Sealed,
  BrokerUnavailable | AppendFailed | AuditImpossible,
  Streams | AppendLog | Connection
> = Effect.gen(function*() {
  const streams = yield* Streams
  const log = yield* AppendLog
  const layout = yield* streamLayout
  const home = deliveriesStream(0, layout.deliveries.length)
  const { brokerTime, lastSequence } = yield* streams.state(home)
  const sealedTo = new Map<string, number>()
  let last: string | null = null
  let number = 0
  let lastOfSubject = 0
  let unreadable = 0
  yield* streams.scan({
    stream: home,
    filter: sealSubject,
    from: 1,
    to: lastSequence,
    onMessage: ({ data, sequence }) => {
      const decoded = decodeSeal(Buffer.from(data).toString())
      last = sha256(data)
      lastOfSubject = sequence
      if (Either.isLeft(decoded)) {
        unreadable = sequence
        return
      }
      const { blocks, created, seal, stream } = decoded.right
      number = seal
      sealedTo.set(`${stream}\n${created}`, blocks.at(-1)?.last_seq ?? 0)
    }
  })
  if (unreadable > 0) {
    return yield* new AuditImpossible({
      message:
        `the seal at ${home} ${unreadable} cannot be read: another version of hookline wrote it, or somebody changed it`
    })
  }
  let seals = 0
  let messages = 0
  // Looked at before anything is appended: what is sealed is what was there when it began.
  const all = yield* Effect.forEach(
    [streamNames.events, streamNames.webhooks, ...layout.deliveries],
    (stream) => Effect.map(streams.state(stream), (state) => ({ ...state, stream }))
  )
  for (const { created, firstSequence, lastSequence, stream } of all) {
    const begin = Math.max(1, firstSequence, (sealedTo.get(`${stream}\n${created}`) ?? 0) + 1)
    // A record at a time: what is kept in memory is of one.
    for (let from = begin; from <= lastSequence; from += sealLength) {
      const sealing = new Sealing()
      const to = Math.min(lastSequence, from + sealLength - 1)
      yield* streams.scan({ stream, filter: everySubject, from, to, onMessage: (message) => sealing.take(message) })
      sealing.end()
      if (!sealing.worthwhile) continue
      const record: SealRecord = {
        v: 1,
        kind: "sealed",
        at: new Date(brokerTime).toISOString(),
        seal: ++number,
        previous: last,
        stream,
        created,
        blocks: sealing.blocks
      }
      const data = encodeSeal(record)
      const { sequence } = yield* log.append({
        subject: sealSubject,
        data,
        messageId: `sealed.${sha256(data)}`,
        expectedLastSubjectSequence: lastOfSubject
      })
      lastOfSubject = sequence
      last = sha256(data)
      seals++
      messages += to - from + 1
    }
  }
  return { seals, messages, last }
})
