import { ended, type Evidence, type Found, isNewer, keyOf, longestPeace, newestOf } from "./Evidence.ts"
import { bodyOf, type Entry, type RecordState } from "./Journal.ts"
import type { Post } from "./model/Endpoints.ts"

/** A request is void so long after it was made, milliseconds. */
const validFor = 10_000
/** An owner that runs in peace answers within this, milliseconds; what was wrong before may have left a reader waiting for as long as `recovery`. */
const answerLimit = 2_000
const recovery = 7_000
/** What two clocks may differ by without a jump, milliseconds. */
const clocksDiffer = 1_000

/** Retries by hand: accepted is what is recorded, what is accepted comes, and no owner that could answers nothing. */
export const judgeRetries = (
  evidence: Evidence,
  records: ReadonlyMap<string, ReadonlyArray<RecordState>>,
  postsOf: ReadonlyMap<string, ReadonlyArray<Post>>,
  isDeleted: (webhookId: string) => boolean,
  found: Found
): void => {
  for (const entry of evidence.journal) {
    if (!entry.message.subject.endsWith(".retry_requested")) continue
    const body = bodyOf(entry)
    const webhookId = String(body["webhook_id"])
    if (isDeleted(webhookId)) continue
    const key = keyOf({ webhookId, eventId: String(body["event_id"]) })
    const all = records.get(key) ?? []
    const answers = evidence.answers.filter(({ order, subject }) =>
      subject === body["answer_to"] && order > entry.order
    )
    if (answers.length === 0) judgeSilence(key, entry, all, evidence, found)
    for (const { answer, from, order } of answers) {
      if (answer !== "accepted") continue
      const what = `${key}, accepted by ${from.name}`
      const retried = all.filter((state) => state.kind === "retried" && state.entry.from === from)
      if (retried.some((state) => state.entry.order > entry.order && state.entry.order < order)) continue
      // One that was about to go has no record of the retry: then its request, or what it was held for, comes first.
      const next = Math.min(
        ...[
          ...all.map(({ entry: { from: by, order: at } }) => ({ by, at })),
          ...(postsOf.get(key) ?? []).map((post) => ({
            by: post.process,
            at: post.order
          }))
        ].flatMap(({ at, by }) => by === from && at > order ? [at] : [])
      )
      if (retried.some((state) => state.entry.order === next)) found("a retry is recorded before it is accepted", what)
    }
  }
  for (const { answer, key, order } of evidence.retries) {
    if (answer !== "accepted" || isDeleted(key.split("/")[0] ?? "")) continue
    const all = records.get(key) ?? []
    const last = newestOf(all)
    if (!all.some(({ entry }) => entry.order > order)) found("an accepted retry has a record", key)
    else if (last !== undefined && !ended.has(last.state)) {
      found("an accepted retry comes to an end", `${key} is ${last.state}`)
    }
  }
}

/** Nobody answered: then nobody ran, in peace, while the request was valid and the delivery as it was seen. */
const judgeSilence = (
  key: string,
  request: Entry,
  all: ReadonlyArray<RecordState>,
  { jumps, ownerships, troubles }: Evidence,
  found: Found
): void => {
  const body = bodyOf(request)
  if (Math.abs(request.message.time - Date.parse(String(body["at"]))) > clocksDiffer) return
  const seen = { epoch: Number(body["epoch"]), step: Number(body["step"]) }
  for (const { ended: over, process, ran, stopped } of ownerships) {
    if (ran === undefined) continue
    const since = Math.max(ran, request.at)
    const until = since + answerLimit
    const overtaken = all.some((state) => isNewer(state, seen) && state.entry.at <= until)
    if (
      until + clocksDiffer > request.at + validFor || Math.min(stopped ?? until, over ?? until) < until || overtaken ||
      jumps.some((at) => at >= request.at && at <= until) ||
      longestPeace(troubles, since - recovery, until) < recovery + answerLimit
    ) continue
    return found("a retry that can be answered is", `${key}, asked at ${request.at.toFixed(1)}, not by ${process.name}`)
  }
}
