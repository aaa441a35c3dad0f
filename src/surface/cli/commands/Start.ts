import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { load, settings } from "../../../Config.ts"
import type { HooklineConfig } from "../../../Config.ts"
import { failed, wrong } from "../Failure.ts"
import { Shell } from "../Shell.ts"

/** What went wrong while the product was started or ran: `InvalidSetting` is for the person who gave it. */
interface StartFailure {
  readonly _tag: string
  readonly message: string
}

/** Runs the product until it is interrupted. Handed in by `main.ts`: surface may import neither worker nor actors. */
export type StartProgram = (config: HooklineConfig) => Effect.Effect<void, StartFailure>

const flags = Options.all(
  Object.fromEntries(
    Object.values(settings).map(({ accepts, default: preset, doc, env, flag }) => [
      flag,
      Options.text(flag).pipe(
        Options.withPseudoName("value"),
        Options.withDescription(
          `${doc} Accepts ${accepts}. ${
            preset === undefined || preset === "" ? "Not set by default" : `Default: ${preset}`
          }. Environment: ${env}.`
        ),
        Options.optional
      )
    ])
  )
)

const dev = Options.boolean("dev").pipe(
  Options.withDescription("Allow endpoints on http and on loopback, to try out; not for production.")
)

/**
 * `logLevel` is the value of `--log-level`, which the library would take for its own built-in option of that name.
 */
export const start = (program: StartProgram, logLevel: string | undefined) =>
  Command.make("start", { dev, flags }, ({ dev, flags }) =>
    Effect.gen(function*() {
      const { env } = yield* Shell
      const given = Object.fromEntries(
        Object.entries(flags).map(([name, value]) => [name, Option.getOrUndefined(value)])
      )
      const config = yield* load({ flags: { ...given, [settings.logLevel.flag]: logLevel }, env, dev }).pipe(
        Effect.mapError(({ message }) => wrong(message))
      )
      yield* program(config).pipe(
        Effect.mapError(({ _tag, message }) => (_tag === "InvalidSetting" ? wrong : failed)(message))
      )
    })).pipe(
      Command.withDescription(
        "Run broker, worker and API in one process, until Ctrl-C. Every setting is a flag, which goes before its environment variable."
      )
    )
