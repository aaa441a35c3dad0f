/** What an audit can find. The names stand in JSON and in docs/auditing.md. */
export type FindingKind =
  /** A webhook was subscribed, and nothing says what became of the event for it. */
  | "missing"
  /** Above the floor, and without a record for longer than a worker that runs lets anything be. */
  | "unsettled"
  /** A record of a delivery whose event was never published. */
  | "no_event"
  /** A record whose event has another workspace, type or id. */
  | "other_event"
  /** A delivery to a webhook that was not subscribed. */
  | "unowed"
  /** Attempts of a delivery without a record, between others. */
  | "attempt_gap"
  /** Records of a delivery are missing, between others. */
  | "record_gap"
  /** A record that cannot follow the one before it. */
  | "impossible"
  /** An end without an attempt, and without what would be its reason. */
  | "unfounded"
  /** An attempt before it was due. */
  | "early"
  /** Due for longer than a worker that runs lets anything be. */
  | "overdue"
  /** Held for a reason that was none, or for longer than a worker that runs lets its webhook's backlog be. */
  | "unheld"
  /** Live although its event has left, or is about to. */
  | "unexpired"
  /** Input that is no event, and is not in quarantine. */
  | "unquarantined"
  /** A repeat of an event that it does not repeat. */
  | "bad_duplicate"
  /** Sequences of a stream that are not there. */
  | "removed"
  /** Sequences whose bytes are other ones than were sealed. */
  | "altered"
  /** A message that cannot be what its subject says. */
  | "unreadable"

export interface Finding {
  readonly kind: FindingKind
  readonly message: string
  /** Of the event, in EVENTS. */
  readonly event_seq?: number | undefined
  readonly event_id?: string | undefined
  readonly workspace_id?: string | undefined
  readonly webhook_id?: string | undefined
  readonly delivery_id?: string | undefined
  /** Where the message stands that shows it. */
  readonly stream?: string | undefined
  readonly sequence?: number | undefined
}

/** So many findings of a kind are kept; all are counted. */
const findingsKept = 1000

export interface FindingsState {
  readonly kept: ReadonlyArray<Finding>
  readonly counts: Readonly<Partial<Record<FindingKind, number>>>
}

export class Findings {
  readonly #kept: Array<Finding>
  readonly #counts: Map<FindingKind, number>

  constructor(state?: FindingsState) {
    this.#kept = [...state?.kept ?? []]
    this.#counts = new Map(Object.entries(state?.counts ?? {}) as Array<[FindingKind, number]>)
  }

  /** `finding` is made only when it is kept. */
  add(kind: FindingKind, finding: () => Omit<Finding, "kind">): void {
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    if (count <= findingsKept) this.#kept.push({ kind, ...finding() })
  }

  /** With those of another. */
  with(other: Findings): FindingsState {
    const both = new Findings(this.dump())
    for (const finding of other.#kept) both.add(finding.kind, () => finding)
    for (const [kind, count] of other.#counts) both.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count)
    return both.dump()
  }

  dump(): FindingsState {
    return { kept: [...this.#kept], counts: Object.fromEntries(this.#counts) }
  }
}
