import { heldLimits, Overflow } from "../ledger/Spill.ts"
import type { Delivery } from "../model/Delivery.ts"
import type { ParsedEvent } from "../model/Event.ts"
import type { WebhookId, WorkspaceId } from "../model/Id.ts"
import { Asleep } from "./Asleep.ts"
import { Backlog } from "./Backlog.ts"
import { type Circuit, closed } from "./Circuit.ts"
import { Fifo } from "./Fifo.ts"
import { initial, type Lanes } from "./Lanes.ts"
import type { TokenBucket } from "./TokenBucket.ts"

/**
 * A live delivery in memory. `state` is what its last acknowledged record says, or READY and INFLIGHT, which have none. While a record is on its
 * way (`recording`) nothing else happens to it; what came meanwhile waits in `afterRecord`.
 */
export class Live {
  state: Delivery
  readonly endpoint: Endpoint
  /** In memory only while it is fresh; everything else is read back when its turn comes. */
  event: ParsedEvent | undefined
  /** Lets its event go: called once, when the delivery has its first acknowledged record or is cancelled. */
  settle: (() => void) | undefined
  #recording = false
  afterRecord: (() => void) | undefined
  /** Ends the attempt in flight at once. */
  abort: (() => void) | undefined
  /** When the attempt in flight was begun; when a ready one began to wait. */
  since = 0
  /** In flight for more than 2 s. */
  slow = false
  probe = false
  /** One of many that are sent again: it waits with the backlog, so that fresh ones keep their turns. */
  backlog = false
  /** Its webhook was deleted, or a retry by hand goes on in its place: nothing more comes of it. */
  cancelled = false
  /** When a timer looks at it again. */
  wakeAt = 0

  constructor(endpoint: Endpoint, state: Delivery) {
    this.endpoint = endpoint
    this.state = state
  }

  get recording(): boolean {
    return this.#recording
  }

  set recording(recording: boolean) {
    if (recording !== this.#recording) this.endpoint.recordings += recording ? 1 : -1
    this.#recording = recording
  }
}

/** Fresh deliveries may wait in an endpoint if their turn comes within a second, and never more than this. */
const queueMost = 4_096
const longestWait = 1_000
/** What an attempt of an endpoint that has answered none yet is taken for, milliseconds. */
const unknownPace = 5

/**
 * The actor of one webhook: a plain object that owns its queue, its lanes, its circuit and its rate. Only the engine touches it, on one
 * thread; it exists while it has a live delivery, or a circuit worth remembering.
 */
export class Endpoint {
  readonly webhookId: WebhookId
  readonly workspaceId: WorkspaceId
  readonly partition: number
  /** All live deliveries in memory, by their event's sequence, but those that are asleep. */
  readonly live = new Map<number, Live>()
  /** Those that are due later. */
  readonly asleep: Asleep
  /** Fresh ones, with their bodies, in order of arrival. */
  readonly ready = new Fifo<Live>()
  /** The backlog: HELD, oldest due first, as far as it is in memory. */
  readonly held = new Backlog()
  /** Which of the backlog stay in memory, and where the others are. */
  readonly overflow: Overflow
  /** How many of those in memory have a record on its way. */
  recordings = 0
  /** A part of the spill is being read back; not before `readAfter`, and whether the last reading came to its end. */
  reading = false
  readAfter = 0
  cameToEnd = false
  inFlight = 0
  /** Of those in flight, how many for more than 2 s. */
  slow = 0
  lanes: Lanes = initial
  circuit: Circuit = closed
  bucket: TokenBucket | undefined
  /** The moving average of what an attempt takes, from its start to its acknowledged record, in milliseconds. */
  pace: number | undefined
  /** When an attempt last ended, or began where none was in flight. */
  progressAt = 0
  /** The next one comes from the backlog: fresh and backlog take turns. */
  backlogNext = false
  /** After a fault on our side nothing is tried before then. */
  restUntil = 0
  /** Its earliest timer that is set. */
  alarmAt = Number.POSITIVE_INFINITY

  /** `recordedUpTo`: the highest sequence recorded so far; `epoch`: the owner's. */
  constructor(
    { webhookId, workspaceId }: Pick<Delivery, "webhookId" | "workspaceId">,
    partition: number,
    recordedUpTo: number,
    epoch: number,
    limits = heldLimits
  ) {
    this.workspaceId = workspaceId
    this.webhookId = webhookId
    this.asleep = new Asleep({ webhookId, workspaceId })
    this.partition = partition
    this.overflow = new Overflow(recordedUpTo, [0, epoch], limits)
  }

  /** Whether a delivery is in memory. */
  has(eventSequence: number): boolean {
    return this.live.has(eventSequence) || this.asleep.has(eventSequence)
  }

  /** How many deliveries are in memory. */
  get size(): number {
    return this.live.size + this.asleep.size
  }

  /** Whether a fresh delivery would have its turn within a second; if not, it is deferred at once. An endpoint that hangs is as slow as it hangs. */
  hasRoom(lanes: number, now: number): boolean {
    const waiting = this.ready.size
    if (this.inFlight + waiting < lanes) return true
    const pace = Math.max(this.pace ?? unknownPace, this.inFlight === 0 ? 0 : now - this.progressAt)
    return waiting < queueMost && (waiting + 1) * pace <= longestWait * lanes
  }

  /** Whether a lane is free and nothing waits for one. */
  isIdle(lanes: number): boolean {
    return this.waiting === 0 && this.inFlight < lanes
  }

  /** How long a ready delivery waits before it is deferred, milliseconds. */
  static readonly patience = longestWait

  /** Known to keep a place in the process for long. */
  isSlow(milliseconds: number): boolean {
    return this.slow > 0 || (this.pace ?? 0) > milliseconds
  }

  note(milliseconds: number): void {
    this.pace = this.pace === undefined ? milliseconds : this.pace * 0.8 + milliseconds * 0.2
  }

  /** Takes the next to attempt: fresh and backlog in turns; of a probe, the oldest due of all that may go. */
  next(probe: boolean, at: number): Live | undefined {
    const fresh = this.ready.peek()
    const backlog = this.held.peek(at)
    const fromBacklog = fresh === undefined || (backlog !== undefined &&
      (probe ? backlog.state.dueAt <= fresh.state.dueAt : this.backlogNext))
    this.backlogNext = !fromBacklog
    return fromBacklog ? this.held.pop(at) : this.ready.shift()
  }

  get waiting(): number {
    return this.ready.size + this.held.size
  }
}
