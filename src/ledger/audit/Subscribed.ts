import { Either, Option } from "effect"
import type { StoredMessage } from "../../broker/Streams.ts"
import { parseWebhookSubject } from "../../broker/Subjects.ts"
import type { WebhookId, WorkspaceId } from "../../model/Id.ts"
import { verdictOn } from "../../model/Matching.ts"
import type { Webhook, WebhookStatus } from "../../model/Webhook.ts"
import { decodeFact } from "../../model/WebhookFacts.ts"
import { evolve } from "../../model/WebhookLife.ts"

/** From a position in WEBHOOKS on, what decides who gets an event. */
interface Version extends Pick<Webhook, "id" | "events" | "deleted" | "revision"> {
  readonly sequence: number
  /** Verdicts by type, on events that are about no webhook. */
  readonly matches: Map<string, boolean>
}

export interface Subscriber {
  readonly id: WebhookId
  readonly workspaceId: WorkspaceId
  /** When it was deleted, broker milliseconds of the message. */
  readonly deletedAt: number | undefined
  /** As it is now. */
  readonly webhook: Pick<Webhook, "state" | "rateLimit" | "drainRate">
  /** Of its last change, broker milliseconds. */
  readonly changedAt: number
  /** When it was paused, and disabled, oldest first; the last may last. */
  readonly spans: Readonly<Record<Interrupted, ReadonlyArray<Span>>>
}

type Interrupted = Exclude<WebhookStatus, "enabled">
const interrupted: ReadonlyArray<Interrupted> = ["paused", "disabled"]

interface Span {
  /** Broker milliseconds. */
  readonly from: number
  readonly until: number
}

/** How far a record may be behind the change of the webhook that it answers, and the clock of the one from the other's. */
const changedWithin = 60_000

/** Whether it was paused or disabled within a minute of a time. */
export const wasOnce = ({ spans }: Subscriber, state: Interrupted, time: number): boolean =>
  spans[state].some(({ from, until }) => from <= time + changedWithin && until >= time - changedWithin)

interface Known extends Subscriber {
  webhook: Webhook
  deletedAt: number | undefined
  changedAt: number
  readonly spans: Readonly<Record<Interrupted, Array<Span>>>
  /** Oldest first; only facts that change who gets what. */
  readonly versions: Array<Version>
}

interface Workspace {
  readonly webhooks: Array<Known>
  /** Sequences of what changed who gets what, in order. */
  readonly changes: Array<number>
  /** By type: who is owed it after so many changes. The last that was asked for: events come in order. */
  readonly asked: Map<string, { readonly changes: number; readonly owed: ReadonlyArray<Subscriber> }>
}

/** An event as far as it decides who gets it. */
export interface Owed {
  readonly workspaceId: string
  readonly type: string
  readonly about: WebhookId | undefined
}

const none: ReadonlyArray<Subscriber> = []

/** How many of the ordered numbers are at most `limit`. */
const countUpTo = (numbers: ReadonlyArray<number>, limit: number): number => {
  let [low, high] = [0, numbers.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] ?? 0) <= limit) low = middle + 1
    else high = middle
  }
  return low
}

/** Who was subscribed at any position of WEBHOOKS: the fold of the whole stream, with every version that differs in who gets what. */
export class Subscribed {
  readonly #webhooks = new Map<string, Known>()
  readonly #workspaces = new Map<string, Workspace>()
  /** Broker times of the messages that were folded, by their order, and their sequences. */
  readonly #times: Array<number> = []
  readonly #sequences: Array<number> = []

  /** Folds a message; says why it could not, if so. In order. */
  take(message: Pick<StoredMessage, "subject" | "sequence" | "time" | "data">): string | undefined {
    this.#times.push(message.time)
    this.#sequences.push(message.sequence)
    const place = Option.getOrUndefined(parseWebhookSubject(message.subject))
    if (place === undefined) return "its subject is not webhooks.<workspace>.<webhook>"
    const decoded = decodeFact(message.data)
    if (Either.isLeft(decoded)) return decoded.left
    const fact = decoded.right
    if (fact.webhookId !== place.webhookId || fact.workspaceId !== place.workspaceId) {
      return "it names another webhook than its subject does"
    }
    const known = this.#webhooks.get(fact.webhookId)
    const webhook = evolve(known?.webhook, fact)
    if (webhook === undefined || webhook === known?.webhook) {
      return `${fact.type} of revision ${fact.revision} does not fit what is there`
    }
    const { deleted, events, id, revision, workspaceId } = webhook
    const before = known?.webhook
    if (known === undefined || before?.deleted !== deleted || before.events !== events) {
      const version: Version = { id, events, deleted, revision, sequence: message.sequence, matches: new Map() }
      const workspace = this.#workspace(workspaceId)
      workspace.changes.push(message.sequence)
      if (known === undefined) {
        const added: Known = {
          id,
          workspaceId,
          webhook,
          deletedAt: undefined,
          changedAt: message.time,
          spans: { paused: [], disabled: [] },
          versions: [version]
        }
        this.#webhooks.set(id, added)
        workspace.webhooks.push(added)
      } else known.versions.push(version)
    }
    if (known !== undefined) {
      // Between the two it took effect.
      const [earliest, latest] = [Math.min(fact.at, message.time), Math.max(fact.at, message.time)]
      for (const state of interrupted) {
        if ((webhook.state === state) === (before?.state === state)) continue
        const spans = known.spans[state]
        if (webhook.state === state) spans.push({ from: earliest, until: Number.POSITIVE_INFINITY })
        else spans.push({ from: spans.pop()?.from ?? earliest, until: latest })
      }
      known.changedAt = latest
      known.webhook = webhook
      if (deleted) known.deletedAt = message.time
    }
    return undefined
  }

