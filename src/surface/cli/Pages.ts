import { Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { commandName } from "./Banner.ts"
import { given, type Where, within } from "./Common.ts"
import { wrong } from "./Failure.ts"
import type { CommandFailed } from "./Failure.ts"
import { Shell } from "./Shell.ts"
import { shellQuoted } from "./Text.ts"

/** What the commands share that list what the history holds. */

/** A page of the API is at most so long, and `--all` goes so far. */
const largest = 100
const mostPages = 100

export const paging = {
  all: Options.boolean("all").pipe(
    Options.withDescription(`All of them, up to ${(mostPages * largest).toLocaleString("en")}, instead of a page.`)
  ),
  cursor: Options.text("cursor").pipe(Options.withDescription("Where the page before ended."), Options.optional),
  limit: within("limit", 1, largest).pipe(
    Options.withDescription(`At most so many, 1 to ${largest} (50).`),
    Options.optional
  )
}

interface Page<A> {
  readonly data: ReadonlyArray<A>
  readonly next: string | null
  /** How many messages of the streams the history had not read yet. */
  readonly behind: number
}

interface Paging {
  readonly all: boolean
  readonly cursor: Option.Option<string>
  readonly limit: Option.Option<number>
}

/** One page, or with `all` what is on the pages up to the bound; `next` is then where it went no further. */
export const pages = <A, E, R>(
  input: Paging,
  load: (params: { readonly cursor?: string; readonly limit?: number }) => Effect.Effect<Page<A>, E, R>
): Effect.Effect<Page<A>, E | CommandFailed, R> =>
  Effect.gen(function*() {
    if (!input.all) return yield* load({ ...given("cursor", input.cursor), ...given("limit", input.limit) })
    if (Option.isSome(input.limit)) return yield* wrong("give --all or --limit, not both")
    let found = yield* load({ ...given("cursor", input.cursor), limit: largest })
    for (let page = 1; page < mostPages && found.next !== null; page++) {
      const { behind, data, next } = yield* load({ cursor: found.next, limit: largest })
      found = { data: [...found.data, ...data], next, behind }
    }
    return found
  })

/** The end of what was asked for, or what follows: an empty page is not always the last one. */
export const listed = <A>(
  { data, next }: Page<A>,
  nothing: string,
  table: (data: ReadonlyArray<A>) => string
): string =>
  [
    data.length > 0 ? table(data) : next === null ? nothing : "none up to here",
    ...(next === null ? [] : [`more: --cursor ${shellQuoted(next)}`])
  ].join("\n")

/** Where something happens all the time the history is this much behind: it looks for messages five times a second. */
const usuallyBehind = 1_000

/** Says it when the newest may be missing: what is not shown may have happened all the same. */
export const warnBehind = ({ behind }: { readonly behind: number }): Effect.Effect<void, never, Shell> =>
  behind <= usuallyBehind ? Effect.void : Effect.flatMap(
    Shell,
    (shell) =>
      shell.error(`note: the history is ${behind} messages behind; the newest may be missing or not up to date`)
  )

/** A line to copy: another command on the same server, in the same workspace. */
export const command = (input: Where, ...words: ReadonlyArray<string>): string => {
  const flags = [
    ...Option.match(input.workspace, { onNone: () => [], onSome: (name) => ["--workspace", name] }),
    ...Option.match(input.data, { onNone: () => [], onSome: (path) => ["--data-dir", path] })
  ]
  return [commandName, ...[...words, ...flags].map(shellQuoted)].join(" ")
}
