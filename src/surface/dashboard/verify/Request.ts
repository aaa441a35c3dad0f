/** What was pasted, taken apart. Nothing here needs a browser, so that tests can ask it. */

/** The headers' names as this installation writes them, in lower case. */
export interface HeaderNames {
  /** Of the hex signature of the body. */
  readonly hex: string
  /** What stands before `-id`, `-timestamp` and `-signature`. */
  readonly standardPrefix: string
}

/** Names in lower case. */
export type Headers = Readonly<Record<string, string>>

export interface PastedHeaders {
  readonly headers: Headers
  /** Lines that are no headers, as they stand there; at most three. */
  readonly notUnderstood: ReadonlyArray<string>
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

const requestLine = /^[A-Z]+ \S+( HTTP\/[\d.]+)?$/

/** Some frameworks give each header as a list. */
const one = (value: unknown): string => Array.isArray(value) ? value.map(String).join(", ") : String(value)

const fromObject = (text: string): PastedHeaders | undefined => {
  if (!text.startsWith("{")) return undefined
  try {
    const entries = Object.entries(JSON.parse(text) as Readonly<Record<string, unknown>>)
    return {
      headers: Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), one(value)])),
      notUnderstood: []
    }
  } catch {
    return undefined
  }
}

/** `-H 'name: value' \` of curl's, and the quotes alone. */
const bare = (line: string): string =>
  line.trim().replace(/^(?:-H|--header)\s+/, "").replace(/\s*\\$/, "").replace(/^(['"])(.*)\1,?$/, "$2")

/** Headers one a line, as a log or curl writes them, or a JSON object. A request line among them is passed over. */
export const pastedHeaders = (text: string): PastedHeaders => {
  const object = fromObject(text.trim())
  if (object !== undefined) return object
  const headers: Record<string, string> = {}
  const notUnderstood: Array<string> = []
  for (const line of text.split(/\r?\n/).map(bare)) {
    if (line === "" || requestLine.test(line)) continue
    const colon = line.indexOf(":")
    const name = line.slice(0, Math.max(0, colon)).trim()
    if (token.test(name)) headers[name.toLowerCase()] = line.slice(colon + 1).trim()
    else if (notUnderstood.length < 3) notUnderstood.push(line)
  }
  return { headers, notUnderstood }
}

/** `4 min 10 s`, `3 days 2 h`: the two largest parts of so many seconds. */
export const span = (seconds: number): string => {
  const units = [["day", 86_400], ["h", 3600], ["min", 60], ["s", 1]] as const
  let rest = Math.max(0, Math.floor(seconds))
  const parts: Array<string> = []
  for (const [unit, length] of units) {
    const many = Math.floor(rest / length)
    rest -= many * length
    if (many > 0 && parts.length < 2) parts.push(`${many} ${unit === "day" && many > 1 ? "days" : unit}`)
    else if (parts.length > 0) break
  }
  return parts.length === 0 ? "0 s" : parts.join(" ")
}
