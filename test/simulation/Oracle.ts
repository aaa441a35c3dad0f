/**
 * What must be so after every run, judged from what the broker stored and what the endpoints got, and from nothing of the product's own: its fold, its
 * matching and its schedule are worked out here again, plainly.
 */
import { bodyOf, type Entry, type RecordState, statesOf } from "./Journal.ts"
import type { Post } from "./model/Endpoints.ts"
import type { Process } from "./Process.ts"

export interface Evidence {
  readonly journal: ReadonlyArray<Entry>
  readonly posts: ReadonlyArray<Post>
  readonly offsets: ReadonlyArray<number>
  /** Events that were acknowledged to their publisher, by sequence. */
  readonly acknowledged: ReadonlyArray<number>
  /** When a process crashed, was frozen, stopped, or lost its lease for a while. */
  readonly interruptions: ReadonlyMap<Process, ReadonlyArray<number>>
  /** Retries by hand and what was answered. */
  readonly retries: ReadonlyArray<{ readonly key: string; readonly order: number; readonly answer: string | undefined }>
  /** Whether the broker's clock jumped. */
  readonly clockJumped: boolean
  /** By how much a measurement of the broker's time may move an owner's: half of the difference between the ways there and back. Milliseconds. */
  readonly clockError: number
}

export type Violation = `${string}: ${string}`

const ended = new Set(["succeeded", "failed", "suppressed"])
const spacing = 5 * 60_000
/** How much two owners' notions of the broker's time may differ, milliseconds: half of what a slow answer takes. */
const ownersDisagree = 2_000
/** How far behind WEBHOOKS a worker may be, milliseconds. */
const projectionLag = 7_000

const isNewer = (one: RecordState, other: RecordState | undefined): boolean =>
  other === undefined || one.epoch > other.epoch || (one.epoch === other.epoch && one.step > other.step)

const subscribes = (events: ReadonlyArray<string>, type: string): boolean =>
  events.some((wanted) => wanted === "*" || wanted === type || wanted === `${type.split(".")[0]}.*`)

interface Fact {
  readonly order: number
  readonly at: number
  readonly type: string
  readonly events: ReadonlyArray<string> | undefined
}

interface StoredEvent {
  readonly entry: Entry
  readonly workspaceId: string
  readonly id: string
  readonly type: string
}

const keyOf = (state: Pick<RecordState, "webhookId" | "eventId">): string => `${state.webhookId}/${state.eventId}`

