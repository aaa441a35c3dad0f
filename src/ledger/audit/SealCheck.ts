import { Either } from "effect"
import type { StoredMessage } from "../../broker/Streams.ts"
import type { Findings } from "./Findings.ts"
import { decodeSeal, digestOf, type SealRecord, sha256 } from "./Seal.ts"

type Block = SealRecord["blocks"][number]

export interface SealCounts {
  readonly seals: number
  /** SHA-256 of the last seal's bytes; keep it elsewhere, and nobody can make all seals anew. */
  readonly last: string | null
  /** Messages whose block was looked at. */
  readonly checked: number
  /** Those whose block has left the stream, as a whole or in part, and those outside of what was read. */
  readonly aged: number
  readonly outside: number
}

export interface SealCheckState {
  readonly digests: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>>
}

/** What was read of a stream. */
interface ReadRange {
  readonly first: number
  readonly to: number
  /** Of the stream now. */
  readonly streamFirst: number
}

/** Recomputes seals from what a reader passes by. 32 bytes a sealed message of the range are kept for it, about 150 with what they are kept in. */
export class SealCheck {
  readonly #findings: Findings
  readonly #blocks = new Map<string, Array<Block>>()
  readonly #digests: Map<string, Map<number, Uint8Array>>
  readonly #created: ReadonlyMap<string, string>
  #seals = 0
  #last: string | null = null
  #checked = 0
  #aged = 0
  #outside = 0

  /** `created`: of the streams as they are, by name. */
  constructor(findings: Findings, created: ReadonlyMap<string, string>, state?: SealCheckState) {
    this.#findings = findings
    this.#created = created
    this.#digests = new Map(Array.from(state?.digests ?? [], ([stream, known]) => [stream, new Map(known)]))
  }

  /** A seal, in order. The first that is there may be any: those before it age out. */
  seal({ data, sequence }: Pick<StoredMessage, "data" | "sequence">, stream: string): void {
    const decoded = decodeSeal(Buffer.from(data).toString())
    if (Either.isLeft(decoded)) return this.#broken(stream, sequence, "it cannot be read")
    const { blocks, created, previous, seal, stream: sealed } = decoded.right
    if (this.#last !== null && previous !== this.#last) {
      this.#broken(stream, sequence, `seal ${seal} does not name the one before it: one is gone, or was changed`)
    }
    if (this.#last === null && previous === null && seal !== 1) {
      this.#broken(stream, sequence, `seal ${seal} says that it is the first`)
    }
    this.#seals++
    this.#last = sha256(data)
    if (this.#created.get(sealed) !== created) return
    const known = this.#blocks.get(sealed) ?? []
    known.push(...blocks)
    this.#blocks.set(sealed, known)
  }

  /** Whether anything of a stream is sealed. */
  covers(stream: string): boolean {
    return this.#blocks.has(stream)
  }

  take(message: StoredMessage, stream: string): void {
    const last = this.#blocks.get(stream)?.at(-1)?.last_seq
    if (last === undefined || message.sequence > last) return
    let known = this.#digests.get(stream)
    if (known === undefined) {
      known = new Map()
      this.#digests.set(stream, known)
    }
    known.set(message.sequence, digestOf(message))
  }

  /** Once a stream is read. */
  check(stream: string, { first, streamFirst, to }: ReadRange): void {
    const actual = this.#digests.get(stream) ?? new Map<number, Uint8Array>()
    /** How many sequences were taken out so far, so that what is behind them has come forward. */
    let shift = 0
    const blocks = this.#blocks.get(stream) ?? []
    for (const [index, block] of blocks.entries()) {
      const length = block.last_seq - block.first_seq + 1
      if (block.first_seq < streamFirst) this.#aged += length
      else if (block.first_seq < first || block.last_seq > to) this.#outside += length
      else {
        this.#checked += length
        shift = this.#checkBlock(stream, block, blocks[index + 1], actual, shift)
      }
    }
  }

  get counts(): SealCounts {
    return {
      seals: this.#seals,
      last: this.#last,
      checked: this.#checked,
      aged: this.#aged,
      outside: this.#outside
    }
  }

  dump(): SealCheckState {
    return { digests: new Map(Array.from(this.#digests, ([stream, known]) => [stream, new Map(known)])) }
  }

  /** Gives how many sequences were taken out up to its end. */
  #checkBlock(
    stream: string,
    { digests, first_seq: first, last_seq: last, sha256: expected }: Block,
    next: Block | undefined,
    actual: ReadonlyMap<number, Uint8Array>,
    before: number
  ): number {
    // With the first of the next block, by which it is seen that the last of this one was taken out.
    const following = next?.first_seq === last + 1 ? next.digests.slice(0, 8) : ""
    const sealed = Buffer.concat([Buffer.from(digests, "base64"), Buffer.from(following, "base64").subarray(0, 4)])
    const found: Array<Uint8Array> = []
    for (let sequence = first; sequence <= last; sequence++) {
      const digest = actual.get(sequence - before)
      if (digest !== undefined) found.push(digest)
    }
    if (sha256(Buffer.concat(found)) === expected) return before
    let shift = before
    let named = 0
    for (let sequence = first; sequence <= last; sequence++) {
      const at = 4 * (sequence - first)
      const is = (digest: Uint8Array | undefined, offset: number): boolean =>
        digest !== undefined && sealed.subarray(offset, offset + 4).equals(digest.subarray(0, 4))
      const here = actual.get(sequence - shift)
      if (is(here, at)) continue
      named++
      // What was behind it stands in its place: the stream was filled anew without it.
      const moved = is(here, at + 4)
      if (here === undefined || moved) {
        this.#name("removed", stream, sequence, "sealed, and not there any more")
        if (moved) shift++
      } else this.#name("altered", stream, sequence, "not the message that was sealed")
    }
    if (named === 0) {
      this.#name("altered", stream, first, `among sequences ${first} to ${last}, not as they were sealed`)
    }
    return shift
  }

  #name(kind: "altered" | "removed", stream: string, sequence: number, what: string): void {
    this.#findings.add(kind, () => ({ message: `sequence ${sequence}: ${what}`, stream, sequence }))
  }

  #broken(stream: string, sequence: number, message: string): void {
    this.#findings.add("altered", () => ({ message, stream, sequence }))
  }
}
