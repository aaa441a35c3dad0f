import { Either } from "effect"
import { explain as explained, type Explained, type RecordedFact } from "../../model/Explanation.ts"
import type { WebhookId } from "../../model/Id.ts"
import { decodeFact } from "../../model/WebhookFacts.ts"
import { type Asked, numberOfWorkspace } from "./Deliveries.ts"
import { eventAt } from "./Events.ts"
import type { Answers, Questions } from "./Questions.ts"
import type { Sqlite } from "./Sqlite.ts"

/**
 * The changes of a workspace's webhooks that an event's explanation is folded from, in order: those up to when it was matched, and of each webhook
 * the first, which says what a later one was created as. About 12 µs each, while the history does nothing else; changes since then cost nothing.
 */
const factsUntil = (
  file: Sqlite,
  workspace: number,
  { matchedAt, owed }: Pick<Explained, "matchedAt" | "owed">
): ReadonlyArray<RecordedFact> => {
  let last = "sequence" in matchedAt ? matchedAt.sequence : 0
  for (const own of owed.values()) last = Math.max(last, own)
  const rows = file.statement(
    "SELECT f.sequence, f.recorded_at, f.body FROM webhooks w JOIN facts f ON f.webhook = w.number WHERE w.workspace = ? AND (f.sequence <= ? OR f.recorded_at <= ? OR f.sequence = (SELECT min(sequence) FROM facts WHERE webhook = w.number)) ORDER BY f.sequence"
  ).all([workspace, last, "time" in matchedAt ? matchedAt.time : 0])
  return rows.flatMap(([sequence, recordedAt, body]) =>
    // What cannot be read changed nothing when it was folded either.
    Either.match(decodeFact(Buffer.from(String(body))), {
      onLeft: () => [],
      onRight: (fact) => [{ sequence: Number(sequence), recordedAt: Number(recordedAt), fact }]
    })
  )
}

/** Why each webhook of the workspace got an event, or did not. */
export const explain = (
  { file }: Asked,
  { about, sequence, workspaceId }: Questions["explain"]
): Answers["explain"] => {
  const workspace = numberOfWorkspace(file, workspaceId)
  const event = workspace === undefined ? undefined : eventAt(file, workspace, sequence)
  if (workspace === undefined || event === undefined) return undefined
  // What came out of our own table was checked when it went in.
  const matches = file.statement(
    "SELECT w.id, d.webhooks_sequence FROM deliveries d JOIN webhooks w ON w.number = d.webhook WHERE d.event_sequence = ? ORDER BY d.webhook"
  ).all([sequence]).map(([id, known]) => [String(id) as WebhookId, Number(known)] as const)
  const [first] = matches
  const owed = new Map(matches)
  const matchedAt = first === undefined ? { time: event.publishedAt } : { sequence: first[1] }
  const facts = factsUntil(file, workspace, { matchedAt, owed })
  return explained({ type: event.type, about, outcome: event.outcome, owed, matchedAt }, facts)
    .map(({ reason, webhook }) => ({ webhookId: webhook.id, url: webhook.url, events: webhook.events, reason }))
}
