import { utf8 } from "./Hmac.ts"

/**
 * What usually happens to a body or a secret between the sender and whoever checks: each guess undoes one of these. If the signature then
 * fits, the guess was right, and it can be said for certain.
 */
export interface Guess<Value> {
  readonly value: Value
  /** What is wrong, and what to do. */
  readonly said: string
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const rewritten =
  "The body was parsed and written anew as JSON: with other white space or escapes it fits. Check the raw bytes of the request, before anything parses them."

const jsonGuesses = (text: string): ReadonlyArray<Guess<Uint8Array>> => {
  const value = parsed(text)
  if (value === undefined) return []
  return [JSON.stringify(value), JSON.stringify(value, undefined, 2), JSON.stringify(value, undefined, 4)]
    .map((written) => ({ value: utf8(written), said: rewritten }))
}

const latin1 = (text: string): ReadonlyArray<Guess<Uint8Array>> =>
  // oxlint-disable-next-line no-control-regex -- the bytes of Latin-1, all of them
  /[\u0080-\u00ff]/.test(text) && /^[\u0000-\u00ff]*$/.test(text)
    ? [{
      value: Uint8Array.from(text, (character) => character.charCodeAt(0)),
      said: "The body was read as Latin-1, but it is UTF-8: read the raw bytes, or decode them as UTF-8."
    }]
    : []

/** Bodies that may have been the one that was signed. */
export const bodyGuesses = (text: string): ReadonlyArray<Guess<Uint8Array>> => {
  const all: Array<Guess<Uint8Array>> = []
  const add = (changed: string, said: string): void => {
    if (changed !== text) all.push({ value: utf8(changed), said })
  }
  add(
    text.replace(/[\r\n]+$/, ""),
    "The body has a line end at its end that was not sent. An editor, or echo without -n, puts one there."
  )
  add(text.trim(), "The body has white space around it that was not sent.")
  add(text.replace(/\r\n/g, "\n"), "The body's line ends were changed: \\n became \\r\\n.")
  add(
    text.replace(/\r?\n/g, "\r\n"),
    "The body's line ends are \\r\\n, and those here are \\n. This box cannot hold \\r\\n: if your program has the raw bytes, it is right."
  )
  add(`${text}\n`, "The body's last line end is missing: something trimmed it. Check the raw bytes.")
  add(text.replace(/^\ufeff/, ""), "The body begins with a byte order mark that was not sent.")
  return [...all, ...latin1(text), ...jsonGuesses(text)]
}

/** Secrets that may be meant. */
export const secretGuesses = (secret: string): ReadonlyArray<Guess<string>> => {
  const all: Array<Guess<string>> = []
  const add = (changed: string, said: string): void => {
    if (changed !== secret && changed !== "") all.push({ value: changed, said })
  }
  const trimmed = secret.trim()
  add(trimmed, "The secret has white space around it: it came along when it was copied. Without it the signature fits.")
  add(trimmed.replace(/^(["'])(.*)\1$/, "$2"), "The secret has quotes around it that are not part of it.")
  if (!trimmed.startsWith("whsec_")) {
    add(`whsec_${trimmed}`, "The secret's beginning is missing: whsec_ is part of it.")
  }
  return all
}
