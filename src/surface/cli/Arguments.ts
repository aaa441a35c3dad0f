/** What the command line's words are before @effect/cli 0.77 reads them: it has gaps that people fall into. */
export interface Arguments {
  readonly words: ReadonlyArray<string>
  /** The value of `--log-level`, which the library would take for its own option instead of `start`'s setting. */
  readonly logLevel: string | undefined
}

/** Options that may be repeated: the library does not know them as `--name=value`. */
const repeatable = ["--header"]

export const normalized = (words: ReadonlyArray<string>): Arguments => {
  const path = leading(words)
  // It finds `--help` only where no option stands before it.
  if (words.some((word) => word === "--help" || word === "-h")) {
    return { words: [...path, "--help"], logLevel: undefined }
  }
  const split = words.flatMap((word) => {
    const name = repeatable.find((name) => word.startsWith(`${name}=`))
    return name === undefined ? [word] : [name, word.slice(name.length + 1)]
  })
  return words[0] === "start" ? withoutLogLevel(split) : { words: split, logLevel: undefined }
}

/** Also where options stand before it, which the library does not see. */
export const asksForHelp = (words: ReadonlyArray<string>): boolean =>
  words.includes("--help") || words.includes("-h") || words[0] === "help"

/** The words that name the command: those before the first option. */
export const leading = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const end = words.findIndex((word) => word.startsWith("-"))
  return end === -1 ? words : words.slice(0, end)
}

const withoutLogLevel = (words: ReadonlyArray<string>): Arguments => {
  const index = words.findIndex((word) => word === "--log-level" || word.startsWith("--log-level="))
  const word = words[index]
  if (word === undefined) return { words, logLevel: undefined }
  const inline = word.indexOf("=")
  const logLevel = inline === -1 ? words[index + 1] : word.slice(inline + 1)
  // Without a value it stays, for the library to say that one is missing.
  return logLevel === undefined
    ? { words, logLevel: undefined }
    : { words: words.toSpliced(index, inline === -1 ? 2 : 1), logLevel }
}
