import { CliConfig, Command } from "@effect/cli"
import type { HelpDoc } from "@effect/cli"
import type { Span } from "@effect/cli/HelpDoc/Span"
import { commandName } from "./Banner.ts"
import { bold } from "./Common.ts"
import type { ShellService } from "./Shell.ts"
import { widthOf, wrapped } from "./Text.ts"

/**
 * What `--help` says. The library's own pages hold all options of all commands in lines as wide as the longest of
 * them; these say the same for a screen: the commands of one level, or the arguments and options of one command.
 */
export interface Page {
  readonly name: string
  /** As the library has it: description, arguments, options. */
  readonly doc: HelpDoc.HelpDoc
  readonly children: ReadonlyArray<Page>
}

/** The page of a command; `children` are the pages of its own commands. */
export const page = <Name extends string, R, E, A>(
  name: Name,
  command: Command.Command<Name, R, E, A>,
  children: ReadonlyArray<Page> = []
): Page => ({ name, doc: Command.getHelp(command, CliConfig.make({ showBuiltIns: false })), children })

interface Content {
  readonly description: ReadonlyArray<string>
  /** Name and text of each argument and option, under their headings. */
  readonly lists: ReadonlyMap<string, ReadonlyArray<readonly [string, string]>>
}

export interface Found {
  readonly page: Page
  /** The words that led there. */
  readonly path: ReadonlyArray<string>
}

/** The page that the words lead to, as far as they name commands. */
export const find = (root: Page, words: ReadonlyArray<string>): Found => {
  const child = root.children.find(({ name }) => name === words[0])
  if (child === undefined) return { page: root, path: [] }
  const below = find(child, words.slice(1))
  return { page: below.page, path: [child.name, ...below.path] }
}

const widest = 100
/** Columns of the names on the left; a longer one has its text below it. */
const nameColumn = 30

export const rendered = ({ page, path }: Found, shell: ShellService): string => {
  const { description, lists } = contentOf(page.doc)
  const width = Math.min(shell.columns ?? widest, widest)
  const title = bold(shell)
  const args = (lists.get("ARGUMENTS") ?? []).map(([name]) => name)
  const what = page.children.length > 0 ? ["<command>"] : [...args, "[options]"]
  const sections: ReadonlyArray<readonly [string, ReadonlyArray<readonly [string, string]>]> = page.children.length > 0
    ? [["COMMANDS", page.children.map((child) => [child.name, contentOf(child.doc).description[0] ?? ""])]]
    : [...lists]
  return [
    `${title("USAGE")}  ${[commandName, ...path, ...what].join(" ")}`,
    ...description.map((text) => wrapped(text, width).join("\n")),
    ...sections.map(([heading, entries]) =>
      [title(heading), ...entries.map(([name, text]) => entry(name, text, width))].join("\n")
    )
  ].join("\n\n")
}

const entry = (name: string, text: string, width: number): string => {
  const lines = wrapped(text, Math.max(20, width - nameColumn))
  const left = `  ${name}`
  const indent = " ".repeat(nameColumn)
  return widthOf(left) < nameColumn - 1
    ? [left.padEnd(nameColumn) + (lines[0] ?? ""), ...lines.slice(1).map((line) => indent + line)].join("\n").trimEnd()
    : [left, ...lines.map((line) => indent + line)].join("\n")
}

/** Sentences of the library that say nothing a name does not. */
const noise =
  /^(A user-defined piece of text\.|An integer\.|A true or false value\.|This setting is optional\.|One of the following: .*|This option may be repeated.*)/

const contentOf = (doc: HelpDoc.HelpDoc): Content => {
  const description: Array<string> = []
  const lists = new Map<string, Array<readonly [string, string]>>()
  let heading = ""
  for (const block of blocksOf(doc)) {
    if (block._tag === "Header") heading = textOf(block.value)
    else if (block._tag === "Paragraph" && heading === "DESCRIPTION") description.push(textOf(block.value))
    else if (block._tag === "DescriptionList") {
      const entries = block.definitions.map(([name, about]) => [nameOf(name), sentencesOf(about)] as const)
      lists.set(heading, [...(lists.get(heading) ?? []), ...entries])
    }
  }
  return { description, lists }
}

/** `(-f, --file text)...` without its brackets. */
const nameOf = (span: Span): string => textOf(span).replace(/^\((.*)\)/, "$1").replace(/\.\.\.$/, "")

const sentencesOf = (doc: HelpDoc.HelpDoc): string =>
  blocksOf(doc)
    .map((block) => (block._tag === "Paragraph" ? textOf(block.value) : ""))
    .filter((text) => text !== "" && !noise.test(text))
    .join(" ")

const blocksOf = (doc: HelpDoc.HelpDoc): ReadonlyArray<Exclude<HelpDoc.HelpDoc, HelpDoc.Sequence>> =>
  doc._tag === "Sequence" ? [...blocksOf(doc.left), ...blocksOf(doc.right)] : [doc]

const textOf = (span: Span): string =>
  span._tag === "Sequence"
    ? textOf(span.left) + textOf(span.right)
    : typeof span.value === "string"
    ? span.value
    : textOf(span.value)
