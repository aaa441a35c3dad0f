/**
 * Text for a terminal. What customers wrote (descriptions, response bodies, headers) could hold escape sequences that
 * move the cursor or retitle the window: everything shown to a person goes through `printable` first.
 */

// C0 and C1 controls, DEL, line and paragraph separators, and the marks that reorder text on a screen.
// oxlint-disable-next-line no-control-regex
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

/** One line that can do nothing to a terminal: line breaks and tabs become spaces, other controls are spelt out. */
export const printable = (text: string): string => text.replaceAll(/[\r\n\t]+/g, " ").replaceAll(unprintable, escaped)

/** As `printable`, keeping line breaks and tabs. */
export const printableLines = (text: string): string => text.split(/\r?\n/).map(spelt).join("\n")

const spelt = (line: string): string => line.split("\t").map((part) => part.replaceAll(unprintable, escaped)).join("\t")

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" })

const wide =
  /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u

// oxlint-disable-next-line no-control-regex
const ascii = /^[\u0020-\u007e]*$/

/** Columns that `text`, already printable, takes on a terminal. */
export const widthOf = (text: string): number => {
  if (ascii.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += wide.test(segment) ? 2 : 1
  return width
}

/** The text in at most `width` columns, an ellipsis at its end when something was cut off. */
export const truncated = (text: string, width: number): string => {
  if (widthOf(text) <= width) return text
  let taken = ""
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    const next = wide.test(segment) ? 2 : 1
    if (used + next > width - 1) break
    taken += segment
    used += next
  }
  return `${taken}…`
}

/** Lines of at most `width` columns, broken between words; a longer word stands alone. */
export const wrapped = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** As `wrapped`, and what is longer than a line goes on in the next one: nothing is wider than `width`. */
export const broken = (text: string, width: number): ReadonlyArray<string> =>
  wrapped(text, width).flatMap((line) => {
    if (widthOf(line) <= width) return [line]
    const pieces: Array<string> = []
    let piece = ""
    let used = 0
    for (const { segment } of graphemes.segment(line)) {
      const next = wide.test(segment) ? 2 : 1
      if (used + next > width) {
        pieces.push(piece)
        piece = ""
        used = 0
      }
      piece += segment
      used += next
    }
    return [...pieces, piece]
  })

/** 1 h, 5 min, 3.2 s, 12 ms: a duration in milliseconds for a person. */
export const duration = (millis: number): string => {
  const units: ReadonlyArray<readonly [string, number]> = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], [
    "s",
    1000
  ]]
  const [name, size] = units.find(([, size]) => Math.abs(millis) >= size) ?? ["ms", 1]
  const value = millis / size
  return `${Math.abs(value) < 10 && size > 1 ? Number(value.toFixed(1)) : Math.round(value)} ${name}`
}

/** `2026-01-31 14:35:21` in UTC of an ISO 8601 time; what is no time stays as it is. */
export const shortTime = (iso: string): string =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(iso) ? iso.slice(0, 19).replace("T", " ") : iso

/** For a line to copy: a word as a POSIX shell reads it back unchanged. */
export const shellQuoted = (word: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
