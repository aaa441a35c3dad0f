import type { StoredMessage } from "../../../src/broker/Streams.ts"

/** What a stream is made with, of what matters here. Milliseconds. */
export interface StreamSettings {
  readonly name: string
  readonly created: string
  readonly duplicateWindow: number
  /** Messages older than this are gone. */
  readonly maxAge?: number
  /** Of a subject the newest is kept only. */
  readonly onePerSubject?: boolean
}

export interface ModelAppend {
  readonly subject: string
  readonly data: Uint8Array
  readonly messageId?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly expectedLastSubjectSequence?: number | undefined
}

type Answer = { readonly sequence: number; readonly duplicate: boolean } | "conflict" | "full"

const matchers = new Map<string, (subject: string) => boolean>()

/** A filter of NATS: `*` for a token, `>` for the rest. */
export const matches = (filter: string): (subject: string) => boolean => {
  const known = matchers.get(filter)
  if (known !== undefined) return known
  const source = filter.split(".").map((token) =>
    token === "*" ? "[^.]+" : token === ">" ? ".+" : token.replace("$", "\\$")
  )
  const pattern = new RegExp(`^${source.join("\\.")}$`)
  const matcher = (subject: string) => pattern.test(subject)
  matchers.set(filter, matcher)
  return matcher
}

/** A stream as nats-server keeps it. The conformance test holds it against the real one. */
export class ModelStream {
  readonly settings: StreamSettings
  /** By sequence − 1; undefined: gone. */
  readonly messages: Array<StoredMessage | undefined> = []
  readonly #last = new Map<string, number>()
  readonly #ids = new Map<string, { readonly sequence: number; readonly time: number }>()
  /** Refuses what is new. */
  full = false

  constructor(settings: StreamSettings) {
    this.settings = settings
  }

  get lastSequence(): number {
    return this.messages.length
  }

  /** First by id, then by what is expected of the subject, as nats-server does. */
  append({ data, expectedLastSubjectSequence, headers, messageId, subject }: ModelAppend, time: number): Answer {
    const known = messageId === undefined ? undefined : this.#ids.get(messageId)
    if (known !== undefined && time - known.time < this.settings.duplicateWindow) {
      return { sequence: known.sequence, duplicate: true }
    }
    const before = this.last(subject, time)?.sequence ?? 0
    if (expectedLastSubjectSequence !== undefined && expectedLastSubjectSequence !== before) return "conflict"
    if (this.full) return "full"
    const sequence = this.messages.length + 1
    const all: Readonly<Record<string, string>> = messageId === undefined
      ? headers ?? {}
      : { ...headers, "Nats-Msg-Id": messageId }
    this.messages.push({ subject, sequence, time, data, header: (name) => all[name] })
    if (this.settings.onePerSubject === true && before > 0) this.messages[before - 1] = undefined
    this.#last.set(subject, sequence)
    if (messageId !== undefined) this.#ids.set(messageId, { sequence, time })
    return { sequence, duplicate: false }
  }

  get(sequence: number, time: number): StoredMessage | undefined {
    const message = this.messages[sequence - 1]
    const { maxAge } = this.settings
    return message !== undefined && maxAge !== undefined && time - message.time >= maxAge ? undefined : message
  }

  last(subject: string, time: number): StoredMessage | undefined {
    return this.get(this.#last.get(subject) ?? 0, time)
  }

  next(filter: string, from: number, time: number): StoredMessage | undefined {
    const isMatch = matches(filter)
    for (let sequence = Math.max(1, from); sequence <= this.messages.length; sequence++) {
      const message = this.get(sequence, time)
      if (message !== undefined && isMatch(message.subject)) return message
    }
    return undefined
  }

  sequenceAt(since: number, time: number): number {
    for (let sequence = 1; sequence <= this.messages.length; sequence++) {
      const message = this.get(sequence, time)
      if (message !== undefined && message.time >= since) return sequence
    }
    return this.messages.length + 1
  }

  subjects(filter: string, time: number): ReadonlyArray<string> {
    const isMatch = matches(filter)
    return [...this.#last.keys()].filter((subject) => isMatch(subject) && this.last(subject, time) !== undefined).sort()
  }

  purge(subject: string): void {
    for (const [index, message] of this.messages.entries()) {
      if (message?.subject === subject) this.messages[index] = undefined
    }
    this.#last.delete(subject)
  }
}