  get size(): number {
    return this.#webhooks.size
  }

  find(webhookId: string): Subscriber | undefined {
    return this.#webhooks.get(webhookId)
  }

  /** Whether anything has changed behind a position in who gets what of a workspace. */
  changedAfter(workspaceId: string, position: number): boolean {
    return (this.#workspaces.get(workspaceId)?.changes.at(-1) ?? 0) > position
  }

  /** The position up to which everything was there before `time`: what was stored in the same millisecond may have come later. */
  before(time: number): number {
    let [low, high] = [0, this.#times.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#times[middle] ?? 0) < time) low = middle + 1
      else high = middle
    }
    return this.#sequences[low - 1] ?? 0
  }

  /** Who surely is owed an event that was matched at a position from `from` to `to`, and who is at some of these only. */
  owed(event: Owed, from: number, to: number): {
    readonly surely: ReadonlyArray<Subscriber>
    readonly perhaps: ReadonlyArray<Subscriber>
  } {
    const workspace = this.#workspaces.get(event.workspaceId)
    if (workspace === undefined) return { surely: none, perhaps: none }
    const changes = countUpTo(workspace.changes, from)
    if (changes !== countUpTo(workspace.changes, to)) {
      const surely: Array<Subscriber> = []
      const perhaps: Array<Subscriber> = []
      for (const webhook of workspace.webhooks) {
        const verdicts = this.#verdicts(webhook, event, from, to)
        if (!verdicts.includes(true)) continue
        if (verdicts.includes(false)) perhaps.push(webhook)
        else surely.push(webhook)
      }
      return { surely, perhaps }
    }
    const asked = event.about === undefined ? workspace.asked.get(event.type) : undefined
    if (asked?.changes === changes) return { surely: asked.owed, perhaps: none }
    const owed = workspace.webhooks.filter((webhook) => this.#verdicts(webhook, event, from, from).includes(true))
    if (event.about === undefined) workspace.asked.set(event.type, { changes, owed })
    return { surely: owed, perhaps: none }
  }

  /** Whether a webhook as it was at this revision is owed the event. */
  matchesAt(webhookId: string, revision: number, event: Owed): boolean {
    const known = this.#webhooks.get(webhookId)
    if (known === undefined || known.workspaceId !== event.workspaceId || revision > known.webhook.revision) {
      return false
    }
    const version = known.versions.findLast((version) => version.revision <= revision)
    return version !== undefined && matches(version, event)
  }

  /** Of the version at `from`, and of each later one up to `to`. A webhook that is not there yet is owed nothing. */
  #verdicts({ versions }: Known, event: Owed, from: number, to: number): ReadonlyArray<boolean> {
    const first = versions.findLastIndex(({ sequence }) => sequence <= from)
    const verdicts = first === -1 ? [false] : []
    for (let index = Math.max(first, 0); index < versions.length; index++) {
      const version = versions[index]
      if (version === undefined || version.sequence > Math.max(from, to)) break
      verdicts.push(matches(version, event))
    }
    return verdicts
  }

  #workspace(id: string): Workspace {
    const known = this.#workspaces.get(id)
    if (known !== undefined) return known
    const workspace: Workspace = { webhooks: [], changes: [], asked: new Map() }
    this.#workspaces.set(id, workspace)
    return workspace
  }
}

const matches = (version: Version, { about, type }: Owed): boolean => {
  if (about !== undefined) return verdictOn(version, { type, about }) === "matched"
  let known = version.matches.get(type)
  if (known === undefined) {
    known = verdictOn(version, { type }) === "matched"
    version.matches.set(type, known)
  }
  return known
}
