/** What is live, or was cancelled, a line each; so many of a state are kept, all are counted. */
const linesKept = 1000

export interface Line {
  readonly state: "due" | "held" | "ready" | "open" | "cancelled" | "either_way"
  readonly delivery_id: string
  readonly event_seq: number
  readonly webhook_id: string
  readonly workspace_id: string
  readonly due_at?: string
}

export interface EventCounts {
  events: number
  /** Deliveries in the range, by what their newest record says, or what stands for one. */
  succeeded: number
  failed: number
  suppressed: number
  cancelled: number
  due: number
  held: number
  ready: number
  /** Owed, of events above the floor, and without a record yet. */
  open: number
  /** A change of the webhook fell between two positions: it may have been owed or not. */
  either_way: number
  duplicates: number
  quarantined: number
  /** Deliveries whose event left EVENTS while the audit ran. */
  aged: number
}

export interface TallyState {
  readonly counts: EventCounts
  readonly lines: ReadonlyArray<Line>
}

const noCounts: EventCounts = {
  events: 0,
  succeeded: 0,
  failed: 0,
  suppressed: 0,
  cancelled: 0,
  due: 0,
  held: 0,
  ready: 0,
  open: 0,
  either_way: 0,
  duplicates: 0,
  quarantined: 0,
  aged: 0
}

/** What became of events and of their deliveries. */
export class Tally {
  readonly counts: EventCounts
  readonly lines: Array<Line>

  constructor(state?: TallyState) {
    this.counts = { ...state?.counts ?? noCounts }
    this.lines = [...state?.lines ?? []]
  }

  /** Counts a delivery that has not ended by a record, and keeps its line if there is room. */
  line(line: Line): void {
    if (++this.counts[line.state] <= linesKept) this.lines.push(line)
  }

  dump(): TallyState {
    return { counts: { ...this.counts }, lines: [...this.lines] }
  }
}
