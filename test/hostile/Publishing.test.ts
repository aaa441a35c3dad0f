import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { headers as natsHeaders, type JetStreamClient, type MsgHdrs } from "nats"
import { createdOf } from "../../src/broker/StreamIdentity.ts"
import { bundled } from "../../src/model/Catalogue.ts"
import { eventIdAt } from "../../src/model/Id.ts"
import { product } from "../support/product.ts"
import { natsClient } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, until } from "../support/until.ts"
import { again, githubPayloads, jsonCorpus, naughtyStrings, seed } from "./Corpora.ts"
import { counts, faults } from "./Store.ts"

/** What is published: bytes on a subject, and, where it is an event for sure, the bytes of its `data`. */
interface Message {
  readonly subject: string
  readonly body: Uint8Array
  readonly headers?: ReadonlyArray<readonly [string, string]>
  readonly data?: string
}

const workspaces = ["ws_1", "ws_2"]
const types = [...bundled.types.keys()].filter((type) => !/^(webhook|delivery)\./.test(type))
const bytes = (text: string) => new TextEncoder().encode(text)

/** As an event of its own, and as what is inside of one. */
const fromCorpora: ReadonlyArray<Message> = [
  ...jsonCorpus.flatMap(({ input }) => [
    { subject: "events.ws_1.task.created", body: bytes(input) },
    { subject: "events.ws_1.task.created", body: bytes(`{"data":${input}}`) },
    { subject: "events.ws_2.task.created", body: bytes(`{"data":{"v": ${input} }}`) }
  ]),
  ...naughtyStrings.flatMap((text) => {
    const data = `{"text":${JSON.stringify(text)}}`
    return [
      { subject: "events.ws_1.project.created", body: bytes(`{"data":${data}}`), data },
      { subject: "events.ws_1.project.created", body: bytes(text) },
      { subject: "events.ws_1.project.created", body: bytes(JSON.stringify({ id: text, data: {} })) },
      { subject: "events.ws_1.project.created", body: bytes(JSON.stringify({ [text]: 1, data: {} })) }
    ]
  }),
  ...githubPayloads.map((payload) => {
    const data = JSON.stringify(payload, null, 1)
    return { subject: "events.ws_2.member.joined", body: bytes(`{"data":${data}}`), data }
  })
]

const token = fc.oneof(
  fc.constantFrom("ws_1", "ws_2", "task", "created", "*", ">", "_", "$JS", "EVENTS", "__proto__", "constructor"),
  fc.string({ unit: "binary", minLength: 1, maxLength: 80 }).map((text) => text.replaceAll(/[\s.\0\ufffd]/g, "-")),
  fc.stringMatching(/^[A-Za-z0-9_-]{1,70}$/)
).filter((text) => text !== "")
const subject = fc.oneof(
  fc.array(token, { minLength: 1, maxLength: 6 }).map((tokens) => `events.${tokens.join(".")}`),
  fc.tuple(fc.constantFrom(...workspaces), fc.constantFrom(...types)).map((parts) => `events.${parts.join(".")}`)
)
const envelope = fc.record({
  id: fc.oneof(fc.string(), fc.uuid()),
  event: fc.oneof(fc.constantFrom(...types), fc.string()),
  timestamp: fc.oneof(fc.date({ noInvalidDate: true }).map((date) => date.toISOString()), fc.string(), fc.integer()),
  workspace_id: fc.oneof(fc.constantFrom(...workspaces), fc.string()),
  data: fc.oneof(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), fc.jsonValue()),
  extra: fc.jsonValue()
}, { requiredKeys: [] })
const body = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }),
  envelope.map((value) => bytes(JSON.stringify(value))),
  fc.object().map((data) => bytes(JSON.stringify({ data }))),
  // An event of which one byte was changed, or the end is missing.
  fc.tuple(envelope, fc.nat(), fc.nat(255), fc.boolean()).map(([value, at, byte, cut]) => {
    const whole = bytes(JSON.stringify({ data: {}, ...value }))
    if (cut) return whole.slice(0, at % whole.length)
    whole[at % whole.length] = byte
    return whole
  })
)
const headerText = fc.string({ unit: "grapheme-ascii", maxLength: 60 }).map((text) => text.trim())
const header = fc.tuple(
  fc.oneof(
    fc.constantFrom(
      "Nats-Msg-Id",
      "Nats-Rollup",
      "Nats-TTL",
      "Nats-Expected-Stream",
      "Nats-Expected-Last-Sequence",
      "Nats-Expected-Last-Subject-Sequence",
      "traceparent",
      "tracestate",
      "Hookline-Event-Id",
      "Hookline-Event-Time",
      "Hookline-Released",
      "Hookline-Reason",
      "Hookline-Sequence"
    ),
    fc.stringMatching(/^[A-Za-z-]{1,30}$/)
  ),
  fc.oneof(headerText, fc.constantFrom("all", "sub", "1", "0", "1h", "ws_1/x", "ws_2/y", "a b", "EVENTS"))
)
const message: fc.Arbitrary<Message> = fc.record({ subject, body, headers: fc.array(header, { maxLength: 4 }) })

