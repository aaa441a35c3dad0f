import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { settings } from "../../../Config.ts"
import { json, listOf, within } from "../Common.ts"
import { wrong } from "../Failure.ts"
import { Shell } from "../Shell.ts"
import type { ShellService } from "../Shell.ts"
import type { Verdict } from "../Verification.ts"

const number = (name: string, low: number, high: number, preset: number, text: string) =>
  within(name, low, high).pipe(Options.withDescription(`${text} Default: ${preset}.`), Options.withDefault(preset))

/** A header name, by the setting that the server has for it. */
const brand = (setting: typeof settings.signatureHeader) =>
  Options.text(setting.flag).pipe(
    Options.withDescription(`${setting.doc} Default: ${setting.default}. Environment: ${setting.env}.`),
    Options.optional
  )

export const receive = Command.make("receive", {
  fail: number("fail", 0, 1_000_000, 0, "Answer the first so many requests with 500."),
  headers: Options.text("headers").pipe(
    Options.withDescription("Headers to show, separated by commas; all shows every one."),
    Options.map((text) => listOf(text.toLowerCase())),
    Options.withDefault([])
  ),
  host: Options.text("host").pipe(
    Options.withDescription("Address to listen on. Default: 127.0.0.1."),
    Options.withDefault("127.0.0.1")
  ),
  json,
  port: number("port", 0, 65_535, 4000, "Port to listen on; 0 takes a free one."),
  secret: Options.text("secret").pipe(
    Options.withDescription("The webhook's secret: both signatures of each request are verified with it."),
    Options.optional
  ),
  signatureHeader: brand(settings.signatureHeader),
  standardPrefix: brand(settings.standardPrefix),
  status: number("status", 200, 599, 200, "Status of every answer.")
}, (input) =>
  Effect.gen(function*() {
    const shell = yield* Shell
    const [{ receive }, { jsonLine, pretty }] = yield* Effect.promise(() =>
      Promise.all([import("../Receiver.ts"), import("../Received.ts")])
    )
    const names = {
      signatureHeader: yield* nameOf(shell, settings.signatureHeader, input.signatureHeader),
      standardPrefix: yield* nameOf(shell, settings.standardPrefix, input.standardPrefix)
    }
    const shown = { ...names, headers: input.headers, mark: mark(shell) }
    const { fail, host, status } = input
    const port = yield* receive(
      { fail, host, port: input.port, status, expected: { ...names, secret: Option.getOrUndefined(input.secret) } },
      (received) => shell.out(input.json ? jsonLine(received) : pretty(received, shown))
    )
    // Not on standard output: there `--json` has one line a request.
    yield* shell.error(`listening on http://${host.includes(":") ? `[${host}]` : host}:${port}/ (Ctrl-C ends)`)
    return yield* Effect.never
  }).pipe(Effect.scoped)).pipe(
    Command.withDescription("Listen for webhooks: print what arrives and verify its signatures. For trying out.")
  )

const nameOf = (shell: ShellService, setting: typeof settings.signatureHeader, flag: Option.Option<string>) => {
  const text = Option.getOrElse(flag, () => shell.env[setting.env] ?? setting.default ?? "")
  const name = setting.parse(text)
  return name === undefined
    ? wrong(
      `${Option.isSome(flag) ? `--${setting.flag}` : setting.env} is ${
        JSON.stringify(text)
      }; accepted: ${setting.accepts}`
    )
    : Effect.succeed(name)
}

const colours: Record<Verdict, number> = { ok: 32, BAD: 31, absent: 33, unchecked: 33 }

const mark = (shell: ShellService) => (text: string, verdict: Verdict): string =>
  shell.colour ? `\u001b[${colours[verdict]}m${text}\u001b[39m` : text
