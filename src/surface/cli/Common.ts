import { Args, HelpDoc, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { isToken } from "../../model/Id.ts"
import { Shell } from "./Shell.ts"
import type { ShellService } from "./Shell.ts"

/** Options that several commands share, and how every command prints. */

export const json = Options.boolean("json").pipe(Options.withDescription("Print JSON, for scripts."))

/** Without the alias `--data`, which is the event's in `publish`. */
export const dataDirectory = Options.text("data-dir").pipe(
  Options.withPseudoName("directory"),
  Options.withDescription(
    "Data directory of a hookline on this machine, where its address and key are found (HOOKLINE_DATA, else ./data). Given here it goes before HOOKLINE_URL and HOOKLINE_API_KEY, which go before HOOKLINE_DATA."
  ),
  Options.optional
)

export const workspace = Options.text("workspace").pipe(
  Options.withAlias("w"),
  Options.withDescription("The workspace (HOOKLINE_WORKSPACE). A key of a workspace needs none."),
  Options.optional
)

/** What every command that talks to the API takes. */
export const where = { data: dataDirectory.pipe(Options.withAlias("data")), json, workspace }

/** Where a command finds its server and workspace. */
export interface Where {
  readonly data: Option.Option<string>
  readonly workspace: Option.Option<string>
}

/** A whole number within its bounds. */
export const within = (name: string, low: number, high: number): Options.Options<number> =>
  Options.integer(name).pipe(
    Options.filterMap(
      (value) => Option.liftPredicate(value, (value) => value >= low && value <= high),
      `--${name} takes ${low} to ${high}`
    )
  )

const noId = (what: string): string => `The ${what}'s id must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -`

/** Ids become a part of a path: what is no token could name another route. */
export const idOf = (what: string): Args.Args<string> =>
  Args.text({ name: "id" }).pipe(
    Args.withDescription(`The ${what}'s id.`),
    Args.mapEffect((id) => isToken(id) ? Effect.succeed(id) : Effect.fail(HelpDoc.p(noId(what))))
  )

/** The id of another thing, to choose by: `name` is what it is. */
export const idOption = (name: string, text: string): Options.Options<Option.Option<string>> =>
  Options.text(name).pipe(
    Options.withPseudoName("id"),
    Options.filterMap((id) => Option.liftPredicate(id, (id) => isToken(id)), noId(name)),
    Options.withDescription(text),
    Options.optional
  )

/** A comma-separated list, blanks around its members dropped. */
export const listOf = (text: string): ReadonlyArray<string> =>
  text.split(",").map((part) => part.trim()).filter((part) => part !== "")

export const given = <Key extends string, A>(key: Key, value: Option.Option<A>): { readonly [K in Key]?: A } =>
  Option.isSome(value) ? { [key]: value.value } as { readonly [K in Key]: A } : {}

export const bold = (shell: ShellService) => (text: string): string =>
  shell.colour ? `\u001b[1m${text}\u001b[22m` : text

/** Where the output may be cut off, and how its titles look. */
export const layout = (shell: ShellService) => ({ width: shell.columns, bold: bold(shell) })

/** JSON for a script, else what `human` makes of it. */
export const print = <A>(
  asJson: boolean,
  value: A,
  human: (shell: ShellService, value: A) => string
): Effect.Effect<void, never, Shell> =>
  Effect.flatMap(Shell, (shell) => shell.out(asJson ? JSON.stringify(value, null, 2) : human(shell, value)))
