import { Cause, Duration, Effect, Layer, Runtime, Schedule } from "effect"
import type { Msg, MsgHdrs } from "nats"
import * as Telemetry from "../Telemetry.ts"
import { type Append, type Appended, AppendFailed, AppendLog } from "./AppendLog.ts"
import { Connection } from "./Connection.ts"
import { checkSubject, headerNames } from "./Subjects.ts"

const maxInFlight = 65_536
const limit = 5000

type Settled = (result: Appended | AppendFailed) => void

interface Pending {
  readonly subject: string
  readonly sentAt: number
  readonly settled: Settled
}

type Reason = AppendFailed["reason"]

/** Error codes of nats-server (server/errors.json), as far as they are more than `refused`. */
const reasons: Readonly<Record<number, Reason>> = {
  10071: "conflict", // wrong last sequence
  10164: "conflict", // wrong last sequence, constant text
  10054: "too_large", // message size exceeds maximum allowed
  10023: "full", // insufficient resources
  10028: "full", // JetStream memory resources exceeded
  10047: "full", // insufficient storage resources
  10077: "full" // stream store failed: maximum bytes or messages exceeded, or the disk is full
}

const headerEnd = "\r\n\r\n"
const unprintable = /[^\x20-\x7e]/
const headerName = /^[A-Za-z0-9-]+$/

/** The header block of a message; what is not printable ASCII is a defect: it would be protocol of its own. */
const headerBlock = (message: Append): Uint8Array | undefined => {
  let text = ""
  const add = (name: string, value: string) => {
    if (unprintable.test(value) || !headerName.test(name)) {
      throw new Error(`header ${JSON.stringify(name)} of ${message.subject} is not printable ASCII`)
    }
    text += `\r\n${name}: ${value}`
  }
  if (message.messageId !== undefined) add(headerNames.messageId, message.messageId)
  if (message.expectedLastSubjectSequence !== undefined) {
    add("Nats-Expected-Last-Subject-Sequence", String(message.expectedLastSubjectSequence))
  }
  for (const name in message.headers) add(name, message.headers[name] ?? "")
  return text === "" ? undefined : Buffer.from(`NATS/1.0${text}${headerEnd}`, "latin1")
}

/** `…"seq":123}`: the sequence of a plain acknowledgement without parsing it; undefined for anything else. */
const plainSequence = (data: Uint8Array): number | undefined => {
  let index = data.length - 1
  if (data[index--] !== 0x7d) return undefined
  let sequence = 0
  for (let scale = 1;; scale *= 10, index--) {
    const digit = (data[index] ?? 0) - 0x30
    if (digit < 0 || digit > 9) break
    sequence += digit * scale
  }
  while (data[index] === 0x20) index--
  // `"seq":` ends in q, quote, colon; no other number of an acknowledgement is spelt so.
  return sequence > 0 && data[index] === 0x3a && data[index - 1] === 0x22 && data[index - 2] === 0x71
    ? sequence
    : undefined
}

interface Acknowledgement {
  readonly seq?: number
  readonly duplicate?: boolean
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string }
}

const failed = (reason: Reason, subject: string, detail: string) => new AppendFailed({ reason, subject, detail })

/** Reads an answer of the stream, or of the server on its behalf. */
const parse = (message: Msg, subject: string): Appended | AppendFailed => {
  const data = message.data
  const sequence = plainSequence(data)
  if (sequence !== undefined) return { sequence, duplicate: false }
  if (data.length === 0) {
    return failed("no_stream", subject, "nobody listens on the subject, or JetStream is not ready")
  }
  let answer: Acknowledgement
  try {
    answer = JSON.parse(message.string()) as Acknowledgement
  } catch {
    return failed("unacknowledged", subject, "the answer is no JSON")
  }
  if (answer.error !== undefined) {
    const code = answer.error.err_code ?? answer.error.code
    return failed(reasons[code] ?? "refused", subject, `${answer.error.description ?? "no reason given"} (${code})`)
  }
  return typeof answer.seq === "number"
    ? { sequence: answer.seq, duplicate: answer.duplicate === true }
    : failed("unacknowledged", subject, "the answer is no acknowledgement")
}

interface Ready {
  readonly message: Append
  readonly data: Uint8Array
  readonly headers: Uint8Array | undefined
  readonly settled: Settled
}

/**
 * One wildcard inbox takes all acknowledgements. What is appended within a tick is written in one go (see Tick).
 */
