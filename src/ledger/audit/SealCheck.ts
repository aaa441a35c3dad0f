import type { StoredMessage } from "../../broker/Streams.ts"
import type { Findings } from "./Findings.ts"
import { digestOf, sha256 } from "./Seal.ts"
import type { Block } from "./SealChain.ts"

interface Named {
  readonly kind: "altered" | "removed"
  readonly sequence: number
  readonly what: string
}

/** A block of which messages are not there: they were removed, unless it turns out to have left the stream. */
interface Doubtful {
  readonly first: number
  readonly length: number
  readonly named: ReadonlyArray<Named>
}

/** So many blocks may be in doubt; of further ones it is said at once. */
const doubtfulKept = 100

export interface CheckedCounts {
  /** Messages whose block was looked at. */
  checked: number
  /** Those whose block has left the stream, as a whole or in part, and those outside of what was read. */
  aged: number
  outside: number
}

export interface SealCheckState {
  /** Up to the end of the last block that was compared. */
  readonly compared: number
  readonly shift: number
  readonly window: ReadonlyMap<number, Uint8Array>
  readonly doubtful: ReadonlyArray<Doubtful>
  readonly counts: CheckedCounts
}

/** Computes the seals of a stream anew from what a reader passes by, block by block: the hashes of one block are kept, 256 at most. */
export class SealCheck {
  readonly counts: CheckedCounts
  readonly #stream: string
  readonly #findings: Findings
  /** In the range that is read, in order. */
  readonly #within: ReadonlyArray<Block>
  readonly #without: ReadonlyArray<Block>
  /** By sequence. */
  readonly #window: Map<number, Uint8Array>
  readonly #doubtful: Array<Doubtful>
  #index: number
  /** How many sequences were taken out so far, so that what is behind them has come forward: the stream was filled anew. */
  #shift: number

  constructor(
    { first, stream, to }: { readonly stream: string; readonly first: number; readonly to: number },
    blocks: ReadonlyArray<Block>,
    findings: Findings,
    state?: SealCheckState
  ) {
    const isWithin = (block: Block) => block.first_seq >= first && block.last_seq <= to
    this.#stream = stream
    this.#findings = findings
    this.#within = blocks.filter(isWithin)
    this.#without = blocks.filter((block) => !isWithin(block))
    this.#window = new Map(state?.window)
    this.#doubtful = [...state?.doubtful ?? []]
    const compared = state?.compared ?? 0
    const index = this.#within.findIndex(({ first_seq }) => first_seq > compared)
    this.#index = index === -1 ? this.#within.length : index
    this.#shift = state?.shift ?? 0
    this.counts = { ...state?.counts ?? { checked: 0, aged: 0, outside: 0 } }
  }

  /** A message of the stream, in order. */
  take(message: StoredMessage): void {
    const { sequence } = message
    for (let block = this.#within[this.#index]; block !== undefined; block = this.#within[this.#index]) {
      if (sequence < block.first_seq - this.#shift) return
      const end = block.last_seq - this.#shift
      if (sequence <= end) this.#window.set(sequence, digestOf(message))
      if (sequence < end) return
      this.#compare(block)
      // Behind the block, or kept for the next: something that was taken out has moved it there.
      if (sequence <= end) return
    }
  }

  /** Once the stream is read. `streamFirst`: its first sequence now. */
  end(streamFirst: number): void {
    for (let block = this.#within[this.#index]; block !== undefined; block = this.#within[this.#index]) {
      this.#compare(block)
    }
    for (const { first, length, named } of this.#doubtful) {
      if (first >= streamFirst) this.#name(named)
      else {
        this.counts.checked -= length
        this.counts.aged += length
      }
    }
    for (const { first_seq: first, last_seq: last } of this.#without) {
      this.counts[first < streamFirst ? "aged" : "outside"] += last - first + 1
    }
  }

  dump(): SealCheckState {
    return {
      compared: this.#within[this.#index - 1]?.last_seq ?? 0,
      shift: this.#shift,
      window: new Map(this.#window),
      doubtful: [...this.#doubtful],
      counts: { ...this.counts }
    }
  }

  #compare(block: Block): void {
    const { digests, first_seq: first, last_seq: last, sha256: expected } = block
    const next = this.#within[++this.#index]
    const length = last - first + 1
    this.counts.checked += length
    const found: Array<Uint8Array> = []
    for (let sequence = first; sequence <= last; sequence++) {
      const digest = this.#window.get(sequence - this.#shift)
      if (digest !== undefined) found.push(digest)
    }
    if (sha256(Buffer.concat(found)) !== expected) {
      // With the first of the next block, by which it is seen that the last of this one was taken out.
      const following = next?.first_seq === last + 1 ? next.digests.slice(0, 8) : ""
      const sealed = Buffer.concat([Buffer.from(digests, "base64"), Buffer.from(following, "base64").subarray(0, 4)])
      const named = this.#differences(first, last, sealed)
      if (found.length < length && this.#doubtful.length < doubtfulKept) this.#doubtful.push({ first, length, named })
      else this.#name(named)
    }
    for (const sequence of this.#window.keys()) if (sequence <= last - this.#shift) this.#window.delete(sequence)
  }

  #differences(first: number, last: number, sealed: Buffer): ReadonlyArray<Named> {
    const named: Array<Named> = []
    for (let sequence = first; sequence <= last; sequence++) {
      const at = 4 * (sequence - first)
      const here = this.#window.get(sequence - this.#shift)
      const is = (offset: number): boolean =>
        here !== undefined && sealed.subarray(offset, offset + 4).equals(here.subarray(0, 4))
      if (is(at)) continue
      // What was behind it stands in its place: the stream was filled anew without it.
      const moved = is(at + 4)
      if (here === undefined || moved) {
        named.push({ kind: "removed", sequence, what: "sealed, and not there any more" })
        if (moved) this.#shift++
      } else named.push({ kind: "altered", sequence, what: "not the message that was sealed" })
    }
    if (named.length > 0) return named
    return [{ kind: "altered", sequence: first, what: `among those to ${last} that are not as they were sealed` }]
  }

  #name(named: ReadonlyArray<Named>): void {
    for (const { kind, sequence, what } of named) {
      this.#findings.add(kind, () => ({
        message: `sequence ${sequence}: ${what}`,
        stream: this.#stream,
        sequence
      }))
    }
  }
}
