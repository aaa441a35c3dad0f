/**
 * What must be so after every run, judged from what the broker stored and what the endpoints got, and from nothing of the product's own: its fold, its
 * matching and its schedule are worked out here again, plainly.
 */
import { judgeOutcomes, judgeRequests, requestOf } from "./AttemptOracle.ts"
import { Claims, ended, type Evidence, type Found, isNewer, keyOf, newestOf } from "./Evidence.ts"
import { bodyOf, type Entry, type RecordState, statesOf } from "./Journal.ts"
import type { Post } from "./model/Endpoints.ts"
import { judgeRetries } from "./RetryOracle.ts"
import { judgeSnapshots } from "./SnapshotOracle.ts"

export type Violation = `${string}: ${string}`

const spacing = 5 * 60_000
/** How far behind WEBHOOKS a worker may be, milliseconds. */
const projectionLag = 7_000

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

  const claims = new Claims(journal)
  const isDeleted = (webhookId: string): boolean =>
    facts.get(webhookId)?.some(({ type }) => type === "webhook.deleted") === true

  /**
   * Whether its types wanted an event, at each time that these were set from when the event was stored on. Event types hold for later events, and a
   * change meanwhile counts either way, also each time that the event is matched anew (CONTRACT 4 and 7): it is owed if all say so, and not if none does.
   */
  const wanted = (webhookId: string, { entry, type }: StoredEvent, before = Number.POSITIVE_INFINITY) => {
    const typed = facts.get(webhookId)?.filter(({ events: types, order }) => types !== undefined && order < before) ??
      []
    return [typed.findLast(({ order }) => order < entry.order), ...typed.filter(({ order }) => order > entry.order)]
      .map(
        (fact) => fact?.events !== undefined && subscribes(fact.events, type)
      )
  }

  for (const event of events) {
    for (const [webhookId] of facts) {
      if (workspaceOf.get(webhookId) !== event.workspaceId) continue
      if (isDeleted(webhookId)) continue
      const last = newestOf(records.get(`${webhookId}/${event.id}`) ?? [])
      const isOwed = !wanted(webhookId, event).includes(false)
      const what = `event ${event.entry.message.sequence} (${event.id}) to ${webhookId}`
      if (last === undefined) {
        if (isOwed) found("what is owed has an outcome", `${what} has no record at all`)
      } // What a former owner wrote behind the claim of one that found it unwanted is met by the next recovery.
      else if (!ended.has(last.state) && (isOwed || !claims.isLate(last))) {
        found("what is owed has an outcome", `${what} is ${last.state} at rest`)
      }
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
    if (!post.knewTime) found("owners know the broker's time", what)
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
    judgeChain(key, all, sent, claims, evidence.offsets, found)
    judgeOutcomes(key, all, sent, found)
    judgeRequests(key, all, sent, claims, evidence, found)
  }
  for (const event of events) {
    for (const [webhookId] of facts) {
      const key = `${webhookId}/${event.id}`
      if (workspaceOf.get(webhookId) !== event.workspaceId) continue
      const sent = postsOf.get(key) ?? []
      const known = records.get(key)
      const begun = Math.min(...sent.map(({ order }) => order), ...(known ?? []).map(({ entry }) => entry.order))
      if (begun === Number.POSITIVE_INFINITY) continue
      if (!wanted(webhookId, event, begun).includes(true)) found("only what somebody wanted is delivered", key)
      // After a crash it is matched again: by then the webhook may be gone, or want other types.
      if (known === undefined && !isDeleted(webhookId) && !wanted(webhookId, event).includes(false)) {
        found("what was sent has a record", `${key}: ${sent.length} requests and no record`)
      }
    }
  }
  const published = new Set(events.map(({ id, workspaceId }) => `${workspaceId}/${id}`))
  for (const [key, sent] of postsOf) {
    const [webhookId = "", eventId = ""] = key.split("/")
    if (!published.has(`${workspaceOf.get(webhookId)}/${eventId}`)) {
      found("only what was published is sent", `${key}: ${sent.length} requests`)
    }
  }
  judgeRetries(evidence, records, postsOf, isDeleted, found)
  judgeSnapshots(evidence, records, claims, isDeleted, found)
  return violations
}

/** Each record goes on from what all records before its owner's claim say: recovered is what was recorded. */
const judgeChain = (
  key: string,
  all: ReadonlyArray<RecordState>,
  sent: ReadonlyArray<Post>,
  claims: Claims,
  offsets: ReadonlyArray<number>,
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
    const claimed = claims.of(state.entry).find((claim) => claim.epoch === epoch)?.order
    if (claimed === undefined) {
      found("an owner claims its epoch", where)
      continue
    }
    const candidates: Array<RecordState | undefined> = []
    if (before === undefined) {
      const former = all.slice(0, index).filter((one) => one.epoch < epoch)
      const certain = newestOf(former.filter((one) => one.entry.order < claimed && !claims.isLate(one)))
      candidates.push(certain, ...former.filter((one) => isNewer(one, certain)))
    } else candidates.push(before)
    own.set(epoch, before !== undefined && step < before.step ? before : state)
    if (!candidates.some((candidate) => (candidate?.step ?? 0) + 1 === step && fits(candidate, state))) {
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
    if (state.state === "due") {
      const next = offsets[state.roundAttempt] ?? Number.POSITIVE_INFINITY
      const gap = next - (offsets[state.roundAttempt - 1] ?? 0)
      // Its latency in the record is rounded.
      const result = requestOf(state, sent)?.result
      const latency = result !== undefined && "latency" in result ? result.latency : outcome.latency
      const end = outcome.startedAt + latency
      const due = Math.ceil(Math.max(state.roundStart + next, end + Math.min(gap, spacing), end + outcome.retryAfter))
      if (due !== state.dueAt) found("due as the schedule says", `${where}: ${state.dueAt - due} ms off`)
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