const headersOf = (message: Message): MsgHdrs => {
  const found = natsHeaders()
  for (const [name, value] of message.headers ?? []) found.set(name, value)
  return found
}

/** Publishes all, some at a time; those that the stream took as new, by their sequence. Also: how many it refused. */
const publishAll = (js: JetStreamClient, messages: ReadonlyArray<Message>) =>
  Effect.promise(async () => {
    const taken = new Map<number, Message>()
    let refused = 0
    let next = 0
    const lane = async () => {
      for (let message = messages[next++]; message !== undefined; message = messages[next++]) {
        try {
          const options = { headers: headersOf(message), timeout: 10_000 }
          const { duplicate, seq } = await js.publish(message.subject, message.body, options)
          if (!duplicate) taken.set(seq, message)
        } catch {
          refused++
        }
      }
    }
    await Promise.all(Array.from({ length: 32 }, lane))
    return { taken, refused }
  })

const repeated = "deliveries.*.*._.duplicate"

/** The same id in two workspaces is two events. */
const workspaceOf = (sent: string): string => (JSON.parse(sent) as { readonly workspace_id: string }).workspace_id

/** A body that went out, without what hookline puts around `data`. */
const dataOf = (sent: string): string =>
  /^\{"id":"[^"]*","event":"[^"]*","timestamp":"[^"]*","workspace_id":"[^"]*","data":([^]*)\}$/.exec(sent)?.[1] ?? sent

/** Its id (CONTRACT 4): the body's, else the one of a release, else the publisher's header, else the one that is made. */
const idOf = ({ headers = [], subject }: Message, text: string, made: string): string => {
  const { id } = JSON.parse(text) as { readonly id?: string }
  if (id !== undefined) return id
  // Of two headers of one name the last is what was sent; an empty one says nothing.
  const sent = new Map(headers)
  const header = (name: string) => sent.get(name) || undefined
  const released = header("Hookline-Released") === undefined ? undefined : header("Hookline-Event-Id")
  const prefix = `${subject.split(".")[1]}/`
  const named = header("Nats-Msg-Id")
  return released ?? ((named?.startsWith(prefix) === true ? named.slice(prefix.length) : named) || made)
}