export const judge = (evidence: Evidence): ReadonlyArray<Violation> => {
  const { journal, posts } = evidence
  const violations: Array<Violation> = []
  const found = (invariant: string, detail: string) => violations.push(`${invariant}: ${detail}`)

  // --- who is subscribed, by the facts
  const facts = new Map<string, Array<Fact>>()
  const workspaceOf = new Map<string, string>()
  for (const entry of journal.filter(({ stream }) => stream === "WEBHOOKS")) {
    const body = bodyOf(entry)
    const id = String(body["webhook_id"])
    workspaceOf.set(id, String(body["workspace_id"]))
    const known = facts.get(id) ?? []
    known.push({
      order: entry.order,
      at: entry.at,
      type: String(body["type"]),
      events: body["events"] as ReadonlyArray<string> | undefined
    })
    facts.set(id, known)
  }

  // --- what was published; only the first of an identity is owed
  const events: Array<StoredEvent> = []
  const first = new Map<string, number>()
  const repeats: Array<StoredEvent> = []
  const quarantined = new Set(
    journal.filter(({ stream }) => stream === "QUARANTINE").map(({ message }) =>
      Number(message.header("Hookline-Sequence"))
    )
  )
  for (const entry of journal.filter(({ stream }) => stream === "EVENTS")) {
    const { header, sequence, subject } = entry.message
    const [ev, , workspaceId = "", entity = "", action = ""] = subject.split(".")
    if (header("Hookline-Notice") !== undefined) continue
    let body: Readonly<Record<string, unknown>> | undefined
    try {
      body = bodyOf(entry)
    } catch {
      // No event.
    }
    if (ev !== "ev" || typeof body?.["data"] !== "object") {
      if (!quarantined.has(sequence)) found("nothing is dropped", `event ${sequence} is none and is not in quarantine`)
      continue
    }
    if (quarantined.has(sequence)) found("nothing is dropped", `event ${sequence} is in quarantine and is an event`)
    const event = { entry, workspaceId, id: String(body["id"]), type: `${entity}.${action}` }
    const identity = `${workspaceId}/${event.id}`
    if (first.has(identity)) repeats.push(event)
    else {
      first.set(identity, sequence)
      events.push(event)
    }
  }
  const stored = new Set(journal.filter(({ stream }) => stream === "EVENTS").map(({ message }) => message.sequence))
  for (const sequence of evidence.acknowledged) {
    if (!stored.has(sequence)) found("acknowledged is stored", `event ${sequence} is not`)
  }

  // --- the records, by delivery, in the order in which they were stored
  const records = new Map<string, Array<RecordState>>()
  const duplicates = new Set<number>()
  for (const entry of journal) {
    if (!entry.stream.startsWith("DELIVERIES-")) continue
    if (entry.message.subject.endsWith(".duplicate")) duplicates.add(Number(bodyOf(entry)["event_seq"]))
    for (const state of statesOf(entry)) {
      const key = keyOf(state)
      const known = records.get(key)
      if (known === undefined) records.set(key, [state])
      else known.push(state)
    }
  }
  for (const { entry, id } of repeats) {
    const { sequence } = entry.message
    if (!duplicates.has(sequence)) {
      found("a repeat is recorded", `event ${sequence} (${id}) is a repeat without a record`)
    }
  }
  const repeated = new Set(repeats.map(({ entry }) => entry.message.sequence))

  // --- the epochs: when each was claimed
  const claims = new Map<string, Array<{ readonly epoch: number; readonly order: number }>>()
  for (const entry of journal.filter(({ stream }) => stream === "KV_POSITIONS")) {
    const partition = entry.message.subject.split(".")[2] ?? ""
    const epoch = Number(bodyOf(entry)["epoch"])
    const known = claims.get(partition) ?? []
    // A position that was put back is no claim.
    if (entry.from !== undefined && !known.some((claim) => claim.epoch === epoch)) {
      known.push({ epoch, order: entry.order })
    }
    claims.set(partition, known)
  }
  const claimsOf = (entry: Entry) => claims.get(`p${entry.message.subject.split(".")[1]}`) ?? []
  /** Written by an owner after another had claimed its partition. */
  const isLate = ({ entry, epoch }: RecordState): boolean =>
    claimsOf(entry).some((claim) => claim.epoch > epoch && claim.order < entry.order)

  for (const event of events) {
    for (const [webhookId, all] of facts) {
      if (workspaceOf.get(webhookId) !== event.workspaceId) continue
      const before = all.filter(({ order }) => order < event.entry.order)
      const subscribed = before.findLast((fact) => fact.events !== undefined)?.events
      const deleted = all.some(({ type }) => type === "webhook.deleted")
      const changed = all.some((fact) => fact.order > event.entry.order && fact.events !== undefined)
      if (subscribed === undefined || deleted || changed || !subscribes(subscribed, event.type)) continue
      const known = records.get(`${webhookId}/${event.id}`) ?? []
      const last = known.reduce<RecordState | undefined>(
        (newest, one) => isNewer(one, newest) ? one : newest,
        undefined
      )
      const what = `event ${event.entry.message.sequence} (${event.id}) to ${webhookId}`
      if (last === undefined) found("what is owed has an outcome", `${what} has no record at all`)
      else if (!ended.has(last.state)) found("what is owed has an outcome", `${what} is ${last.state} at rest`)
    }
  }

  const postsOf = new Map<string, Array<Post>>()
  for (const post of posts) {
    const key = keyOf(post)
    const known = postsOf.get(key)
    if (known === undefined) postsOf.set(key, [post])
    else known.push(post)
    const what = `${post.process.name} to ${key} at ${post.at.toFixed(1)}`
    if (!post.hadLease) found("no request without the lease", what)
    if (!post.isSigned) found("nothing unsigned", what)
    const all = facts.get(post.webhookId)
    const last = all?.findLast((fact) =>
      fact.order < post.order &&
      ["webhook.created", "webhook.enabled", "webhook.resumed", "webhook.disabled", "webhook.paused", "webhook.deleted"]
        .includes(fact.type)
    )
    if (last === undefined) found("only to a webhook that is there", what)
    else if (
      ["webhook.disabled", "webhook.paused", "webhook.deleted"].includes(last.type) && post.at - last.at > projectionLag
    ) {
      found(
        "nothing to a webhook that is disabled, paused or deleted",
        `${what}, ${last.type} at ${last.at.toFixed(1)}`
      )
    }
  }

  for (const [key, all] of records) {
    const one = all[0]
    if (one === undefined) continue
    if (repeated.has(one.eventSequence)) found("a repeat is not delivered", `${key}, event ${one.eventSequence}`)
    const sent = postsOf.get(key) ?? []
    checkChain(key, all, isLate, claimsOf(one.entry), evidence, found)
    checkOutcomes(key, all, sent, found)
    checkSent(key, all, sent, isLate, evidence, found)
  }
  for (const [key, sent] of postsOf) {
    if (records.has(key)) continue
    // After a crash it is matched again: by then the webhook may be gone, or want other types (a change meanwhile counts either way).
    const sentAt = sent[0]?.order ?? 0
    const isOther = facts.get(key.split("/")[0] ?? "")?.some(({ events, order, type }) =>
      type === "webhook.deleted" || (order > sentAt && events !== undefined)
    )
    if (isOther !== true) {
      found("what was sent has a record", `${key}: ${sent.length} requests and no record`)
    }
  }
  for (const { answer, key, order } of evidence.retries) {
    if (answer !== "accepted") continue
    const after = (records.get(key) ?? []).some((state) => state.entry.order > order)
    const deleted = facts.get(key.split("/")[0] ?? "")?.some(({ type }) => type === "webhook.deleted") === true
    if (!after && !deleted) found("an accepted retry has a record", key)
  }
  return violations
}

