import { describe, expect, it, vi } from "vitest"
import type { Delivery, LiveEvent } from "../../../src/surface/dashboard/api/Contract.ts"
import { type Answered, Listing, pageSize } from "../../../src/surface/dashboard/deliveries/Listing.ts"

/** The 1,000th second of 2025 is `publishedAt(1000)`. */
const publishedAt = (second: number): string => new Date(Date.UTC(2025, 0, 1) + second * 1000).toISOString()

const delivery = (number: number, more: Partial<Delivery> = {}): Delivery => ({
  id: `dlv_${number}`,
  webhook_id: "wh_1",
  event_id: `evt_${number}`,
  event_type: "project.created",
  status: "retrying",
  attempts: 1,
  last_status: 500,
  last_error: "the endpoint answered 500",
  last_latency_ms: 12,
  next_attempt_at: null,
  held_reason: null,
  published_at: publishedAt(number),
  updated_at: publishedAt(number),
  ...more
})

const changed = (one: Delivery, status: Delivery["status"]): LiveEvent => ({
  type: "delivery",
  delivery: { ...one, status, last_status: null, last_error: null, updated_at: publishedAt(1e6) }
})

/** A history of `most` deliveries, the newest first, and what was asked of it. */
const history = (most: number) => {
  const asked: Array<string | undefined> = []
  let newest = most
  return {
    asked,
    add: (number: number) => {
      newest += number
    },
    ask: async (cursor: string | undefined): Promise<Answered> => {
      asked.push(cursor)
      const from = cursor === undefined ? newest : Number(cursor)
      const data = Array.from({ length: Math.min(pageSize, from) }, (_, index) => delivery(from - index))
      return { data, next: from > pageSize ? String(from - pageSize) : null }
    }
  }
}

const until = (accept: () => boolean) => vi.waitUntil(accept, { interval: 1 })
const settled = (listing: Listing) => until(() => listing.end !== "asking" && listing.end !== "more")