const make = Effect.gen(function*() {
  const connection = yield* Connection
  const { nats } = connection
  const clock = yield* Effect.clock
  const report = Runtime.runFork(yield* Effect.runtime())
  /** Milliseconds, with fractions. */
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const inbox = connection.inbox()
  const encoder = new TextEncoder()
  /** By number of the reply; in order of sending, so the oldest is the first. */
  const pending = new Map<number, Pending>()
  let outbox: Array<Ready> = []
  let next = 0
  let closed = false

  /** A callback that throws is a bug of its owner; it must take down neither the others nor the reader of the connection. */
  const settle = (settled: Settled, result: Appended | AppendFailed) => {
    if (result instanceof AppendFailed) Telemetry.appendsFailed.add(result.reason)
    try {
      settled(result)
    } catch (cause) {
      report(Effect.logError("a callback of the append log failed", Cause.die(cause)))
    }
  }
  const later = (settled: Settled, result: Appended | AppendFailed) => void setImmediate(settle, settled, result)

  const failAll = (reason: Reason, detail: string) => {
    const all = [...pending.values()]
    pending.clear()
    for (const { settled, subject } of all) later(settled, failed(reason, subject, detail))
  }

  const subscription = nats.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error !== null) return failAll("unacknowledged", error.message)
      const subject = message.subject
      const number = Number.parseInt(subject.slice(inbox.length + 1), 36)
      const entry = pending.get(number)
      if (entry === undefined) return
      pending.delete(number)
      Telemetry.appendDuration.observe((now() - entry.sentAt) / 1_000)
      settle(entry.settled, parse(message, entry.subject))
    }
  })

  const flush = () => {
    const batch = outbox
    outbox = []
    const connected = connection.isConnected()
    const sentAt = now()
    for (const { data, headers, message, settled } of batch) {
      if (!connected || closed) {
        settle(settled, failed("disconnected", message.subject, "not connected to the broker"))
        continue
      }
      const number = next++
      const reply = `${inbox}.${number.toString(36)}`
      try {
        nats.publish(message.subject, data, headers === undefined ? { reply } : { reply, headers: raw(headers) })
      } catch (cause) {
        settle(settled, failed("disconnected", message.subject, cause instanceof Error ? cause.message : String(cause)))
        continue
      }
      pending.set(number, { subject: message.subject, sentAt, settled })
    }
  }

  const unsafeAppend = (message: Append, settled: Settled): void => {
    checkSubject(message.subject)
    if (closed) return later(settled, failed("disconnected", message.subject, "the append log is closed"))
    const headers = headerBlock(message)
    const data = typeof message.data === "string" ? encoder.encode(message.data) : message.data
    const size = data.length + (headers?.length ?? 0)
    const largest = nats.info?.max_payload ?? Number.POSITIVE_INFINITY
    if (size > largest) {
      return later(settled, failed("too_large", message.subject, `${size} bytes, the server takes ${largest}`))
    }
    if (pending.size + outbox.length >= maxInFlight) {
      return later(settled, failed("disconnected", message.subject, `${maxInFlight} appends are in flight already`))
    }
    if (outbox.push({ message, data, headers, settled }) === 1) connection.soon(flush)
  }

  const stopWatching = connection.onChange((connected) => {
    if (!connected) failAll("unacknowledged", "the connection to the broker broke")
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      flush()
      stopWatching()
      if (!nats.isClosed()) subscription.unsubscribe()
      failAll("unacknowledged", "the append log is closed")
    })
  )

  const sweep = Effect.sync(() => {
    const oldest = now() - limit
    for (const [number, { sentAt, settled, subject }] of pending) {
      if (sentAt > oldest) break
      pending.delete(number)
      later(settled, failed("unacknowledged", subject, `no answer within ${limit} ms`))
    }
  })
  yield* Effect.forkScoped(Effect.repeat(sweep, Schedule.spaced(Duration.millis(250))).pipe(Effect.withClock(clock)))

  return AppendLog.of({
    unsafeAppend,
    append: (message) =>
      Effect.async<Appended, AppendFailed>((resume) =>
        unsafeAppend(
          message,
          (result) => resume(result instanceof AppendFailed ? Effect.fail(result) : Effect.succeed(result))
        )
      )
  })
})

/** A header block as the client takes it: it only ever asks for the bytes. */
const raw = (block: Uint8Array): MsgHdrs => new RawHeaders(block) as unknown as MsgHdrs

class RawHeaders {
  readonly block: Uint8Array
  constructor(block: Uint8Array) {
    this.block = block
  }
  encode(): Uint8Array {
    return this.block
  }
}

/** `AppendLog` on JetStream. */
export const layer: Layer.Layer<AppendLog, never, Connection> = Layer.scoped(AppendLog, make)