type Found = (invariant: string, detail: string) => void

/** Each record goes on from what all records before its owner's claim say: recovered is what was recorded. */
const checkChain = (
  key: string,
  all: ReadonlyArray<RecordState>,
  isLate: (state: RecordState) => boolean,
  claims: ReadonlyArray<{ readonly epoch: number; readonly order: number }>,
  { clockError, clockJumped, offsets }: Evidence,
  found: Found
): void => {
  const own = new Map<number, RecordState>()
  const numbers = new Map<string, number>()
  for (const [index, state] of all.entries()) {
    const { attempt, epoch, outcome, step } = state
    const where = `${key}, epoch ${epoch} step ${step} (${state.kind}) at ${state.entry.message.sequence}`
    const before = own.get(epoch)
    // The same record, stored twice because its acknowledgement was lost.
    if (
      before !== undefined && step <= before.step &&
      all.some((other, at) => at < index && other.epoch === epoch && other.step === step && other.attempt === attempt)
    ) continue
    const claimed = claims.find((claim) => claim.epoch === epoch)?.order
    if (claimed === undefined) {
      found("an owner claims its epoch", where)
      continue
    }
    const candidates: Array<RecordState | undefined> = []
    if (before === undefined) {
      const former = all.slice(0, index).filter((one) => one.epoch < epoch)
      const certain = former.filter((one) => one.entry.order < claimed && !isLate(one)).reduce<RecordState | undefined>(
        (newest, one) => isNewer(one, newest) ? one : newest,
        undefined
      )
      candidates.push(certain, ...former.filter((one) => isNewer(one, certain)))
    } else candidates.push(before)
    own.set(epoch, before !== undefined && step < before.step ? before : state)
    const base = candidates.find((candidate) => (candidate?.step ?? 0) + 1 === step && fits(candidate, state))
    if (
      base === undefined &&
      !candidates.some((candidate) => (candidate?.step ?? 0) + 1 === step && fits(candidate, state))
    ) {
      found(
        "recovered is what was recorded",
        `${where}: attempt ${attempt}, round ${state.round}, after ${
          candidates.map((one) =>
            one === undefined
              ? "nothing"
              : `epoch ${one.epoch} step ${one.step} attempt ${one.attempt} round ${one.round}`
          ).join(" or ")
        }`
      )
      continue
    }
    if (outcome === undefined) continue
    const number = `${epoch}/${attempt}`
    const former = numbers.get(number)
    if (former !== undefined && former !== outcome.startedAt) found("attempts are numbered once", where)
    numbers.set(number, outcome.startedAt)
    // What is held has been due already. Two owners may disagree about the broker's time by what an answer takes.
    const early = base?.state === "due" && !clockJumped ? base.dueAt - outcome.startedAt : 0
    if (early > (base?.epoch === epoch ? clockError : ownersDisagree)) {
      found("nothing before it is due", `${where}: started ${early} ms before it was due`)
    }
    if (state.state === "due") {
      const next = offsets[state.roundAttempt] ?? Number.POSITIVE_INFINITY
      const gap = next - (offsets[state.roundAttempt - 1] ?? 0)
      const end = outcome.startedAt + outcome.latency
      const due = Math.max(state.roundStart + next, end + Math.min(gap, spacing), end + outcome.retryAfter)
      if (Math.abs(due - state.dueAt) > 2) found("due as the schedule says", `${where}: ${state.dueAt - due} ms off`)
    }
    if (state.state === "failed" && state.failReason === "attempts" && state.roundAttempt < offsets.length) {
      found("failed after its last attempt", where)
    }
  }
}

