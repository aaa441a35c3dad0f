import { describe, expect, it } from "@effect/vitest"
import type { StoredMessage } from "../../../src/broker/Streams.ts"
import { sealSubject } from "../../../src/broker/Subjects.ts"
import { Findings } from "../../../src/ledger/audit/Findings.ts"
import { encodeSeal, Sealing, sha256 } from "../../../src/ledger/audit/Seal.ts"
import { type Block, SealChain } from "../../../src/ledger/audit/SealChain.ts"
import { SealCheck } from "../../../src/ledger/audit/SealCheck.ts"

const stream = "DELIVERIES-1"
const count = 1000

const message = (sequence: number, text = `record ${sequence}`): StoredMessage => ({
  subject: "deliveries.1.ws_1.wh_1.test",
  sequence,
  time: 0,
  data: Buffer.from(text),
  header: () => undefined
})

const between = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index)
const removed = (...sequences: ReadonlyArray<number>) => sequences.map((one) => `removed ${one}`)

const original = Array.from({ length: count }, (_, index) => message(index + 1))
const blocks = (() => {
  const sealing = new Sealing()
  for (const one of original) sealing.take(one)
  sealing.end()
  return sealing.blocks
})()

/** The stream filled anew: what is behind what was taken out comes forward. */
const filledAnew = (messages: ReadonlyArray<StoredMessage>): ReadonlyArray<StoredMessage> =>
  messages.map((one, index) => ({ ...one, sequence: index + 1 }))
const without = (...sequences: ReadonlyArray<number>) =>
  original.filter(({ sequence }) => !sequences.includes(sequence))
const altered = (...sequences: ReadonlyArray<number>) =>
  original.map((one) => sequences.includes(one.sequence) ? message(one.sequence, "another") : one)

interface Case {
  readonly name: string
  readonly messages: ReadonlyArray<StoredMessage>
  readonly first?: number
  /** Up to the end of the stream, unless given. */
  readonly to?: number
  readonly streamFirst?: number
  readonly found: ReadonlyArray<string>
  readonly counts?: SealCheck["counts"]
}

const cases: ReadonlyArray<Case> = [
  { name: "as it was", messages: original, found: [], counts: { checked: 1000, aged: 0, outside: 0 } },
  { name: "altered", messages: altered(1, 300, 512, 1000), found: [1, 300, 512, 1000].map((one) => `altered ${one}`) },
  { name: "taken out", messages: without(11, 257, 512), found: removed(11, 257, 512) },
  {
    name: "filled anew without some, in each block and at its ends",
    messages: filledAnew(without(1, 11, 256, 300, 512, 900)),
    found: removed(1, 11, 256, 300, 512, 900)
  },
  {
    name: "filled anew without the last of a block, and the last block ends behind the stream",
    messages: filledAnew(without(11, 512)),
    found: removed(11, 512)
  },
  {
    name: "filled anew without several in a row",
    messages: filledAnew(without(...between(20, 24), ...between(250, 260))),
    found: removed(...between(20, 24), ...between(250, 260))
  },
  {
    name: "filled anew without more than a block in a row",
    messages: filledAnew(without(3, ...between(100, 699), 998)),
    found: removed(3, ...between(100, 699), 998)
  },
  {
    name: "filled anew without its end",
    messages: original.slice(0, 600),
    found: removed(...between(601, 1000)),
    counts: { checked: 1000, aged: 0, outside: 0 }
  },
  {
    name: "filled anew without its end and some before it",
    messages: filledAnew(without(5, 6, ...between(998, 1000))),
    found: removed(5, 6, 998, 999, 1000)
  },
  {
    name: "filled anew without some, and what is not sealed yet has come forward",
    messages: filledAnew([...without(7, 999), message(1001), message(1002)]),
    found: removed(7, 999)
  },
  {
    name: "filled anew without some, one was altered before them, and one behind",
    messages: filledAnew(altered(19, 40).filter(({ sequence }) => ![20, 21, 22].includes(sequence))),
    found: ["altered 19", ...removed(20, 21, 22), "altered 40"]
  },
  {
    name: "one is a copy of a later one, and of an earlier one",
    messages: original.map((one) => [300, 600].includes(one.sequence) ? message(one.sequence, "record 310") : one),
    found: ["altered 300", "altered 600"]
  },
  {
    name: "read up to the middle of a block",
    messages: filledAnew(without(512)).slice(0, 700),
    to: 700,
    found: removed(512),
    counts: { checked: 512, aged: 0, outside: 488 }
  },
  {
    name: "filled anew without some, and altered behind them",
    messages: filledAnew(altered(700).filter(({ sequence }) => sequence !== 20)),
    found: ["removed 20", "altered 700"]
  },
  {
    name: "the first has left while it was read",
    messages: original.slice(300),
    streamFirst: 301,
    found: [],
    counts: { checked: 488, aged: 512, outside: 0 }
  },
  {
    name: "begun in the middle of a block",
    messages: original.slice(299),
    first: 300,
    found: [],
    counts: { checked: 488, aged: 0, outside: 512 }
  }
]

