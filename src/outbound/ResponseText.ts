const kept = 16_384
const read = 65_536

/** What is kept of a response: at most 16 KiB as text, of at most 64 KiB that are read (CONTRACT 8). */
export class ResponseText {
  #bytes: Uint8Array | undefined
  #length = 0
  #owned = false
  #total = 0

  /** The response is longer than what is read of one. */
  get exceeded(): boolean {
    return this.#total > read
  }

  add(chunk: Uint8Array): void {
    this.#total += chunk.length
    if (this.#bytes === undefined) {
      // Most responses are one small chunk: no copy.
      this.#bytes = chunk
      this.#length = Math.min(chunk.length, kept)
      return
    }
    if (this.#length >= kept) return
    if (!this.#owned) {
      const own = Buffer.allocUnsafe(kept)
      own.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = own
      this.#owned = true
    }
    const part = chunk.subarray(0, kept - this.#length)
    this.#bytes.set(part, this.#length)
    this.#length += part.length
  }

  /**
   * As UTF-8, invalid bytes replaced; undefined for an empty response. At most 16 KiB, as bytes received and as text
   * (a replaced byte becomes three); no character is cut in two.
   */
  get text(): string | undefined {
    if (this.#bytes === undefined || this.#length === 0) return undefined
    const whole = this.#total <= kept
    const text = decode(this.#bytes.subarray(0, this.#length), whole)
    return Buffer.byteLength(text) <= kept ? text : decode(Buffer.from(text).subarray(0, kept), false)
  }
}

const decode = (bytes: Uint8Array, whole: boolean): string =>
  whole
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")
    // As a stream the decoder keeps back a character that is not complete.
    : new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes, { stream: true })
