import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { attempted, type Circuit, closed, isOpen } from "../../src/endpoint/Circuit.ts"
import { Fifo } from "../../src/endpoint/Fifo.ts"
import { Heap } from "../../src/endpoint/Heap.ts"
import { afterAttempt, allowed, initial, type Lanes } from "../../src/endpoint/Lanes.ts"
import { full, nextToken, take, type TokenBucket } from "../../src/endpoint/TokenBucket.ts"

const fail = (circuit: Circuit, at: number, probe = false) => attempted(circuit, { answered: false, probe, at })

const tenTimes = (circuit: Circuit) =>
  Array.from({ length: 10 }).reduce<Circuit>((current) => fail(current, 0), circuit)

const after = (lanes: Lanes, ...results: ReadonlyArray<boolean>) =>
  results.reduce((current, success) => afterAttempt(current, success, 16), lanes)

describe("Heap", () => {
  it("gives what it was given, least first", () => {
    fc.assert(fc.property(fc.array(fc.integer()), (numbers) => {
      const heap = new Heap<number>((number) => number)
      for (const number of numbers) heap.push(number)
      const popped = Array.from(numbers, () => heap.pop())
      expect(popped).toEqual([...numbers].sort((left, right) => left - right))
      expect(heap.pop()).toBeUndefined()
    }))
  })
})

describe("Fifo", () => {
  it("is an array that is taken from the front", () => {
    fc.assert(fc.property(fc.array(fc.option(fc.integer(), { nil: undefined }), { maxLength: 400 }), (steps) => {
      const fifo = new Fifo<number>()
      const model: Array<number> = []
      for (const step of steps) {
        if (step === undefined) expect(fifo.shift()).toBe(model.shift())
        else {
          fifo.push(step)
          model.push(step)
        }
        expect(fifo.size).toBe(model.length)
        expect(fifo.peek()).toBe(model[0])
      }
      expect(fifo.drain()).toEqual(model)
    }))
  })
})

describe("Circuit", () => {
  it("opens at the tenth attempt in a row without an answer", () => {
    const nine = Array.from({ length: 9 }).reduce<Circuit>((current) => fail(current, 0), closed)
    expect(isOpen(nine)).toBe(false)
    expect(fail(nine, 5)).toMatchObject({ openedAt: 5, probeAt: 30_005 })
    expect(isOpen(fail(attempted(nine, { answered: true, probe: false, at: 1 }), 2))).toBe(false)
  })

  it("probes after 30 s, doubling to 5 min; only probes count", () => {
    let circuit = tenTimes(closed)
    expect(fail(circuit, 1_000)).toBe(circuit)
    const delays: Array<number> = []
    for (let probe = 0; probe < 6; probe++) {
      const at = circuit.probeAt
      circuit = fail(circuit, at, true)
      delays.push(circuit.probeAt - at)
    }
    expect(delays).toEqual([60_000, 120_000, 240_000, 300_000, 300_000, 300_000])
  })

  it("any answer closes it", () => {
    expect(attempted(tenTimes(closed), { answered: true, probe: false, at: 9 })).toEqual(closed)
  })
})

describe("Lanes", () => {
  it("double on success up to the concurrency, fall to one after three failures in a row", () => {
    expect(initial.limit).toBe(4)
    expect(after(initial, true).limit).toBe(8)
    expect(after(initial, true, true, true, true).limit).toBe(16)
    expect(after(initial, false, false).limit).toBe(4)
    expect(after(initial, false, false, true, false).limit).toBe(8)
    expect(after(initial, false, false, false).limit).toBe(1)
    expect(after(initial, false, false, false, true, true).limit).toBe(4)
  })

  it("never more than the webhook says", () => {
    expect(allowed(initial, 2)).toBe(2)
    expect(allowed({ limit: 16, failures: 0 }, 8)).toBe(8)
  })
})

describe("TokenBucket", () => {
  it("never lets more through than its rate and one second's burst", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.nat(200), { maxLength: 300 }), (rate, gaps) => {
      let bucket: TokenBucket = full(rate, 0)
      let at = 0
      let taken = 0
      for (const gap of gaps) {
        at += gap
        const next = take(bucket, rate, at)
        if (next === undefined) expect(nextToken(bucket, rate, at)).toBeGreaterThan(at)
        else {
          bucket = next
          taken++
        }
      }
      expect(taken).toBeLessThanOrEqual(rate + rate * at / 1000 + 1e-6)
    }))
  })

  it("has a token when it said it would", () => {
    const empty: TokenBucket = { tokens: 0, at: 0 }
    expect(nextToken(empty, 0.5, 0)).toBe(2_000)
    expect(take(empty, 0.5, 1_999)).toBeUndefined()
    expect(take(empty, 0.5, 2_000)).toEqual({ tokens: 0, at: 2_000 })
  })
})
