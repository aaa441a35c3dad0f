import type { HooklineConfig } from "../../Config.ts"
import type { Answers, Questions } from "./Questions.ts"

/** What hookline and its history process say to each other. */

/** The first message: what the process needs to know. It comes over the pipe, because the address has credentials in it. */
export interface Begin {
  readonly type: "begin"
  readonly natsUrl: string
  readonly path: string
  readonly partitions: number
  readonly deliveriesStreams: number
  readonly logLevel: HooklineConfig["logLevel"]
  readonly logFormat: HooklineConfig["logFormat"]
  /** Creation times by stream. */
  readonly created: Readonly<Record<string, string>>
}

export interface Ask<Name extends keyof Questions = keyof Questions> {
  readonly type: "ask"
  readonly id: number
  readonly name: Name
  readonly question: Questions[Name]
}

/** Whether the one that delivers has all it can do: then the history reads at a rate that it does not feel. */
export interface Restrain {
  readonly type: "restrain"
  readonly on: boolean
}

export type ToHistory = Begin | Ask | Restrain

interface Answer<Name extends keyof Questions = keyof Questions> {
  readonly type: "answer"
  readonly id: number
  /** Undefined when the question failed: `problem` says why. */
  readonly value?: Answers[Name]
  readonly problem?: string
}

/**
 * `rebuilding`: a file that begins at nothing reads what there is, and answers no question; `following`: it keeps up; `locked`: another process
 * writes the file.
 */
export interface Progress {
  readonly type: "progress"
  readonly state: "rebuilding" | "following" | "locked"
  /** Messages read since the process began, and how many there are still to read. */
  readonly read: number
  readonly behind: number
  readonly unreadable: number
  readonly problem: string
}

export type FromHistory = Answer | Progress
