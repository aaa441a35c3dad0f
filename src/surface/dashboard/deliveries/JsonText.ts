/**
 * JSON as text (RFC 8259). Nothing is ever turned into JavaScript's values: what is indented keeps its numbers' digits, its strings' escapes,
 * repeated keys and the keys' order. Iterative, so that no depth of nesting ends it.
 */

interface Token {
  /** `value`: a string, a number, true, false or null. */
  readonly kind: "{" | "}" | "[" | "]" | ":" | "," | "value"
  readonly start: number
  readonly end: number
  readonly isString: boolean
}

export interface Flaw {
  /** Both from 1; a column counts UTF-16 units, as editors do. */
  readonly line: number
  readonly column: number
  /** What is wrong, as a sentence. */
  readonly message: string
}

class Wrong extends Error {
  readonly at: number
  constructor(at: number, message: string) {
    super(message)
    this.at = at
  }
}

const gaps = /[ \t\r\n]*/y
// oxlint-disable-next-line no-control-regex -- they may not stand in a string
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y
const other = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
const punctuation = "{}[]:,"

const endOf = (form: RegExp, text: string, at: number): number => {
  form.lastIndex = at
  return form.test(text) ? form.lastIndex : -1
}

const badString = (text: string, start: number): Wrong => {
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at] ?? ""
    if (character === "\\") {
      if (!/^\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/.test(text.slice(at, at + 6))) {
        return new Wrong(at, "This is no escape that JSON knows.")
      }
      at += 1
    } else if (character === "\n" || character === "\r") {
      return new Wrong(start, "This text has no closing quotation mark.")
    } else if (character < " ") return new Wrong(at, "A control character must be written as an escape, such as \\t.")
  }
  return new Wrong(start, "This text has no closing quotation mark.")
}

const tokenAt = (text: string, start: number): Token => {
  const character = text[start] ?? ""
  if (punctuation.includes(character)) {
    return { kind: character as Token["kind"], start, end: start + 1, isString: false }
  }
  const isString = character === "\""
  const end = endOf(isString ? string : other, text, start)
  if (end !== -1 && (isString || !/[\w.+-]/.test(text[end] ?? ""))) return { kind: "value", start, end, isString }
  if (isString) throw badString(text, start)
  if (character === "'") throw new Wrong(start, "Texts stand in double quotation marks.")
  throw new Wrong(
    start,
    "A value was expected here: text in double quotation marks, a number, true, false, null, { or [."
  )
}

/**
 * The tokens of a text that is JSON, each handed over with the depth it stands at; throws `Wrong` at the first that may not stand where it does.
 */
const scan = (text: string, visit: (token: Token, depth: number, before: Token | undefined) => void): void => {
  const open: Array<"{" | "["> = []
  // What may come next.
  let awaited: "value" | "value or ]" | "key" | "key or }" | ":" | ", or end" = "value"
  let before: Token | undefined
  let at = endOf(gaps, text, 0)
  while (at < text.length) {
    const inside = open.at(-1)
    if (awaited === ", or end" && inside === undefined) throw new Wrong(at, "Nothing may follow the end of the JSON.")
    const token = tokenAt(text, at)
    const { isString, kind } = token
    if (awaited === ":") {
      if (kind !== ":") throw new Wrong(at, "A colon was expected after the name.")
      awaited = "value"
    } else if (awaited === ", or end") {
      if (kind === ",") awaited = inside === "{" ? "key" : "value"
      else if (kind !== (inside === "{" ? "}" : "]")) {
        throw new Wrong(at, `A comma or ${inside === "{" ? "}" : "]"} was expected here.`)
      }
    } else if (awaited === "key" || awaited === "key or }") {
      if (isString) awaited = ":"
      else if (kind !== "}" || awaited === "key") {
        throw new Wrong(
          at,
          `A name in double quotation marks was expected here${kind === "}" ? ", after the comma" : ""}.`
        )
      }
    } else if (kind === "{") awaited = "key or }"
    else if (kind === "[") awaited = "value or ]"
    else if (kind === "value") awaited = ", or end"
    else if (kind !== "]" || awaited !== "value or ]") throw new Wrong(at, "A value was expected here.")
    if (kind === "}" || kind === "]") {
      open.pop()
      awaited = ", or end"
    }
    visit(token, open.length, before)
    if (kind === "{" || kind === "[") open.push(kind)
    before = token
    at = endOf(gaps, text, token.end)
  }
  if (before === undefined) throw new Wrong(text.length, "Enter JSON.")
  if (awaited !== ", or end" || open.length > 0) {
    throw new Wrong(text.length, `The JSON ends too early${open.length > 0 ? `: ${open.at(-1)} is not closed` : ""}.`)
  }
}

const placeOf = (text: string, at: number): Omit<Flaw, "message"> => {
  const lines = text.slice(0, at).split("\n")
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 }
}

const attempted = <A>(text: string, run: () => A): A | Flaw => {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    return { ...placeOf(text, error.at), message: error.message }
  }
}

/** What is wrong with `text` as a JSON object; undefined: nothing. */
export const flawOf = (text: string): Flaw | undefined =>
  attempted(text, () => {
    let first: Token | undefined
    scan(text, (token) => {
      first ??= token
    })
    if (first !== undefined && first.kind !== "{") {
      throw new Wrong(first.start, "It must be an object: { at its beginning, } at its end.")
    }
    return undefined
  })

const line = (depth: number): string => `\n${"  ".repeat(depth)}`

/** The same JSON with a line for every member, two spaces a level; undefined: it is no JSON. */
export const pretty = (text: string): string | undefined => {
  const parts: Array<string> = []
  const flaw = attempted(text, () => {
    scan(text, (token, depth, before) => {
      const closes = token.kind === "}" || token.kind === "]"
      const opened = before?.kind === "{" || before?.kind === "["
      if (closes ? !opened : opened || before?.kind === ",") parts.push(line(depth))
      parts.push(token.kind === ":" ? ": " : text.slice(token.start, token.end))
    })
    return undefined
  })
  return flaw === undefined ? parts.join("") : undefined
}
