import { CliConfig, Command, HelpDoc, ValidationError } from "@effect/cli"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { Cause, Effect, Layer } from "effect"
import { stripVTControlCharacters } from "node:util"
import { asksForHelp, leading, normalized } from "./Arguments.ts"
import { commandName } from "./Banner.ts"
import { at } from "./commands/At.ts"
import { audit, auditPage } from "./commands/Audit.ts"
import { deliveries, deliveriesPage } from "./commands/Deliveries.ts"
import { doctor } from "./commands/Doctor.ts"
import { events, eventsPage } from "./commands/Events.ts"
import { eventTypes } from "./commands/EventTypes.ts"
import { jobs, jobsPage } from "./commands/Jobs.ts"
import { keys, keysPage } from "./commands/Keys.ts"
import { natsUrl } from "./commands/NatsUrl.ts"
import { publish } from "./commands/Publish.ts"
import { quarantine, quarantinePage } from "./commands/Quarantine.ts"
import { receive } from "./commands/Receive.ts"
import { replay } from "./commands/Replay.ts"
import { secrets, secretsPage } from "./commands/Secrets.ts"
import { start } from "./commands/Start.ts"
import type { StartProgram } from "./commands/Start.ts"
import { stats } from "./commands/Stats.ts"
import { webhooks, webhooksPage } from "./commands/Webhooks.ts"
import { workspaces } from "./commands/Workspaces.ts"
import type { CommandFailed } from "./Failure.ts"
import { exitCodes } from "./Failure.ts"
import type { ExitCode } from "./Failure.ts"
import { find, page, rendered } from "./Help.ts"
import { Shell } from "./Shell.ts"
import type { ShellService } from "./Shell.ts"
import { printable, printableLines } from "./Text.ts"

/** What `main.ts` gives to the command line. */
export interface Program {
  readonly version: string
  readonly start: StartProgram
}

const help = HelpDoc.blocks([
  HelpDoc.p("Publish an event, every subscribed endpoint gets a signed POST, nothing is lost."),
  HelpDoc.p(
    `Every command knows --help, and --json where it prints data. Commands that talk to a server find the one on this machine in its data directory, or another in HOOKLINE_URL and HOOKLINE_API_KEY. Lines to try: ${commandName} start --dev`
  ),
  HelpDoc.p("Exit codes: 0 done; 1 failed; 2 the command line or a setting is wrong.")
])

const hookline = (program: Program, logLevel: string | undefined) => {
  const starting = start(program.start, logLevel)
  const root = Command.make("hookline").pipe(
    Command.withDescription(help),
    Command.withSubcommands([
      starting,
      publish,
      events,
      webhooks,
      deliveries,
      jobs,
      stats,
      receive,
      quarantine,
      eventTypes,
      workspaces,
      keys,
      secrets,
      natsUrl,
      doctor,
      audit,
      replay,
      at
    ])
  )
  const pages = page("hookline", root, [
    page("start", starting),
    page("publish", publish),
    eventsPage,
    webhooksPage,
    deliveriesPage,
    jobsPage,
    page("stats", stats),
    page("receive", receive),
    quarantinePage,
    page("event-types", eventTypes),
    page("workspaces", workspaces),
    keysPage,
    secretsPage,
    page("nats-url", natsUrl),
    page("doctor", doctor),
    auditPage,
    page("replay", replay),
    page("at", at)
  ])
  return { root, pages }
}

/**
 * Runs the command that `words` (what follows the script's name) says, to the code that the process should exit with.
 * Never fails; what goes wrong is printed as `error: …`. Interrupting it stops the command.
 */
export const run = (words: ReadonlyArray<string>, program: Program): Effect.Effect<ExitCode, never, Shell> =>
  Effect.gen(function*() {
    const shell = yield* Shell
    const { logLevel, words: read } = normalized(words)
    const { pages, root } = hookline(program, logLevel)
    const named = leading(words)
    const found = find(pages, named)
    const isGroup = found.page.children.length > 0
    const unknown = named[found.path.length]
    if (asksForHelp(words) || (isGroup && words.length === found.path.length)) {
      return yield* Effect.as(shell.out(rendered(found, shell)), exitCodes.ok)
    }
    if (isGroup && unknown !== undefined) {
      const names = found.page.children.map(({ name }) => name).join(", ")
      yield* shell.error(
        `error: there is no command ${printable([...found.path, unknown].join(" "))}; there are ${names}`
      )
      return exitCodes.wrong
    }
    return yield* Command.run(root, { name: "hookline", version: program.version })(["node", "hookline", ...read]).pipe(
      Effect.as(exitCodes.ok),
      Effect.catchAll((error) => reported(shell, found.path, error)),
      Effect.catchAllCause((cause) =>
        Cause.isInterrupted(cause)
          ? Effect.failCause(cause as Cause.Cause<never>)
          : Effect.as(shell.error(`error: a fault of hookline's own\n${Cause.pretty(cause)}`), exitCodes.failed)
      ),
      throughShell(shell)
    )
  }).pipe(Effect.provide(environment))

const environment = Layer.merge(NodeContext.layer, CliConfig.layer({ isCaseSensitive: true }))

const reported = (
  shell: ShellService,
  path: ReadonlyArray<string>,
  error: CommandFailed | ValidationError.ValidationError
): Effect.Effect<ExitCode> =>
  ValidationError.isValidationError(error)
    // The library has printed what is wrong.
    ? Effect.as(shell.error(`See: ${[commandName, ...path].join(" ")} --help`), exitCodes.wrong)
    : Effect.as(shell.error(`error: ${printableLines(error.message)}`), error.exitCode)

/** The library prints through the console, always with colours. */
const throughShell = (shell: ShellService) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.consoleWith((console) =>
    Effect.withConsole(effect, {
      ...console,
      log: (text: unknown) => shell.out(plain(text)),
      error: (text: unknown) => shell.error(`error: ${plain(text)}`)
    })
  )

const plain = (text: unknown): string => stripVTControlCharacters(String(text)).trim()
