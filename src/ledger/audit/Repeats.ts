import type { StoredMessage } from "../../broker/Streams.ts"
import { Identities } from "../Identities.ts"
import { fingerprint } from "./DeliveryTable.ts"
import { idOf } from "./EventId.ts"
import type { Findings } from "./Findings.ts"
import type { EventRange } from "./RecordFold.ts"

/** An event that was recorded as the first of others. */
interface Winner {
  /** The fingerprint of its workspace and id. */
  readonly print: number
  /** Broker milliseconds. */
  readonly time: number
}

export interface RepeatsState {
  readonly wonBy: ReadonlyArray<readonly [number, number]>
  readonly winners: ReadonlyArray<readonly [number, Winner | undefined]>
}

/** Events that were recorded as repeats of others, and whether they are. */
export class Repeats {
  readonly #range: EventRange
  readonly #findings: Findings
  /** By the sequence of a repeat: the one that won. */
  readonly #wonBy: ReadonlyMap<number, number>
  /** By sequence; undefined until they are read. */
  readonly #winners: Map<number, Winner | undefined>

  /** `recorded`: by the sequence of a repeat, the one that won. */
  constructor(range: EventRange, findings: Findings, recorded: ReadonlyMap<number, number>, state?: RepeatsState) {
    this.#range = range
    this.#findings = findings
    this.#wonBy = new Map(state?.wonBy ?? recorded)
    this.#winners = new Map(state?.winners ?? Array.from(recorded.values(), (first) => [first, undefined] as const))
  }

  /** An event, in order: one that won is kept in mind. Says whether it was recorded as a repeat. */
  take(message: StoredMessage, workspaceId: string): boolean {
    if (this.#winners.has(message.sequence)) {
      this.#winners.set(message.sequence, { print: this.#print(message, workspaceId), time: message.time })
    }
    return this.#wonBy.has(message.sequence)
  }

  /** One that was recorded as a repeat: is it? */
  judge(message: StoredMessage, workspaceId: string): void {
    const first = this.#wonBy.get(message.sequence) ?? 0
    // The first has left the stream, or the range begins behind it.
    if (first < this.#range.first) return
    const winner = this.#winners.get(first)
    const isSame = first < message.sequence && winner?.print === this.#print(message, workspaceId)
    // An older one's repeat is an event of its own (CONTRACT 4).
    if (isSame && message.time - winner.time <= Identities.window) return
    this.#findings.add("bad_duplicate", () => ({
      message: `recorded as a repeat of event ${first}, which is ${isSame ? "more than a day older" : "another"}`,
      event_seq: message.sequence,
      event_id: idOf(message, this.#range.created),
      workspace_id: workspaceId,
      stream: "EVENTS",
      sequence: message.sequence
    }))
  }

  dump(): RepeatsState {
    return { wonBy: [...this.#wonBy], winners: [...this.#winners] }
  }

  #print(message: StoredMessage, workspaceId: string): number {
    return fingerprint(workspaceId, idOf(message, this.#range.created) ?? "")
  }
}