/** Attempts are counted by outcomes, rounds by retries. */
const fits = (base: RecordState | undefined, { attempt, kind, outcome, round, roundAttempt }: RecordState): boolean => {
  const anew = kind === "retried" && base !== undefined && ended.has(base.state)
  const attempts = base?.attempt ?? 0
  const inRound = anew ? 0 : base?.roundAttempt ?? 0
  const made = outcome === undefined ? 0 : 1
  return attempt === attempts + made && round === (base?.round ?? 1) + (anew ? 1 : 0) && roundAttempt === inRound + made
}

/** What is recorded of an attempt is what came of it. */
const checkOutcomes = (key: string, all: ReadonlyArray<RecordState>, sent: ReadonlyArray<Post>, found: Found): void => {
  for (const { attempt, entry, outcome } of all) {
    if (outcome === undefined) continue
    const post = sent.find(({ result, startedAt }) =>
      startedAt === outcome.startedAt && result?.class === outcome.class
    )
    if (post === undefined) {
      found("an outcome is what came of a request", `${key}, attempt ${attempt} at ${entry.message.sequence}`)
    }
  }
}

/** Nothing after the end without a retry; and whatever has no outcome was in flight when its process came to grief. */
const checkSent = (
  key: string,
  all: ReadonlyArray<RecordState>,
  sent: ReadonlyArray<Post>,
  isLate: (state: RecordState) => boolean,
  { interruptions }: Evidence,
  found: Found
): void => {
  for (const post of sent) {
    const what = `${key}: ${post.process.name} at ${post.at.toFixed(1)}`
    const before = all.filter((state) => state.entry.order < post.order)
    const end = before.findLast((state) => ended.has(state.state) && !isLate(state))
    const again = before.some((state) => state.kind === "retried" && end !== undefined && isNewer(state, end))
    if (end !== undefined && !again) found("nothing after the end without a retry", `${what} after ${end.state}`)
    const recorded = all.some(({ outcome }) => outcome?.startedAt === post.startedAt)
    if (recorded) continue
    const isFault = post.result !== undefined && ["local", "secret", "shutdown"].includes(post.result.class)
    const grief = (interruptions.get(post.process) ?? []).some((at) => at >= post.at)
    if (!isFault && !grief) found("repeats only what was in flight at a crash", `${what} has no outcome`)
  }
}
