/**
 * JSON with line ends and two spaces a level, and nothing else changed: numbers, escapes and repeated names stay as they are written, which
 * `JSON.parse` would not leave so. Undefined for what is no JSON.
 */
export const prettyJson = (text: string): string | undefined => {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? []
  let depth = 0
  let written = ""
  const line = (): string => `\n${"  ".repeat(depth)}`
  for (const [place, token] of tokens.entries()) {
    const before = tokens[place - 1]
    if (token === "}" || token === "]") {
      depth -= 1
      written += before === "{" || before === "[" ? token : `${line()}${token}`
    } else {
      if (before === "{" || before === "[" || before === ",") written += line()
      written += token === ":" ? ": " : token
    }
    if (token === "{" || token === "[") depth += 1
  }
  return written
}

/** The example or schema of a type, which came parsed. */
export const written = (value: unknown): string => JSON.stringify(value, undefined, 2) ?? ""