describe("hostile publishers", () => {
  for (
    const { messages, name } of [
      { name: "corpora: JSONTestSuite, naughty strings, GitHub's payloads", messages: () => fromCorpora },
      {
        name: `any subject below events., any bytes, any headers; ${again}`,
        messages: () => fc.sample(message, { numRuns: 4_000, seed })
      }
    ]
  ) {
    it.scopedLive(
      `${name}: each is delivered byte for byte, or stands in quarantine byte for byte`,
      () =>
        Effect.gen(function*() {
          const endpoint = yield* receiver()
          const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m", HOOKLINE_LOG_LEVEL: "debug" } })
          for (const workspace of workspaces) yield* addWebhook(hookline, { url: endpoint.url }, workspace)
          const client = yield* natsClient(hookline.natsUrl())
          const manager = yield* Effect.promise(() => client.jetstreamManager())
          const before = yield* counts(manager)
          const all = messages()
          const { refused, taken } = yield* publishAll(client.jetstream(), all)
          expect(taken.size).toBeGreaterThan(all.length / 2)
          expect((yield* counts(manager))["EVENTS"]).toBe((before["EVENTS"] ?? 0) + taken.size)

          // The last of each partition: what came before them has been looked at once they have arrived.
          for (const workspace of workspaces) {
            const last = bytes(`{"id":"evt_last_${workspace}","data":{}}`)
            yield* Effect.promise(() => client.jetstream().publish(`events.${workspace}.task.created`, last))
          }
          const quarantined = new Map<number, { readonly body: Buffer; readonly reason: string }>()
          let read = 1
          /** Of events that repeat an id: a name that is short, or a header that claims one. */
          const repeats = new Set<number>()
          const readRepeats = Effect.promise(async () => {
            for (let stream = 0; stream < 4; stream++) {
              const name = `DELIVERIES-${stream}`
              const { state } = await manager.streams.info(name, { subjects_filter: repeated })
              const count = Object.values(state.subjects ?? {}).reduce((sum, messages) => sum + messages, 0)
              if (count === 0) continue
              const consumer = await client.jetstream().consumers.get(name, { filterSubjects: repeated })
              for await (const found of await consumer.fetch({ max_messages: count, expires: 5_000 })) {
                repeats.add(found.json<{ readonly event_seq: number }>().event_seq)
              }
            }
          })
          const readQuarantine = Effect.promise(async () => {
            const { state } = await manager.streams.info("QUARANTINE")
            for (; read <= state.last_seq; read++) {
              const found = await manager.streams.getMessage("QUARANTINE", { seq: read })
              quarantined.set(Number(found.header.get("Hookline-Sequence")), {
                body: Buffer.from(found.data),
                reason: found.header.get("Hookline-Reason")
              })
            }
          })
          const bodies = () => endpoint.arrivals.map(({ body }) => body.toString("utf8"))
          yield* until(
            "the last events",
            Effect.sync(bodies),
            (sent) => workspaces.every((workspace) => sent.some((text) => text.includes(`evt_last_${workspace}`))),
            40_000
          )
          const isOfNobody = ({ subject }: Message) => !workspaces.includes(subject.split(".")[1] ?? "")
          const settled = () =>
            endpoint.arrivals.length - workspaces.length + quarantined.size + repeats.size >=
              taken.size -
                [...taken].filter(([seq, one]) => !quarantined.has(seq) && !repeats.has(seq) && isOfNobody(one)).length
          yield* until(
            "all are delivered or in quarantine",
            Effect.zipRight(readQuarantine, readRepeats),
            settled,
            40_000
          )

          // Byte for byte, each where it belongs.
          const arrived = new Map(endpoint.arrivals.map(({ body, id }) => {
            const text = body.toString("utf8")
            return [`${workspaceOf(text)}/${id}`, dataOf(text)]
          }))
          const created = createdOf(yield* Effect.promise(() => manager.streams.info("EVENTS")))
          let delivered = 0
          for (const [sequence, one] of taken) {
            const kept = quarantined.get(sequence)
            if (kept !== undefined) {
              expect(kept.body.equals(Buffer.from(one.body)), one.subject).toBe(true)
              expect(kept.reason).toMatch(/^[a-z_0-9]+$/)
              expect(one.data, "an event for sure").toBeUndefined()
            } else if (!repeats.has(sequence) && !isOfNobody(one)) {
              delivered++
              const text = Buffer.from(one.body).toString("utf8")
              const id = idOf(one, text, eventIdAt(created, sequence))
              const data = arrived.get(`${one.subject.split(".")[1]}/${id}`)
              expect(data, `${one.subject} ${text.slice(0, 200)}`).toBeDefined()
              if (one.data === undefined) expect(text).toContain(data)
              else expect(data).toBe(one.data)
            }
          }
          expect(endpoint.arrivals.length).toBe(delivered + workspaces.length)
          expect(delivered).toBeGreaterThan(0)
          expect(quarantined.size + delivered + repeats.size).toBeGreaterThan(taken.size * 0.9)
          // It lives, is well, and nothing happened that nobody had thought of.
          expect((yield* hookline.api("GET", "/readyz")).status).toBe(200)
          expect(faults(hookline.output())).toEqual([])
          expect(refused).toBeLessThan(all.length / 2)
        }),
      60_000
    )
  }
})
