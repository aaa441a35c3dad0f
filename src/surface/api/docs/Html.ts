/**
 * HTML as text that is safe by the way it is made: whatever is put into an `html` template is escaped, unless it is `Html` itself. What is put
 * in stands between tags or in a quoted attribute, never in a script or a style.
 */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Part = Html | string | number | undefined | ReadonlyArray<Html>

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\"": "&quot;",
  "'": "&#39;"
}

const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? "")

const textOf = (part: Part): string =>
  part === undefined
    ? ""
    : part instanceof Html
    ? part.text
    : typeof part === "object"
    ? part.map(({ text }) => text).join("")
    : escaped(String(part))

/** `undefined` is nothing, a list its members one after the other. */
export const html = (template: TemplateStringsArray, ...parts: ReadonlyArray<Part>): Html =>
  new Html(template.map((text, index) => text + textOf(parts[index])).join(""))

/** A sentence with `code` in backticks, as all descriptions are written. */
export const prose = (text: string): Html =>
  new Html(escaped(text).replaceAll(/`([^`]+)`/g, (_, code: string) => `<code>${code}</code>`))
