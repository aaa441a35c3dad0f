import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { connect, headers, type StoredMsg } from "nats"
import { AppendLog } from "../../../src/broker/AppendLog.ts"
import { publishedSubject } from "../../../src/broker/Subjects.ts"
import { audit, AuditProgress } from "../../../src/ledger/audit/Audit.ts"
import { sealStreams } from "../../../src/ledger/audit/SealStreams.ts"
import { bundled } from "../../../src/model/Catalogue.ts"
import { brokerLayer, TestBroker } from "../../support/broker.ts"

const count = 700
const body = (index: number) => JSON.stringify({ n: index, text: "what was recorded" })

/** Records of a kind that nobody folds, in two partitions' streams, and events that are owed to nobody. */
const filled = Effect.gen(function*() {
  const log = yield* AppendLog
  for (let index = 1; index <= count; index++) {
    yield* Effect.all([
      log.append({ subject: "deliveries.1.ws_1.wh_1.test", data: body(index) }),
      log.append({ subject: "deliveries.0.ws_1.wh_1.test", data: body(index) }),
      log.append({ subject: "events.ws_1.project.created", data: JSON.stringify({ id: `evt_${index}`, data: {} }) })
    ], { concurrency: "unbounded" })
  }
})

interface Copy {
  readonly subject: string
  readonly data: Uint8Array
  readonly messageId: string | undefined
}

/** Makes a stream anew, as somebody with all rights could, with what `change` makes of its messages. */
const refilled = (url: string, stream: string, change: (messages: Array<Copy>) => void) =>
  Effect.promise(async () => {
    const nats = await connect({ servers: url })
    const manager = await nats.jetstreamManager()
    const { config, state } = await manager.streams.info(stream)
    const copies: Array<Copy> = []
    for (let sequence = state.first_seq; sequence <= state.last_seq; sequence++) {
      const { data, header, subject }: StoredMsg = await manager.streams.getMessage(stream, { seq: sequence })
      copies.push({ subject: publishedSubject(subject), data, messageId: header?.get("Nats-Msg-Id") || undefined })
    }
    change(copies)
    await manager.streams.delete(stream)
    await manager.streams.add(config)
    const js = nats.jetstream()
    for (const { data, messageId, subject } of copies) {
      const header = headers()
      if (messageId !== undefined) header.set("Nats-Msg-Id", messageId)
      await js.publish(subject, data, { headers: header })
    }
    await nats.close()
  })

const isSeal = ({ subject }: Copy) => subject.endsWith(".sealed")

/** Kind, stream and sequence of what is found. */
const found = Effect.map(audit({ catalogue: bundled }, new AuditProgress()), ({ findings, sealed }) => ({
  found: findings.map(({ kind, sequence, stream }) => `${kind} ${stream} ${sequence}`),
  sealed
}))

it.scopedLive("names what was altered and what was removed since it was sealed", () =>
  Effect.gen(function*() {
    const { url } = yield* TestBroker
    yield* filled
    const first = yield* sealStreams
    expect(first.messages).toBe(3 * count)
    expect(yield* sealStreams, "nothing is new but seals").toEqual({ seals: 0, messages: 0, last: first.last })
    yield* Effect.flatMap(AppendLog, (log) => log.append({ subject: "deliveries.1.ws_1.wh_1.test", data: body(0) }))
    const second = yield* sealStreams
    expect(second).toMatchObject({ seals: 1, messages: 1 })
    const whole = yield* found
    expect(whole.found).toEqual([])
    expect(whole.sealed).toMatchObject({ last: second.last, checked: 3 * count + 1, aged: 0, outside: 0 })

    yield* refilled(url, "DELIVERIES-1", () => undefined)
    expect((yield* found).found, "a faithful copy").toEqual([])
    yield* refilled(url, "DELIVERIES-1", (messages) => {
      for (const index of [299, 300]) messages[index] = { ...messages[index]!, data: Buffer.from("{}") }
    })
    expect((yield* found).found).toEqual(["altered DELIVERIES-1 300", "altered DELIVERIES-1 301"])
    yield* refilled(url, "DELIVERIES-1", (messages) => {
      for (const index of [299, 300]) messages[index] = { ...messages[index]!, data: Buffer.from(body(index + 1)) }
      messages.splice(511, 1)
      messages.splice(10, 1)
    })
    expect((yield* found).found, "the last of a block too").toEqual([
      "removed DELIVERIES-1 11",
      "removed DELIVERIES-1 512"
    ])

    yield* refilled(
      url,
      "EVENTS",
      (messages) => void messages.splice(0, 1, { ...messages[0]!, messageId: "ws_1/other" })
    )
    expect((yield* found).found).toContain("altered EVENTS 1")
  }).pipe(Effect.provide(brokerLayer())), 60_000)

it.scopedLive("sees that a seal itself was changed, or is gone", () =>
  Effect.gen(function*() {
    const { url } = yield* TestBroker
    const log = yield* AppendLog
    for (let round = 0; round < 3; round++) {
      yield* log.append({ subject: "deliveries.1.ws_1.wh_1.test", data: body(round) })
      yield* sealStreams
    }
    expect((yield* found).found).toEqual([])
    yield* refilled(url, "DELIVERIES-0", (messages) => {
      const seals = messages.filter(isSeal)
      messages.splice(messages.indexOf(seals[1]!), 1)
    })
    const { found: missing } = yield* found
    expect(missing.some((one) => one.startsWith("altered DELIVERIES-0"))).toBe(true)
  }).pipe(Effect.provide(brokerLayer())), 60_000)
