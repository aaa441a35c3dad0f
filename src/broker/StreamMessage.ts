import { Option } from "effect"
import type { Msg } from "nats"
import type { StoredMessage } from "./Streams.ts"

/** A message that a consumer delivered, with what its reply subject says about it (ADR-15). */
export interface Delivered extends StoredMessage {
  readonly reply: string
  /** How often it was delivered, from 1. */
  readonly deliveries: number
  /** Counts the consumer's deliveries, from 1 without a gap. */
  readonly consumerSequence: number
  /** How many more match after this one, as far as the consumer knows. */
  readonly pending: number
}

/**
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<consumer sequence>.<time>.<pending>`, or the longer form with domain and account
 * before the stream and perhaps a token after. None for any other message.
 */
export const delivered = (message: Msg): Option.Option<Delivered> => {
  const reply = message.reply ?? ""
  const parts = reply.split(".")
  if (parts[0] !== "$JS" || parts[1] !== "ACK" || parts.length < 9) return Option.none()
  const start = parts.length === 9 ? 4 : 6
  return Option.some({
    subject: message.subject,
    sequence: Number(parts[start + 1]),
    // Nanoseconds exceed what a number holds exactly.
    time: Number(parts[start + 3]?.slice(0, -6)),
    data: message.data,
    header: (name) => message.headers?.get(name) || undefined,
    reply,
    deliveries: Number(parts[start]),
    consumerSequence: Number(parts[start + 2]),
    pending: Number(parts[start + 4])
  })
}

/** The answer of a direct get; none when there is no such message. */
export const direct = (message: Msg): Option.Option<StoredMessage> => {
  const headers = message.headers
  const sequence = Number(headers?.get("Nats-Sequence"))
  if (headers === undefined || !(sequence > 0)) return Option.none()
  return Option.some({
    subject: headers.get("Nats-Subject"),
    sequence,
    time: Date.parse(headers.get("Nats-Time-Stamp")),
    data: message.data,
    header: (name) => headers.get(name) || undefined
  })
}

/** A message as `STREAM.MSG.GET` answers it. */
export interface GotMessage {
  readonly message: {
    readonly subject: string
    readonly seq: number
    readonly time: string
    readonly data?: string
    readonly hdrs?: string
  }
}

/** The first value of a header in a block that starts with `NATS/1.0`. */
const headerIn = (block: string, name: string): string | undefined => {
  const prefix = `${name}:`
  const line = block.split("\r\n").find((line) => line.startsWith(prefix))
  return line?.slice(prefix.length).trim() || undefined
}

export const got = ({ message }: GotMessage): StoredMessage => {
  const block = message.hdrs === undefined ? "" : Buffer.from(message.hdrs, "base64").toString()
  return {
    subject: message.subject,
    sequence: message.seq,
    time: Date.parse(message.time),
    data: Buffer.from(message.data ?? "", "base64"),
    header: (name) => headerIn(block, name)
  }
}
