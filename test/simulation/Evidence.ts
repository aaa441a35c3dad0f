import { type Answer, bodyOf, type Entry, type Ownership, type RecordState, type SavedSnapshot } from "./Journal.ts"
import type { Post } from "./model/Endpoints.ts"
import type { Process } from "./Process.ts"

/** What a run leaves to judge. Times are milliseconds of the world. */
export interface Evidence {
  readonly journal: ReadonlyArray<Entry>
  readonly posts: ReadonlyArray<Post>
  readonly offsets: ReadonlyArray<number>
  /** Events that were acknowledged to their publisher, by sequence. */
  readonly acknowledged: ReadonlyArray<number>
  readonly ownerships: ReadonlyArray<Ownership>
  /** When something between the processes and the broker was wrong. */
  readonly troubles: ReadonlyArray<readonly [from: number, to: number]>
  /** When the broker's clock jumped. */
  readonly jumps: ReadonlyArray<number>
  /** Retries by hand and what whoever asked heard. */
  readonly retries: ReadonlyArray<{ readonly key: string; readonly order: number; readonly answer: string | undefined }>
  readonly answers: ReadonlyArray<Answer>
  readonly snapshots: ReadonlyArray<SavedSnapshot>
}

export type Found = (invariant: string, detail: string) => void

/** States after which nothing comes by itself. */
export const ended: ReadonlySet<string> = new Set(["succeeded", "failed", "suppressed"])

type Position = Pick<RecordState, "epoch" | "step">

export const isNewer = (one: Position, other: Position | undefined): boolean =>
  other === undefined || one.epoch > other.epoch || (one.epoch === other.epoch && one.step > other.step)

export const newestOf = (states: ReadonlyArray<RecordState>): RecordState | undefined =>
  states.reduce<RecordState | undefined>((newest, one) => isNewer(one, newest) ? one : newest, undefined)

export const keyOf = (state: Pick<RecordState, "webhookId" | "eventId">): string =>
  `${state.webhookId}/${state.eventId}`

/** The longest time between two moments in which nothing was wrong. */
export const longestPeace = (troubles: Evidence["troubles"], from: number, to: number): number => {
  let longest = 0
  let since = from
  for (const [begin, end] of [...troubles].sort(([one], [other]) => one - other)) {
    longest = Math.max(longest, Math.min(begin, to) - since)
    since = Math.max(since, end)
  }
  return Math.max(longest, to - since)
}

interface Claim {
  readonly epoch: number
  readonly order: number
  readonly from: Process
}

/** When each partition was claimed, with which epoch and by whom. */
export class Claims {
  readonly #claims = new Map<string, Array<Claim>>()

  constructor(journal: ReadonlyArray<Entry>) {
    for (const entry of journal) {
      // A position that was put back is no claim.
      if (entry.stream !== "KV_POSITIONS" || entry.from === undefined) continue
      const partition = entry.message.subject.split(".")[2] ?? ""
      const epoch = Number(bodyOf(entry)["epoch"])
      const known = this.#claims.get(partition)
      const claim = { epoch, order: entry.order, from: entry.from }
      if (known === undefined) this.#claims.set(partition, [claim])
      else if (!known.some((other) => other.epoch === epoch)) known.push(claim)
    }
  }

  /** Of the partition that a record is of. */
  of({ message }: Entry): ReadonlyArray<Claim> {
    return this.#claims.get(`p${message.subject.split(".")[1]}`) ?? []
  }

  /** Written by an owner after another had claimed its partition. */
  isLate({ entry, epoch }: RecordState): boolean {
    return this.of(entry).some((claim) => claim.epoch > epoch && claim.order < entry.order)
  }

  /** The claim in whose name a process acts at some point. */
  lastBy(process: Process, entry: Entry, order: number): Claim | undefined {
    return this.of(entry).findLast((claim) => claim.from === process && claim.order < order)
  }
}
