import { Effect, Option, Redacted } from "effect"
import { localServer } from "../../broker/DataDirectory.ts"
import { settings } from "../../Config.ts"
import { isToken, WorkspaceId } from "../../model/Id.ts"
import { commandName } from "./Banner.ts"
import type { Where } from "./Common.ts"
import { failed, wrong } from "./Failure.ts"
import type { CommandFailed } from "./Failure.ts"
import { Shell } from "./Shell.ts"
import type { ShellService } from "./Shell.ts"

/** The API a command talks to. */
export interface Target {
  /** Without a slash at its end. */
  readonly url: string
  readonly key: Redacted.Redacted
  /** Where the key is from, for the message when it is refused. */
  readonly keySource: string
}

const variable = (shell: ShellService, name: string): Option.Option<string> =>
  Option.filter(Option.fromNullable(shell.env[name]), (value) => value !== "")

/** The data directory: the flag, else HOOKLINE_DATA, else ./data. */
export const directoryOf = (shell: ShellService, flag: Option.Option<string>): string =>
  Option.getOrElse(Option.orElse(flag, () => variable(shell, settings.data.env)), () => settings.data.default ?? "")

/**
 * Which server: `--data-dir` when given; else HOOKLINE_URL with HOOKLINE_API_KEY; else the server that runs on
 * HOOKLINE_DATA or ./data. The key in a directory is only ever sent to the server of that directory.
 */
export const resolveTarget = (flag: Option.Option<string>): Effect.Effect<Target, CommandFailed, Shell> =>
  Effect.gen(function*() {
    const shell = yield* Shell
    const url = variable(shell, "HOOKLINE_URL")
    return yield* Option.isSome(url) && Option.isNone(flag)
      ? fromEnvironment(shell, url.value)
      : fromDirectory(shell, flag)
  })

const fromEnvironment = (shell: ShellService, text: string): Effect.Effect<Target, CommandFailed> => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (
    url === undefined || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "" ||
    url.username !== "" || url.password !== ""
  ) {
    return wrong("HOOKLINE_URL is not an http or https address of a hookline, such as http://127.0.0.1:8080")
  }
  const key = variable(shell, "HOOKLINE_API_KEY")
  if (Option.isNone(key)) {
    return wrong(
      "HOOKLINE_URL is set and HOOKLINE_API_KEY is not: set both, or neither to use the server on this machine"
    )
  }
  return Effect.succeed({
    url: url.href.replace(/\/+$/, ""),
    key: Redacted.make(key.value),
    keySource: "HOOKLINE_API_KEY"
  })
}

const fromDirectory = (shell: ShellService, flag: Option.Option<string>): Effect.Effect<Target, CommandFailed> =>
  Effect.gen(function*() {
    const directory = directoryOf(shell, flag)
    const found = yield* localServer(directory).pipe(Effect.mapError(({ message }) => wrong(message)))
    if (Option.isNone(found)) {
      return yield* failed(
        `no hookline is running on the data directory ${directory}. Start one with \`${commandName} start --dev\`, or name one with HOOKLINE_URL and HOOKLINE_API_KEY`
      )
    }
    const server = found.value
    const named = (source: string) =>
      Option.map(variable(shell, source), (key) => [Redacted.make(key), source] as const)
    const own = Option.map(server.operatorKey, (key) => [key, `the data directory ${directory}`] as const)
    // The order of the addresses above: what was named for this call, then the environment, then what lies there.
    const order = Option.isSome(flag)
      ? [own, named("HOOKLINE_API_KEY"), named("HOOKLINE_OPERATOR_KEY")]
      : [named("HOOKLINE_API_KEY"), own, named("HOOKLINE_OPERATOR_KEY")]
    const key = Option.firstSomeOf(order)
    if (Option.isNone(key)) {
      return yield* wrong(
        `the hookline on ${directory} was given its key by HOOKLINE_OPERATOR_KEY: set HOOKLINE_API_KEY to that key`
      )
    }
    return { url: server.url.replace(/\/+$/, ""), key: key.value[0], keySource: key.value[1] }
  })

/**
 * The workspace that was named, if one was. It is never guessed, for an event in the wrong one is a customer's data at another customer's:
 * where none was named the server takes the key's own, and refuses a key that has none.
 */
export const namedWorkspace = (
  { workspace }: Where
): Effect.Effect<Option.Option<WorkspaceId>, CommandFailed, Shell> =>
  Effect.flatMap(Shell, (shell) => {
    const name = Option.orElse(workspace, () => variable(shell, "HOOKLINE_WORKSPACE"))
    return Option.match(name, {
      onNone: () => Effect.succeedNone,
      onSome: (text) =>
        isToken(text)
          ? Effect.succeedSome(WorkspaceId.make(text))
          : wrong("a workspace is 1 to 64 characters of A-Z, a-z, 0-9, _ and -")
    })
  })
