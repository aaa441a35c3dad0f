import type { Delivery, LiveEvent } from "../api/Contract.ts"
import { type Filters, matches } from "./Filters.ts"
import { newer, patched } from "./Patches.ts"

/**
 * A history that is scrolled through: its pages as the API's cursors chain them, the newest first. Of every page that was seen its size stays,
 * so that nothing on the screen moves; the deliveries themselves are kept of the pages near the view alone, and asked for again by their
 * cursor when they come near it. States of its end:
 *
 *   more ──the view comes near──> asking ──a page──> more | done | full
 *                                   │ ──a page of few, time and again──> paused ──by hand──> asking
 *                                   └ ──refused──> failed ──by hand──> asking
 *
 * What happens to a delivery of a kept page is put into its row. A new delivery moves nothing: it is counted, until `restart` asks for the
 * first page anew. Bounds: `keptPages` pages, `mostPages` sizes, `mostFresh` ids of new deliveries, `mostEarly` events while the first
 * page is on its way.
 */

export interface Answered {
  readonly data: ReadonlyArray<Delivery>
  readonly next: string | null
  /** Messages that the history had not read yet. */
  readonly behind?: number
}

export type Ask = (cursor: string | undefined, signal: AbortSignal) => Promise<Answered>

interface Page {
  readonly cursor: string | undefined
  start: number
  size: number
  /** The id of its first delivery: where the page before ends. */
  first: string | undefined
  /** The id of its last delivery: where the page behind begins. */
  last: string | undefined
  /** undefined: given back. */
  rows: Array<Delivery> | undefined
  asked: boolean
}

/** Deliveries a page, the API's most. */
export const pageSize = 100
const keptPages = 8
/** 150,000 deliveries: taller than their rows no browser makes a page. From there the filter by time goes on. */
const mostPages = 1500
const mostFresh = 1000
const mostEarly = 500
/** The API looks at a bounded number of entries, and a page that holds fewer than this was such a look. */
const few = 10
/** So many of them in a row, and it is left to the reader whether to look on. */
const mostLooks = 5
/** Rows before the end of what is known, where the next page is asked for. */
const ahead = 40

export class Listing {
  end: "more" | "asking" | "paused" | "failed" | "done" | "full" = "more"
  /** Of `failed`. */
  error: unknown = null
  /** The first page is being asked for anew, and what is shown is that of before. */
  restarting = false
  /** Why it could not be asked for anew; null: it could, or nobody wanted it. */
  notRestarted: unknown = null
  /** The first page may lack what has happened already. */
  behind = false
  private pages: Array<Page> = []
  private next: string | null = null
  private looks = 0
  private wanted: readonly [first: number, last: number] = [0, 0]
  /** When the newest that is shown was published; its page may have been given back. */
  private newest = ""
  private fresh = new Map<string, string>()
  private early: Array<LiveEvent> = []
  private began = false
  private version = 0
  private abort = new AbortController()
  private readonly watchers = new Set<() => void>()
  private readonly ask: Ask
  private readonly filters: Filters

  constructor(ask: Ask, filters: Filters) {
    this.ask = ask
    this.filters = filters
  }

