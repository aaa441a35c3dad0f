import { describe, expect, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { settings } from "../../src/Config.ts"
import { banner, commandName } from "../../src/surface/cli/Banner.ts"
import { deadLinks } from "./markdown.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const readme = join(root, "README.md")
const text = (path: string): string => readFileSync(path, "utf8")

/** Text in which Markdown sees neither a column nor a tag. */
const escaped = (cell: string): string => cell.replaceAll(/[|<]/g, "\\$&")

/** The lines to copy. */
const commands = (block: string): ReadonlyArray<string> =>
  block.split("\n").map((line) => line.trim()).filter((line) => line.startsWith(commandName))

/** All files below a folder whose name ends so, by absolute path. */
const below = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(root, folder, name))

const decisions = below("docs/adr", ".md").filter((path) => !path.endsWith("README.md"))

describe("the README", () => {
  it("has the settings as src/Config.ts has them", async () => {
    const rows = Object.values(settings).map(({ accepts, default: preset, doc, env, flag }) => {
      const value = preset === undefined ? "not set" : preset === "" ? "none" : `\`${preset}\``
      return [`\`${env}\`<br>\`--${flag}\``, escaped(doc), escaped(accepts), value].join(" | ")
    })
    const table = ["| setting | what it is | accepted | default |", "| --- | --- | --- | --- |"]
      .concat(rows.map((row) => `| ${row} |`))
      .join("\n")
    const written = text(readme).replace(
      /(<!-- settings: .* -->\n)[^]*?(<!-- \/settings -->)/,
      (_, from: string, to: string) => `${from}\n${table}\n\n${to}`
    )
    expect(written).toContain(table)
    await expect(written).toMatchFileSnapshot(readme)
  })

  it("has the lines of the first delivery as the banner prints them", () => {
    const printed = banner({
      apiUrl: "http://127.0.0.1:8080",
      keyFile: "/somewhere/data/operator.key",
      natsAddress: "nats://127.0.0.1:4222",
      embedded: true,
      dev: true,
      data: settings.data.default ?? ""
    })
    const section = /## A first delivery\n[^]*?```sh\n([^]*?)```/.exec(text(readme))?.[1] ?? ""
    const toCopy = commands(printed.slice(printed.indexOf("A first delivery")))
    expect(toCopy).toHaveLength(3)
    expect(commands(section)).toEqual(toCopy)
  })

  it("names only npm scripts that there are", () => {
    const { scripts } = JSON.parse(text(join(root, "package.json"))) as { readonly scripts: Record<string, string> }
    const named = [...text(readme).matchAll(/npm (?:run )?(?!ci\b|run\b)([a-z0-9:]+)/g)].map(([, name]) => name)
    expect(named).toContain("demo")
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named))
  })
})

describe("the documentation", () => {
  it.each([readme, ...below("docs", ".md")].map((path) => [relative(root, path)]))(
    "%s: links lead somewhere",
    (name) => {
      expect(deadLinks(join(root, name))).toEqual([])
    }
  )

  it("has every page that the code refers to", () => {
    const sources = [
      ...below("src", ".ts"),
      ...below("test", ".ts"),
      join(root, ".oxlintrc.json"),
      join(root, "nats.conf")
    ]
    const named = sources.flatMap((path) =>
      [...text(path).matchAll(/\bdocs\/[\w./-]+\.md\b/g)].map(([page]) => `${page} (${relative(root, path)})`)
    )
    expect(named.length).toBeGreaterThan(3)
    expect(named.filter((page) => !existsSync(join(root, page.replace(/ \(.*/, ""))))).toEqual([])
  })

  it("numbers the decisions without a gap and lists each under its title", () => {
    const numbers = decisions.map((path) => Number(/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1])).toSorted((a, b) => a - b)
    expect(numbers).toEqual(numbers.map((_, index) => index + 1))
    const index = text(join(root, "docs/adr/README.md"))
    for (const path of decisions) {
      const title = /^# (.*)/.exec(text(path))?.[1]
      expect(index).toContain(
        `| [${/\d{4}/.exec(path.slice(root.length))?.[0]}](${relative(join(root, "docs/adr"), path)}) | ${title} |`
      )
    }
  })
})
