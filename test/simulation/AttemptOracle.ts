import { type Claims, ended, type Evidence, type Found, isNewer, longestPeace, newestOf } from "./Evidence.ts"
import type { RecordState } from "./Journal.ts"
import type { Post } from "./model/Endpoints.ts"

/**
 * So long an outcome may be on its way to the streams in peace: an append is given up after 5 s and tried again half a second later; a 410 first
 * disables its webhook.
 */
const recordLimit = 8_000

/** The request that an outcome is of: its owner's, begun at that time. */
export const requestOf = ({ entry, outcome }: RecordState, sent: ReadonlyArray<Post>): Post | undefined =>
  sent.find(({ process, result, startedAt }) =>
    process === entry.from && startedAt === outcome?.startedAt && result?.class === outcome.class
  )

/** What is recorded of an attempt is what came of it, and of each once. */
export const judgeOutcomes = (
  key: string,
  all: ReadonlyArray<RecordState>,
  sent: ReadonlyArray<Post>,
  found: Found
): void => {
  const counted = new Map<Post, number>()
  for (const state of all) {
    if (state.outcome === undefined) continue
    const { attempt, entry } = state
    const post = requestOf(state, sent)
    const where = `${key}, attempt ${attempt} at ${entry.message.sequence}`
    if (post === undefined) found("an outcome is what came of a request", where)
    else if ((counted.get(post) ?? attempt) !== attempt) found("a request is counted once", where)
    else counted.set(post, attempt)
  }
}

/**
 * Nothing after the end without a retry, nothing before it is due, both by what the sender had recorded itself or found recorded at its claim; and
 * whatever has no outcome was in flight when its owner came to an end.
 */
export const judgeRequests = (
  key: string,
  all: ReadonlyArray<RecordState>,
  sent: ReadonlyArray<Post>,
  claims: Claims,
  evidence: Evidence,
  found: Found
): void => {
  const [first] = all
  if (first === undefined) return
  for (const post of sent) {
    const what = `${key}: ${post.process.name} at ${post.at.toFixed(1)}`
    const claim = claims.lastBy(post.process, first.entry, post.order)
    const before = all.filter(({ entry }) => entry.order < post.order)
    const known = before.filter((state) =>
      state.epoch === claim?.epoch || (state.entry.order < (claim?.order ?? 0) && !claims.isLate(state))
    )
    const end = known.findLast(({ state }) => ended.has(state))
    // A retry that a former owner recorded late may have been found, with all that was recorded before the claim.
    const again = end !== undefined &&
      before.some((state) =>
        state.kind === "retried" && state.epoch <= (claim?.epoch ?? 0) && isNewer(state, end) &&
        !before.some((later) =>
          ended.has(later.state) && later.epoch <= (claim?.epoch ?? 0) && isNewer(later, state) &&
          later.entry.order < (claim?.order ?? 0)
        )
      )
    if (end !== undefined && !again) found("nothing after the end without a retry", `${what} after ${end.state}`)
    const last = newestOf(known)
    // What a former owner wrote behind the claim may have been found, or not.
    const isSure = !before.some((state) => state.epoch !== claim?.epoch && isNewer(state, last))
    if (isSure && last?.state === "due" && post.latestTime < last.dueAt) {
      found("nothing before it is due", `${what}, ${last.dueAt - post.latestTime} ms early`)
    }
    judgeRepeat(what, post, all, evidence, found)
  }
}

const judgeRepeat = (
  what: string,
  post: Post,
  all: ReadonlyArray<RecordState>,
  { ownerships, troubles }: Evidence,
  found: Found
): void => {
  const own = all.filter(({ entry }) => entry.from === post.process && entry.order > post.order)
  if (own.some(({ outcome }) => outcome?.startedAt === post.startedAt)) return
  if (post.result !== undefined && ["local", "secret", "shutdown"].includes(post.result.class)) return
  const invariant = "repeats only what was in flight at the end of an owner"
  const ownership = ownerships.find(({ began, ended: over, process }) =>
    process === post.process && began <= post.at && (over ?? Number.POSITIVE_INFINITY) >= post.at
  )
  const over = ownership?.ended
  if (over === undefined) return found(invariant, `${what} has no outcome, and its owner no end`)
  // The first that says more than that it goes on.
  const next = own.find(({ entry, heldReason }) => entry.at <= over && heldReason !== "in_flight")
  if (next !== undefined && next.heldReason !== "shutdown") {
    found(invariant, `${what} has no outcome, and ${next.kind} was recorded behind it`)
  }
  if (post.settledAt !== undefined && longestPeace(troubles, post.settledAt, over) > recordLimit) {
    found(
      invariant,
      `${what} was answered at ${post.settledAt.toFixed(1)}, and nothing recorded until ${over.toFixed(1)}`
    )
  }
}
