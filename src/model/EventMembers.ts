import { isUtf8 } from "node:buffer"
import { describeFault, maxDepth, readText, skipSpace } from "./JsonBytes.ts"
import { printable } from "./Printable.ts"
import { reject, type Rejection } from "./Rejection.ts"

/** The largest event that is taken, in bytes (CONTRACT 4). */
export const maxPayload = 512 * 1024

const keys = ["id", "event", "timestamp", "workspace_id", "data"] as const
type Key = (typeof keys)[number]

/** Bounds of a value in the payload. */
interface Span {
  readonly start: number
  readonly end: number
}

export interface Members extends Partial<Record<Key, Span>> {
  readonly bytes: Buffer
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** The text between two quotes. Escapes are resolved, so that no spelling gets past a comparison. */
const textBetween = (bytes: Buffer, start: number, end: number): string => {
  const raw = bytes.toString("utf8", start, end)
  return raw.includes("\\") ? String(JSON.parse(`"${raw}"`)) : raw
}

/** Whether these bytes are this ASCII text, without making a string: the usual case for keys and what a subject says. */
const spells = (bytes: Buffer, start: number, end: number, text: string): boolean => {
  if (end - start !== text.length) return false
  for (let index = 0; index < text.length; index++) {
    if (bytes[start + index] !== text.charCodeAt(index)) return false
  }
  return true
}

const keyBetween = (bytes: Buffer, start: number, end: number): Key | undefined => {
  for (const key of keys) if (spells(bytes, start, end, key)) return key
  const text = textBetween(bytes, start, end)
  return keys.find((key) => key === text)
}

/** The raw values of the top level, or what is wrong with the text as a whole. */
export const readMembers = (payload: Uint8Array): Members | Rejection => {
  if (payload.length > maxPayload) {
    return reject("too_large", `is ${payload.length} bytes; at most ${maxPayload} are taken`)
  }
  if (payload[0] === 0xef && payload[1] === 0xbb && payload[2] === 0xbf) {
    return reject("bom", "begins with a byte order mark")
  }
  if (!isUtf8(payload)) return reject("invalid_utf8", "is not valid UTF-8")
  const bytes = asBuffer(payload)
  const members: { -readonly [K in keyof Members]: Members[K] } = { bytes }
  let problem: Rejection | undefined
  const end = readText(payload, (keyStart, keyEnd, valueStart, valueEnd) => {
    if (problem !== undefined) return
    const key = keyBetween(bytes, keyStart, keyEnd)
    if (key === undefined) {
      const name = printable(textBetween(bytes, keyStart, keyEnd))
      problem = reject("unknown_key", `unknown key "${name}"; an event has ${keys.join(", ")}`, name)
    } else if (members[key] !== undefined) {
      problem = reject("repeated_key", `the key "${key}" is there twice`, key)
    } else members[key] = { start: valueStart, end: valueEnd }
  })
  if (end < 0) {
    const { kind, at } = describeFault(end)
    return kind === "too_deep"
      ? reject("too_deep", `is nested more than ${maxDepth} deep, at byte ${at}`)
      : reject("not_json", payload.length === at ? `is not JSON: it ends at byte ${at}` : `is not JSON, at byte ${at}`)
  }
  if (payload[skipSpace(payload, 0)] !== 0x7b) return reject("not_object", "is not a JSON object")
  return problem ?? members
}

/** The text of a value, or undefined when it is not a string: `null` is no string, and no way to leave a key out. */
export const textOf = ({ bytes }: Members, { start, end }: Span): string | undefined =>
  bytes[start] === 0x22 ? textBetween(bytes, start + 1, end - 1) : undefined

/** As `textOf(…) === text`, but cheaper. */
export const says = (members: Members, value: Span, text: string): boolean => {
  const { bytes } = members
  return (bytes[value.start] === 0x22 && spells(bytes, value.start + 1, value.end - 1, text)) ||
    textOf(members, value) === text
}