/** Interrupted now and then, as a checkpoint would keep it. */
const checked = ({ first = 1, messages, streamFirst = 1, to }: Case, interruptedEvery: number) => {
  const last = messages.at(-1)?.sequence ?? 0
  const part = { stream, first, to: to ?? last, streamLast: to === undefined ? last : count }
  let findings = new Findings()
  let check = new SealCheck(part, blocks, findings)
  let most = 0
  for (const one of messages) {
    if (one.sequence % interruptedEvery === 0) {
      findings = new Findings(structuredClone(findings.dump()))
      check = new SealCheck(part, blocks, findings, structuredClone(check.dump()))
    }
    check.take(one)
    most = Math.max(most, check.dump().window.size)
  }
  check.end(streamFirst)
  const found = findings.dump().kept.map(({ kind, sequence }) => `${kind} ${sequence}`)
  return { found, counts: check.counts, most }
}

describe("seals compared block by block", () => {
  for (const one of cases) {
    it(one.name, () => {
      const whole = checked(one, Infinity)
      expect(whole.found).toEqual(one.found)
      if (one.counts !== undefined) expect(whole.counts).toEqual(one.counts)
      expect(whole.most, "hashes of no more than one block").toBeLessThanOrEqual(256)
      expect(checked(one, 7), "interrupted").toEqual(whole)
    })
  }
})

/** A seal; the hash of its bytes is what the next one names. */
const seal = (number: number, sealed: ReadonlyArray<Block>, previous: string | null = null, created = "then") => {
  const data = Buffer.from(encodeSeal({
    v: 1,
    kind: "sealed",
    at: "2026-11-24T00:00:00.000Z",
    seal: number,
    previous,
    stream,
    created,
    blocks: sealed
  }))
  return { subject: sealSubject, sequence: number, data, hash: sha256(data) }
}

const taken = (seals: ReadonlyArray<ReturnType<typeof seal>>, whole = true) => {
  const findings = new Findings()
  const chain = new SealChain(findings, new Map([[stream, "then"]]), whole)
  for (const one of seals) chain.take(one, "DELIVERIES-0")
  return { broken: findings.dump().kept.length, blocks: chain.blocks(stream).length, gone: chain.gone }
}

describe("the chain of seals", () => {
  const [one, two, three, four] = blocks as [Block, Block, Block, Block]

  it("takes blocks that follow on each other", () =>
    expect(taken([seal(1, blocks)])).toEqual({ broken: 0, blocks: 4, gone: [] }))
  it("refuses blocks that overlap", () =>
    expect(taken([seal(1, [one, one, two])])).toMatchObject({ broken: 1, blocks: 2 }))
  it("refuses a block that is longer than one is, or has other digests than messages", () => {
    expect(taken([seal(1, [{ ...one, last_seq: 1_000_000 }])])).toMatchObject({ broken: 1, blocks: 0 })
    expect(taken([seal(1, [{ ...one, last_seq: 255 }])])).toMatchObject({ broken: 1, blocks: 0 })
  })

  const first = seal(1, [one])
  const second = seal(2, [two], first.hash)
  const third = seal(3, [three, four], second.hash)
  it("sees that one in the middle is gone, or was changed", () => {
    expect(taken([first, second, third])).toMatchObject({ broken: 0, blocks: 4 })
    expect(taken([first, third])).toMatchObject({ broken: 1 })
    expect(taken([first, seal(2, [], first.hash), third])).toMatchObject({ broken: 1 })
  })
  it("sees that the first are gone, unless they may have left the stream", () => {
    expect(taken([second, third])).toMatchObject({ broken: 1, blocks: 3 })
    expect(taken([second, third], false)).toMatchObject({ broken: 0, blocks: 3 })
    expect(taken([seal(2, [two])], false)).toMatchObject({ broken: 1 })
  })
  it("says what was sealed of a stream that is not there any more", () =>
    expect(taken([seal(1, [one, two], null, "before")])).toEqual({
      broken: 0,
      blocks: 0,
      gone: ["512 messages were sealed of another DELIVERIES-1 than there is"]
    }))
})
