import type { StoredMessage } from "../../broker/Streams.ts"
import type { Findings } from "./Findings.ts"
import type { Part } from "./Plan.ts"
import { digestOf, sealLength, sha256 } from "./Seal.ts"
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

/** How many messages that were removed in a row are told from as many that were altered. */
const mostInARow = sealLength

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
  /** All of the stream, in order, and which of them is the first in the range that is read. */
  readonly #blocks: ReadonlyArray<Block>
  readonly #begin: number
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
    { first, stream, streamLast, to }: Pick<Part, "stream" | "first" | "to" | "streamLast">,
    blocks: ReadonlyArray<Block>,
    findings: Findings,
    state?: SealCheckState
  ) {
    // What is sealed behind the end of a stream was removed.
    const isWithin = (block: Block) => block.first_seq >= first && (block.last_seq <= to || to >= streamLast)
    this.#stream = stream
    this.#findings = findings
    this.#blocks = blocks
    this.#begin = blocks.findIndex(isWithin)
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
    const { first_seq: first, last_seq: last, sha256: expected } = block
    const length = last - first + 1
    this.counts.checked += length
    const found: Array<Uint8Array> = []
    for (let sequence = first; sequence <= last; sequence++) {
      const digest = this.#window.get(sequence - this.#shift)
      if (digest !== undefined) found.push(digest)
    }
    if (sha256(Buffer.concat(found)) !== expected) {
      const named = this.#differences(block)
      if (found.length < length && this.#doubtful.length < doubtfulKept) this.#doubtful.push({ first, length, named })
      else this.#name(named)
    }
    this.#index++
    for (const sequence of this.#window.keys()) if (sequence <= last - this.#shift) this.#window.delete(sequence)
  }

  #differences({ first_seq: first, last_seq: last }: Block): ReadonlyArray<Named> {
    const named: Array<Named> = []
    const sealed = this.#sealedFrom(this.#begin + this.#index)
    // Looked for behind the block until it was in vain once: else each of a stream that was written anew would be, all the way.
    let reach = sealed.length
    let sequence = first
    while (sequence <= last) {
      const at = 4 * (sequence - first)
      const here = this.#digestAt(sequence)
      if (here !== undefined && sealed.subarray(at, at + 4).equals(here)) {
        sequence++
        continue
      }
      const behind = this.#digestAt(sequence + 1)
      const moved = here && placeOf(here, behind, sealed.subarray(0, reach), at + 4)
      if (here !== undefined && moved === undefined) {
        reach = Math.min(reach, 4 * (last - first + 2))
        named.push({ kind: "altered", sequence: sequence++, what: "not the message that was sealed" })
        continue
      }
      // What was behind it stands in its place, if something does: the stream was filled anew without those between.
      const missing = moved === undefined ? 1 : Math.min((moved - at) / 4, last - sequence + 1)
      if (moved !== undefined) this.#shift += missing
      for (const end = sequence + missing; sequence < end; sequence++) {
        named.push({ kind: "removed", sequence, what: "sealed, and not there any more" })
      }
    }
    if (named.length > 0) return named
    return [{ kind: "altered", sequence: first, what: `among those to ${last} that are not as they were sealed` }]
  }

  /** Of the message that stands where this sequence should, by what was taken out before it. */
  #digestAt(sequence: number): Uint8Array | undefined {
    return this.#window.get(sequence - this.#shift)?.subarray(0, 4)
  }

  /** The digests of a block, and of those that follow on it without a gap. */
  #sealedFrom(index: number): Buffer {
    const digests: Array<Buffer> = []
    let next: number | undefined
    let length = 0
    for (let block = this.#blocks[index]; block !== undefined && length <= mostInARow; block = this.#blocks[++index]) {
      if (next !== undefined && block.first_seq !== next) break
      digests.push(Buffer.from(block.digests, "base64"))
      next = block.last_seq + 1
      length += block.last_seq - block.first_seq + 1
    }
    return Buffer.concat(digests)
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

/**
 * Where a message that was moved is in a row of digests, four bytes each, from an offset on, so that the one behind it follows on it there as well;
 * undefined: nowhere.
 */
const placeOf = (
  here: Uint8Array,
  behind: Uint8Array | undefined,
  sealed: Buffer,
  from: number
): number | undefined => {
  for (let at = sealed.indexOf(here, from); at !== -1; at = sealed.indexOf(here, at + 1)) {
    const next = sealed.subarray(at + 4, at + 8)
    if (at % 4 === 0 && (behind === undefined || next.length === 0 || next.equals(behind))) return at
  }
  return undefined
}
