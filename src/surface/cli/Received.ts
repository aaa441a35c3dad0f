import type { Received } from "./Receiver.ts"
import { duration, printable, printableLines } from "./Text.ts"
import type { Verdict } from "./Verification.ts"

/** Characters of a body that a person gets to see; `--json` has all of it. */
const shownBody = 4000

export interface Shown {
  readonly signatureHeader: string
  readonly standardPrefix: string
  /** Names in lower case; `all` shows every one. */
  readonly headers: ReadonlyArray<string>
  readonly mark: (text: string, verdict: Verdict) => string
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const textOf = (body: Uint8Array): string | undefined => {
  try {
    return utf8.decode(body)
  } catch {
    return undefined
  }
}

const parsed = (text: string | undefined): unknown => {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

const member = (value: unknown, key: string): string | undefined => {
  const found = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined
  return typeof found === "string" ? found : undefined
}

/** One request as a person reads it: what, whether it is genuine, the headers asked for, and its body. */
export const pretty = (received: Received, shown: Shown): string => {
  const text = received.body === undefined ? undefined : textOf(received.body)
  const json = parsed(text)
  const what = [member(json, "event"), member(json, "id")].filter((part) => part !== undefined).map(printable)
  const headers = Object.entries(received.headers)
    .filter(([name]) => shown.headers.includes("all") || shown.headers.includes(name))
    .map(([name, value]) => `  ${printable(name)}: ${printable(value)}`)
  return [
    [
      new Date(received.at).toISOString().slice(11, 19),
      `${received.method} ${printable(received.path)}`,
      ...what,
      `answered ${received.status}`
    ].join("  "),
    `  ${signatures(received, shown)}`,
    ...headers,
    indented(bodyText(received.body, text, json)),
    ""
  ].join("\n")
}

const signatures = ({ verification, body }: Received, { signatureHeader, standardPrefix, mark }: Shown): string => {
  if (body === undefined) return "not verified: the body was not read to its end"
  const { hex, standard, age, stale } = verification
  if (hex === "unchecked" || standard === "unchecked") return "not verified: no --secret was given"
  return [
    `${signatureHeader} ${mark(hex, hex)}`,
    `${standardPrefix}-signature ${mark(standard, standard)}`,
    signedWhen(age) + (stale ? " (too far away, a replay?)" : "")
  ].join(" · ")
}

/** The timestamp has whole seconds. */
const signedWhen = (age: number | undefined): string => {
  if (age === undefined) return "no timestamp"
  if (Math.abs(age) < 2) return "signed just now"
  const distance = duration(Math.round(Math.abs(age)) * 1000)
  return age > 0 ? `signed ${distance} ago` : `signed ${distance} in the future`
}

const bodyText = (body: Uint8Array | undefined, text: string | undefined, json: unknown): string => {
  if (body === undefined) return "(a body over 1 MiB)"
  if (text === undefined) return `(${body.length} bytes that are no UTF-8)`
  if (text === "") return "(no body)"
  const whole = json === undefined ? text : JSON.stringify(json, null, 2)
  const rest = whole.length - shownBody
  return printableLines(rest > 0 ? whole.slice(0, shownBody) : whole) +
    (rest > 0 ? `\n… ${rest} characters more; --json prints all` : "")
}

const indented = (text: string): string => text.split("\n").map((line) => `  ${line}`).join("\n")

/** One request as a line of JSON; the body as text, or as base64 when it is no UTF-8. */
export const jsonLine = (received: Received): string => {
  const text = received.body === undefined ? undefined : textOf(received.body)
  const json = parsed(text)
  return JSON.stringify({
    at: new Date(received.at).toISOString(),
    method: received.method,
    path: received.path,
    status: received.status,
    event: member(json, "event"),
    id: member(json, "id"),
    signatures: received.verification,
    headers: received.headers,
    ...(text === undefined && received.body !== undefined
      ? { body_base64: Buffer.from(received.body).toString("base64") }
      : { body: text ?? null })
  })
}
