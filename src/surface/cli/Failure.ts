import { Data } from "effect"

/** What `hookline` answers to the shell: `wrong` is a mistake in the command line or in a setting. */
export const exitCodes = { ok: 0, failed: 1, wrong: 2 } as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** A command that did not do what was asked, in a sentence for a person. */
export class CommandFailed extends Data.TaggedError("CommandFailed")<{
  readonly message: string
  readonly exitCode: ExitCode
}> {}

export const failed = (message: string): CommandFailed => new CommandFailed({ message, exitCode: exitCodes.failed })

/** A command line or a setting that cannot be used. */
export const wrong = (message: string): CommandFailed => new CommandFailed({ message, exitCode: exitCodes.wrong })