describe("a listing", () => {
  it("follows a long history, keeps few of its pages, and asks for them again", async () => {
    const { ask, asked } = history(5000)
    const listing = new Listing(ask, {})
    for (let row = 0; row < 5000; row += 20) {
      listing.need(row, row + 20)
      await until(() => listing.size === 5000 || listing.size > row + 60)
      expect(listing.kept).toBeLessThanOrEqual(8)
    }
    await settled(listing)
    expect([listing.size, listing.end, asked.length]).toEqual([5000, "done", 50])
    expect(listing.at(4999)?.id).toBe("dlv_1")
    expect(listing.at(0)).toBeUndefined()
    listing.need(0, 20)
    await until(() => listing.at(0) !== undefined)
    expect([listing.at(0)?.id, listing.at(99)?.id, listing.size]).toEqual(["dlv_5000", "dlv_4901", 5000])
  })

  it("looks further back by itself, so often and no more", async () => {
    let looks = 0
    const listing = new Listing(async () => {
      looks += 1
      return { data: looks === 8 ? [delivery(3)] : [], next: looks === 9 ? null : String(looks) }
    }, { status: "failed" })
    listing.need(0, 0)
    await settled(listing)
    expect([listing.end, looks, listing.looking]).toEqual(["paused", 5, true])
    listing.lookFurther()
    await settled(listing)
    expect([listing.end, looks, listing.size]).toEqual(["done", 9, 1])
  })

  it("says what failed and goes on from there", async () => {
    const { ask } = history(150)
    let failing = true
    const listing = new Listing((cursor) => failing ? Promise.reject(new Error("away")) : ask(cursor), {})
    listing.need(0, 10)
    await settled(listing)
    expect([listing.end, String(listing.error), listing.loaded]).toEqual(["failed", "Error: away", false])
    failing = false
    await listing.refresh()
    await until(() => listing.loaded)
    expect([listing.size, listing.error], "the stream is back").toEqual([100, null])
  })

  it("brings rows up to date where they are, and announces what is new without moving anything", async () => {
    const past = history(150)
    const listing = new Listing(past.ask, {})
    listing.need(0, 10)
    listing.apply([changed(delivery(149), "failed")])
    await until(() => listing.loaded)
    expect(listing.at(1)?.status, "it came before the page").toBe("failed")
    const version = listing.getVersion()
    listing.apply([
      changed(delivery(148), "succeeded"),
      changed(delivery(30), "failed"),
      changed(delivery(151), "retrying")
    ])
    expect(listing.getVersion(), "one batch, one change").toBe(version + 1)
    expect([listing.at(2)?.status, listing.at(2)?.last_status]).toEqual(["succeeded", 500])
    listing.apply([{ type: "delivery", delivery: delivery(148, { updated_at: publishedAt(1), status: "held" }) }])
    expect(listing.at(2)?.status, "an older word").toBe("succeeded")
    listing.apply([changed(delivery(151), "succeeded"), changed(delivery(152), "succeeded")])
    expect(listing.news).toEqual({ count: 2, more: false })
    expect([listing.at(0)?.id, listing.size]).toEqual(["dlv_150", 100])
    past.add(1)
    await listing.restart()
    expect([listing.at(0)?.id, listing.news.count]).toEqual(["dlv_151", 1])
  })

  it("counts of the new ones those that its filters let through", async () => {
    const { ask } = history(3)
    const listing = new Listing(ask, { status: "failed" })
    listing.need(0, 10)
    await until(() => listing.loaded)
    listing.apply([changed(delivery(10), "failed"), changed(delivery(11), "retrying"), changed(delivery(12), "failed")])
    expect(listing.news.count).toBe(2)
    listing.apply([changed(delivery(10), "succeeded")])
    expect(listing.news.count).toBe(1)
  })

  it("finds what the stream left out", async () => {
    const past = history(150)
    const listing = new Listing(past.ask, {})
    listing.need(0, 10)
    await until(() => listing.loaded)
    past.add(4)
    await listing.refresh()
    expect([listing.news.count, listing.at(0)?.id]).toEqual([4, "dlv_150"])
  })

  it("shows a delivery once that is at the end of one page and at the beginning of the next", async () => {
    const past = history(1000)
    // By a filter of a status, 901 comes into the first page's place again when another one leaves it.
    const ask = async (cursor: string | undefined): Promise<Answered> => {
      const { data, next } = await past.ask(cursor)
      return { data: cursor === "900" ? [delivery(901), ...data.slice(0, 99)] : data, next }
    }
    const listing = new Listing(ask, {})
    for (let row = 0; row < 990; row += 20) {
      listing.need(row, row + 20)
      await until(() => listing.end === "done" || listing.size > row + 60)
    }
    const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, row) => listing.at(from + row)?.id)
    listing.need(90, 110)
    await until(() => ids(0, 300).every((id) => id !== undefined))
    expect(new Set(ids(0, 300)).size, "asked for again, too").toBe(300)
    expect(ids(99, 101)).toEqual(["dlv_901", "dlv_900"])
  })

  it("knows whether its first page lacks what has happened already", async () => {
    const past = history(10)
    let behind = 3
    const listing = new Listing(async (cursor) => ({ ...await past.ask(cursor), behind }), {})
    listing.need(0, 10)
    await until(() => listing.loaded)
    expect(listing.behind).toBe(true)
    behind = 0
    await listing.refresh()
    expect(listing.behind).toBe(false)
  })

  it("keeps what it shows when the first page cannot be asked for anew", async () => {
    const past = history(50)
    let failing = false
    const listing = new Listing((cursor) => failing ? Promise.reject(new Error("away")) : past.ask(cursor), {})
    listing.need(0, 10)
    await until(() => listing.loaded)
    failing = true
    await listing.restart()
    expect([String(listing.notRestarted), listing.size, listing.end]).toEqual(["Error: away", 50, "done"])
    failing = false
    await listing.restart()
    expect([listing.notRestarted, listing.size]).toEqual([null, 50])
  })

  it("does not grow by what happens", async () => {
    const { ask } = history(10)
    const listing = new Listing(ask, {})
    listing.need(0, 10)
    await until(() => listing.loaded)
    for (let batch = 0; batch < 40; batch++) {
      listing.apply(
        Array.from({ length: 100 }, (_, index) => changed(delivery(1000 + batch * 100 + index), "succeeded"))
      )
    }
    expect(listing.news).toEqual({ count: 1000, more: true })
  })
})
