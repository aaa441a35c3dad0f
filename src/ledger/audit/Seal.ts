/**
 * Seals: what messages of a stream were, as SHA-256, in records of kind `sealed` in a DELIVERIES stream. Each names the one before it by a hash of its
 * bytes, so that none can be left out or changed alone. A block of 256 messages has a hash of its own, and four bytes of each message's, so that what
 * is altered or removed is named by its sequence.
 */
import { Schema } from "effect"
import { createHash, hash } from "node:crypto"
import type { StoredMessage } from "../../broker/Streams.ts"
import { headerNames, sealSubject } from "../../broker/Subjects.ts"

/** Messages of a block, and blocks of a record: one of 16,384 messages takes about 95 KB. */
export const blockLength = 256
const mostBlocks = 64
export const sealLength = blockLength * mostBlocks

const Block = Schema.Struct({
  first_seq: Schema.Int,
  last_seq: Schema.Int,
  sha256: Schema.String,
  /** Base64 of the first four bytes of each message's hash. */
  digests: Schema.String
})

const SealRecord = Schema.Struct({
  v: Schema.Literal(1),
  kind: Schema.Literal("sealed"),
  at: Schema.String,
  /** Counts the seals from 1. */
  seal: Schema.Int,
  /** Of the seal before it: SHA-256 of its bytes. */
  previous: Schema.NullOr(Schema.String),
  stream: Schema.String,
  /** When that stream was made. */
  created: Schema.String,
  blocks: Schema.Array(Block)
})
export type SealRecord = typeof SealRecord.Type

const json = Schema.parseJson(SealRecord)
export const decodeSeal = Schema.decodeUnknownEither(json)
export const encodeSeal = Schema.encodeSync(json)

export const sha256 = (data: Uint8Array | string): string => hash("sha256", data, "hex")

const headers = [...Object.values(headerNames), "Traceparent", "Tracestate"]

/** Of a message: its subject, the headers that mean something to hookline, its bytes. Not its time, which a stream that is filled anew has not. */
export const digestOf = ({ data, header, subject }: Pick<StoredMessage, "data" | "header" | "subject">): Uint8Array => {
  const known = headers.flatMap((name) => {
    const value = header(name)
    return value === undefined ? [] : [`${name}: ${value}\n`]
  })
  return createHash("sha256").update(`${subject}\n${known.join("")}\n`).update(data).digest()
}

/** Makes the blocks of a range, message by message. */
export class Sealing {
  readonly blocks: Array<SealRecord["blocks"][number]> = []
  #first = 0
  #last = 0
  #digests: Array<Uint8Array> = []
  /** There is something beside seals, which name each other anyway. */
  worthwhile = false

  take(message: StoredMessage): void {
    // A block has no gap: what is not there when it is sealed is a finding of the audit.
    if (message.sequence !== this.#last + 1) this.end()
    if (this.#digests.length === 0) this.#first = message.sequence
    if (message.subject !== sealSubject) this.worthwhile = true
    this.#last = message.sequence
    this.#digests.push(digestOf(message))
    if (this.#digests.length === blockLength) this.end()
  }

  /** Ends the block that is begun. */
  end(): void {
    if (this.#digests.length === 0) return
    this.blocks.push({
      first_seq: this.#first,
      last_seq: this.#last,
      sha256: sha256(Buffer.concat(this.#digests)),
      digests: Buffer.concat(this.#digests.map((digest) => digest.subarray(0, 4))).toString("base64")
    })
    this.#digests = []
  }
}
