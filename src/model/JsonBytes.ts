/**
 * A strict reader of JSON text (RFC 8259) that works on the bytes and makes no values: an event's `data` has to leave
 * exactly as it came, so the only thing worth knowing is where it begins and ends.
 *
 * Every function answers the position after what it read, or a negative fault (`describeFault`). The bytes must be
 * valid UTF-8 (check with `isUtf8` first): inside strings everything from 0x80 up is taken as it is. Nothing throws,
 * and recursion ends at `maxDepth`.
 */

/** How deep objects and arrays may stand in one another; the outermost is 1. */
export const maxDepth = 64

/** Called with the bounds of each member of an object: the key's between its quotes, the value's as a whole. */
type OnMember = (keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => void
type OnElement = (start: number, end: number) => void

/** Too deep at a position: below every syntax fault, which is `-1 - position`. */
const deepest = -(2 ** 40)

export interface Fault {
  readonly kind: "syntax" | "too_deep"
  /** Offset in bytes of the first byte that cannot stand there; the length of the text when it ends too early. */
  readonly at: number
}

export const describeFault = (fault: number): Fault =>
  fault < deepest ? { kind: "too_deep", at: deepest - 1 - fault } : { kind: "syntax", at: -1 - fault }

/** Past space, line feed, carriage return and tab, the only white space of JSON. */
export const skipSpace = (bytes: Uint8Array, start: number): number => {
  let at = start
  for (;;) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

const isHex = (byte: number | undefined): boolean =>
  byte !== undefined && (isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66))

/** What may follow a backslash, `u` apart. */
const escapable = new Set(Array.from("\"\\/bfnrt", (character) => character.charCodeAt(0)))

/** From the byte after a backslash. Surrogates need no partner: RFC 8259 lets them stand alone, and they are kept. */
const escaped = (bytes: Uint8Array, at: number): number => {
  const byte = bytes[at]
  if (byte !== undefined && escapable.has(byte)) return at + 1
  if (byte !== 0x75) return -1 - at
  for (let digit = at + 1; digit < at + 5; digit++) if (!isHex(bytes[digit])) return -1 - digit
  return at + 5
}

/** 1 for the bytes at which a string ends, escapes or breaks: quote, backslash, controls. */
const special = Uint8Array.from({ length: 256 }, (_, byte) => byte < 0x20 || byte === 0x22 || byte === 0x5c ? 1 : 0)

/**
 * From the byte after the opening quote. Most of the time goes by here: a table is twice as fast as comparisons, and
 * one read out of bounds would slow down all later ones [measured].
 */
const string = (bytes: Uint8Array, start: number): number => {
  const length = bytes.length
  let at = start
  while (at < length) {
    const byte = bytes[at] ?? 0
    if (special[byte] === 0) at++
    else if (byte === 0x22) return at + 1
    else if (byte === 0x5c) {
      at = escaped(bytes, at + 1)
      if (at < 0) return at
    } else return -1 - at
  }
  return -1 - length
}

/** At least one digit. */
const digits = (bytes: Uint8Array, start: number): number => {
  if (!isDigit(bytes[start])) return -1 - start
  let at = start + 1
  while (isDigit(bytes[at])) at++
  return at
}

const number = (bytes: Uint8Array, start: number): number => {
  let at = bytes[start] === 0x2d ? start + 1 : start
  at = bytes[at] === 0x30 ? at + 1 : digits(bytes, at)
  if (at >= 0 && bytes[at] === 0x2e) at = digits(bytes, at + 1)
  if (at >= 0 && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
    const sign = bytes[at + 1]
    at = digits(bytes, sign === 0x2b || sign === 0x2d ? at + 2 : at + 1)
  }
  return at
}

const [yes, no, nothing] = [Buffer.from("true"), Buffer.from("false"), Buffer.from("null")]

const literal = (bytes: Uint8Array, start: number, text: Uint8Array): number => {
  for (let index = 1; index < text.length; index++) {
    if (bytes[start + index] !== text[index]) return -1 - start - index
  }
  return start + text.length
}

const object = (bytes: Uint8Array, start: number, depth: number, onMember?: OnMember): number => {
  if (depth > maxDepth) return deepest - 1 - start
  let at = skipSpace(bytes, start + 1)
  if (bytes[at] === 0x7d) return at + 1
  for (;;) {
    if (bytes[at] !== 0x22) return -1 - at
    const keyStart = at + 1
    const keyEnd = string(bytes, keyStart)
    if (keyEnd < 0) return keyEnd
    at = skipSpace(bytes, keyEnd)
    if (bytes[at] !== 0x3a) return -1 - at
    const valueStart = skipSpace(bytes, at + 1)
    const valueEnd = value(bytes, valueStart, depth + 1)
    if (valueEnd < 0) return valueEnd
    if (onMember !== undefined) onMember(keyStart, keyEnd - 1, valueStart, valueEnd)
    at = skipSpace(bytes, valueEnd)
    if (bytes[at] === 0x7d) return at + 1
    if (bytes[at] !== 0x2c) return -1 - at
    at = skipSpace(bytes, at + 1)
  }
}

const array = (bytes: Uint8Array, start: number, depth: number, onElement?: OnElement): number => {
  if (depth > maxDepth) return deepest - 1 - start
  let at = skipSpace(bytes, start + 1)
  if (bytes[at] === 0x5d) return at + 1
  for (;;) {
    const end = value(bytes, at, depth + 1)
    if (end < 0) return end
    if (onElement !== undefined) onElement(at, end)
    at = skipSpace(bytes, end)
    if (bytes[at] === 0x5d) return at + 1
    if (bytes[at] !== 0x2c) return -1 - at
    at = skipSpace(bytes, at + 1)
  }
}

/** One value, no white space before it. `depth` is what a container here would have. */
const value = (bytes: Uint8Array, at: number, depth: number): number => {
  const first = bytes[at]
  if (first === 0x22) return string(bytes, at + 1)
  if (first === 0x7b) return object(bytes, at, depth)
  if (first === 0x5b) return array(bytes, at, depth)
  if (first === 0x74) return literal(bytes, at, yes)
  if (first === 0x66) return literal(bytes, at, no)
  if (first === 0x6e) return literal(bytes, at, nothing)
  return number(bytes, at)
}

/** White space to the end of the text; anything else is a fault. */
const ending = (bytes: Uint8Array, end: number): number => {
  if (end < 0) return end
  const at = skipSpace(bytes, end)
  return at === bytes.length ? at : -1 - at
}

/** A whole JSON text of any kind. Members are reported when it is an object, in the order in which they stand. */
export const readText = (bytes: Uint8Array, onMember?: OnMember): number => {
  const start = skipSpace(bytes, 0)
  return ending(bytes, bytes[start] === 0x7b ? object(bytes, start, 1, onMember) : value(bytes, start, 1))
}

/**
 * A whole JSON text that is an array: the bounds of its elements, each of which may be as deep as a text of its own.
 * Another kind of text is a syntax fault at its first byte.
 */
export const readElements = (bytes: Uint8Array, onElement: OnElement): number => {
  const start = skipSpace(bytes, 0)
  return bytes[start] === 0x5b ? ending(bytes, array(bytes, start, 0, onElement)) : -1 - start
}
