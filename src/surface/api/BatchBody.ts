/**
 * Cuts a JSON array of objects into its elements without parsing them, so that each is published byte for byte. Only brackets and
 * strings are looked at: whether an element is JSON is for the event parser to say, which reads every one of them.
 */

export interface BatchFault {
  readonly fault: "not_json" | "not_array" | "not_object" | "too_many" | "empty"
  /** The element where it was found. */
  readonly index: number
}

const space = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

const quote = 0x22
const backslash = 0x5c
const [openArray, closeArray, openObject, closeObject, comma] = [0x5b, 0x5d, 0x7b, 0x7d, 0x2c]

/** How a JSON value that is no object begins. */
const otherValue = /["[\-0-9tfn]/

/** Where the object that begins at `start` ends (exclusive), or -1. */
const endOfObject = (bytes: Uint8Array, start: number): number => {
  let depth = 0
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) {
      for (at++; at < bytes.length && bytes[at] !== quote; at++) if (bytes[at] === backslash) at++
    } else if (byte === openObject || byte === openArray) depth++
    else if ((byte === closeObject || byte === closeArray) && --depth === 0) return at + 1
  }
  return -1
}

/** The elements as views of `bytes`, at most `limit` of them. */
export const elementsOf = (bytes: Uint8Array, limit: number): ReadonlyArray<Uint8Array> | BatchFault => {
  let at = 0
  const skip = () => {
    while (space(bytes[at])) at++
  }
  skip()
  if (bytes[at] !== openArray) return { fault: at >= bytes.length ? "not_json" : "not_array", index: 0 }
  at++
  const elements: Array<Uint8Array> = []
  skip()
  while (bytes[at] !== closeArray || elements.length > 0) {
    const index = elements.length
    if (at >= bytes.length) return { fault: "not_json", index }
    if (index === limit) return { fault: "too_many", index }
    if (bytes[at] !== openObject) {
      return { fault: otherValue.test(String.fromCharCode(bytes[at] ?? 0)) ? "not_object" : "not_json", index }
    }
    const end = endOfObject(bytes, at)
    if (end < 0) return { fault: "not_json", index }
    elements.push(bytes.subarray(at, end))
    at = end
    skip()
    if (bytes[at] === closeArray) break
    if (bytes[at] !== comma) return { fault: "not_json", index: elements.length }
    at++
    skip()
  }
  at++
  skip()
  if (at < bytes.length) return { fault: "not_json", index: elements.length }
  return elements.length === 0 ? { fault: "empty", index: 0 } : elements
}
