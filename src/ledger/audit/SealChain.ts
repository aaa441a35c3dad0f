import { Either } from "effect"
import type { StoredMessage } from "../../broker/Streams.ts"
import type { Findings } from "./Findings.ts"
import { blockLength, decodeSeal, type SealRecord, sha256 } from "./Seal.ts"

export type Block = SealRecord["blocks"][number]

const none: ReadonlyArray<Block> = []

/** The seals that are there: each names the one before it. The blocks of a stream are in order, and none overlaps another. */
export class SealChain {
  readonly #findings: Findings
  readonly #created: ReadonlyMap<string, string>
  readonly #whole: boolean
  readonly #blocks = new Map<string, Array<Block>>()
  /** How many messages are sealed of streams that are not there any more, by their names. */
  readonly #gone = new Map<string, number>()
  #seals = 0
  #last: string | null = null

  /** `created`: of the streams as they are, by name. `whole`: nothing has left the stream in which the seals are. */
  constructor(findings: Findings, created: ReadonlyMap<string, string>, whole: boolean) {
    this.#findings = findings
    this.#created = created
    this.#whole = whole
  }

  /** A seal, in order. The first that is there may be any, unless the stream is whole: those before it age out. */
  take({ data, sequence }: Pick<StoredMessage, "data" | "sequence">, stream: string): void {
    const decoded = decodeSeal(Buffer.from(data).toString())
    if (Either.isLeft(decoded)) return this.#broken(stream, sequence, "it cannot be read")
    const { blocks, created, previous, seal, stream: sealed } = decoded.right
    if (this.#last !== null && previous !== this.#last) {
      this.#broken(stream, sequence, `seal ${seal} does not name the one before it: one is gone, or was changed`)
    }
    if (this.#last === null && previous !== null && this.#whole) {
      this.#broken(stream, sequence, `those before seal ${seal} are gone, and none has left the stream`)
    }
    if (this.#last === null && previous === null && seal !== 1) {
      this.#broken(stream, sequence, `seal ${seal} says that it is the first`)
    }
    this.#seals++
    this.#last = sha256(data)
    if (this.#created.get(sealed) !== created) {
      const length = blocks.reduce((sum, block) => sum + block.last_seq - block.first_seq + 1, 0)
      this.#gone.set(sealed, (this.#gone.get(sealed) ?? 0) + length)
      return
    }
    const known = this.#blocks.get(sealed) ?? []
    for (const block of blocks) {
      const length = block.last_seq - block.first_seq + 1
      const fits = block.first_seq > (known.at(-1)?.last_seq ?? 0) && length >= 1 && length <= blockLength &&
        Buffer.from(block.digests, "base64").length === 4 * length
      if (fits) known.push(block)
      else this.#broken(stream, sequence, `seal ${seal} has a block from ${block.first_seq} that cannot be one`)
    }
    this.#blocks.set(sealed, known)
  }

  /** What is sealed of a stream. */
  blocks(stream: string): ReadonlyArray<Block> {
    return this.#blocks.get(stream) ?? none
  }

  /** What is sealed, and cannot be compared: its stream was made anew without saying that it is the same, or is not there. */
  get gone(): ReadonlyArray<string> {
    return Array.from(
      this.#gone,
      ([stream, count]) => `${count} messages were sealed of another ${stream} than there is`
    )
  }

  get seals(): number {
    return this.#seals
  }

  /** SHA-256 of the last seal's bytes. */
  get last(): string | null {
    return this.#last
  }

  #broken(stream: string, sequence: number, message: string): void {
    this.#findings.add("altered", () => ({ message, stream, sequence }))
  }
}