  readonly watch = (watcher: () => void): () => void => {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  /** Another number whenever anything has changed. */
  readonly getVersion = (): number => this.version

  /** Deliveries that are known of, kept or not. */
  get size(): number {
    const last = this.pages.at(-1)
    return last === undefined ? 0 : last.start + last.size
  }

  /** The first page has come. */
  get loaded(): boolean {
    return this.began
  }

  /** It looks further back than a page's worth, for there is little that fits. */
  get looking(): boolean {
    return this.looks > 0
  }

  /** How many new ones there are; `more`: at least. */
  get news(): { readonly count: number; readonly more: boolean } {
    return { count: this.fresh.size, more: this.fresh.size >= mostFresh }
  }

  /** Kept pages, at most `keptPages`. */
  get kept(): number {
    return this.pages.filter(({ rows }) => rows !== undefined).length
  }

  /** undefined: given back, or there is none. */
  at(index: number): Delivery | undefined {
    const page = this.pages[this.pageOf(index)]
    return page?.rows?.[index - page.start]
  }

  /** The rows from `first` to `last` are in view: what lacks of them is asked for, what is far from them given back. */
  need(first: number, last: number): void {
    this.wanted = [first, last]
    // A little more than is seen, so that it is there when it comes into view.
    const from = Math.max(0, this.pageOf(first - ahead))
    const to = Math.min(this.pages.length - 1, this.pageOf(last + ahead))
    for (let index = from; index <= to; index++) void this.load(index)
    this.giveBack()
    if (last >= this.size - ahead && this.end === "more") void this.goOn()
  }

  /** On from where it failed or paused. */
  lookFurther(): void {
    if (this.end !== "paused" && this.end !== "failed") return
    this.looks = 0
    void this.goOn()
  }

  /** The first page anew, with what is new in it; what is shown stays until it has come. */
  async restart(): Promise<void> {
    if (this.restarting || !this.began) return
    this.restarting = true
    this.notRestarted = null
    this.changed()
    const { signal } = this.abort
    try {
      const answered = await this.ask(undefined, signal)
      this.abort.abort()
      this.abort = new AbortController()
      this.pages = []
      this.looks = 0
      const oldest = answered.data.at(-1)?.published_at ?? ""
      const shown = new Set(answered.data.map(({ id }) => id))
      // The stream may be ahead of the history: what is not in the page yet stays announced.
      for (const [id, publishedAt] of this.fresh) {
        if (shown.has(id) || publishedAt < oldest) this.fresh.delete(id)
      }
      this.take(undefined, answered)
    } catch (error) {
      if (!signal.aborted) this.notRestarted = error
    }
    this.restarting = false
    this.changed()
  }

  /** Asks anew for what is kept near the view: rows are brought up to date where they are, and what came before the first is announced. */
  async refresh(): Promise<void> {
    // The stream is back, and with it the server.
    if (this.end === "failed") this.lookFurther()
    if (!this.began) return
    const { signal } = this.abort
    const [first, last] = this.wanted
    const near = new Set([0, this.pageOf(first), this.pageOf(last)])
    for (const index of near) {
      const page = this.pages[index]
      if (index !== 0 && page?.rows === undefined) continue
      const answered = await this.ask(page?.cursor, signal).catch(() => undefined)
      if (answered === undefined || signal.aborted) return
      if (index === 0) this.behind = (answered.behind ?? 0) > 0
      for (const delivery of answered.data) this.put(delivery, false)
    }
    this.changed()
  }

  apply(events: ReadonlyArray<LiveEvent>): void {
    if (!this.began) {
      this.early.push(...events)
      this.early.splice(0, this.early.length - mostEarly)
      return
    }
    const before = this.version
    let touched = false
    for (const event of events) {
      if (event.type !== "test") touched = this.put(event.delivery, event.type === "delivery") || touched
    }
    if (touched && this.version === before) this.changed()
  }

  /** It is shown: asks for the first page, or goes on where `close` ended it. */
  open(): void {
    if (this.abort.signal.aborted) this.abort = new AbortController()
    if (this.end === "asking") this.end = "more"
    if (!this.began) void this.goOn()
  }

  /** Nothing more is asked for. */
  close(): void {
    this.abort.abort()
    for (const page of this.pages) page.asked = false
  }

  /** A delivery as it is now. True: something that is shown has changed. */
  private put(delivery: Delivery, withoutAttempt: boolean): boolean {
    for (const page of this.pages) {
      const place = page.rows?.findIndex(({ id }) => id === delivery.id) ?? -1
      const row = page.rows?.[place]
      if (page.rows === undefined || row === undefined) continue
      if (!newer(row, delivery)) return false
      page.rows[place] = patched(row, delivery, withoutAttempt)
      return true
    }
    if (!matches(this.filters, delivery)) return this.fresh.delete(delivery.id)
    if (delivery.published_at < this.newest || this.fresh.has(delivery.id) || this.fresh.size >= mostFresh) return false
    this.fresh.set(delivery.id, delivery.published_at)
    return true
  }

  private async goOn(): Promise<void> {
    const { signal } = this.abort
    this.end = "asking"
    this.error = null
    this.changed()
    const cursor = this.began ? this.next ?? undefined : undefined
    try {
      const answered = await this.ask(cursor, signal)
      if (signal.aborted) return
      this.take(cursor, answered)
    } catch (error) {
      if (!signal.aborted) this.fail(error)
    }
  }

  /** The next page has come. */
  private take(cursor: string | undefined, { behind = 0, data: answered, next }: Answered): void {
    const data = this.unseen(answered)
    if (cursor === undefined) {
      this.newest = data[0]?.published_at ?? ""
      this.behind = behind > 0
    }
    if (data.length > 0) {
      this.pages.push({
        cursor,
        start: this.size,
        size: data.length,
        first: data[0]?.id,
        last: data.at(-1)?.id,
        rows: [...data],
        asked: false
      })
    }
    this.next = next
    this.looks = next !== null && data.length < few ? this.looks + 1 : 0
    this.end = next === null
      ? "done"
      : this.pages.length >= mostPages
      ? "full"
      : this.looks >= mostLooks
      ? "paused"
      : "more"
    if (!this.began) {
      this.began = true
      this.apply(this.early)
      this.early = []
    }
    this.giveBack()
    this.changed()
    // There is room left, or nothing came that would make the view ask.
    if (this.end === "more" && (data.length === 0 || this.wanted[1] >= this.size - ahead)) void this.goOn()
  }

  /**
   * Without what a kept page has: by a filter, a delivery whose status changes between two questions may come at the end of one page and at the
   * beginning of the next.
   */
  private unseen(data: ReadonlyArray<Delivery>): ReadonlyArray<Delivery> {
    const seen = new Set(this.pages.flatMap(({ last, rows }) => rows === undefined ? [last] : rows.map(({ id }) => id)))
    return data.filter(({ id }) => !seen.has(id))
  }

  private fail(error: unknown): void {
    this.end = "failed"
    this.error = error
    this.changed()
  }

  /** Asks again for a page that was given back. */
  private async load(index: number): Promise<void> {
    const page = this.pages[index]
    if (page === undefined || page.rows !== undefined || page.asked) return
    page.asked = true
    const { signal } = this.abort
    // Refused: its place stays empty, and it is asked for again when it comes into view the next time.
    const answered = await this.ask(page.cursor, signal).catch(() => undefined)
    if (signal.aborted) return
    page.asked = false
    if (answered === undefined) return
    const { data } = answered
    const [before, behind] = [this.pages[index - 1]?.last, this.pages[index + 1]?.first]
    const start = before === undefined ? -1 : data.findIndex(({ id }) => id === before)
    const end = behind === undefined ? -1 : data.findIndex(({ id }) => id === behind)
    page.rows = data.slice(start + 1, end === -1 ? data.length : end)
    if (page.rows.length !== page.size) this.resize(index, page.rows.length)
    this.giveBack()
    this.changed()
  }

  private resize(index: number, size: number): void {
    const page = this.pages[index]
    if (page === undefined) return
    page.size = size
    for (let each = index + 1; each < this.pages.length; each++) {
      const before = this.pages[each - 1]
      const following = this.pages[each]
      if (before !== undefined && following !== undefined) following.start = before.start + before.size
    }
  }

  /** The farthest from the view go first. */
  private giveBack(): void {
    const kept = this.pages.flatMap(({ rows }, index) => rows === undefined ? [] : [index])
    if (kept.length <= keptPages) return
    const middle = this.pageOf((this.wanted[0] + this.wanted[1]) / 2)
    const farthest = kept.sort((one, other) => Math.abs(other - middle) - Math.abs(one - middle))
    for (const index of farthest.slice(0, kept.length - keptPages)) {
      const page = this.pages[index]
      if (page !== undefined) page.rows = undefined
    }
  }

  /** The page that has the row, or the last; -1: there is none. */
  private pageOf(row: number): number {
    let low = 0
    let high = this.pages.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((this.pages[middle]?.start ?? 0) <= row) low = middle
      else high = middle - 1
    }
    return high
  }

  private changed(): void {
    this.version += 1
    for (const watcher of this.watchers) watcher()
  }
}
