import type { ReplayedFact } from "../../ledger/replay/ReplayedFact.ts"
import { printable, shortTime, truncated } from "./Text.ts"

/** What is shown of an event's payload on a line. */
const payloadWidth = 100

type Members = Readonly<Record<string, unknown>>

/** Whoever may write to a stream may have written anything. */
const membersOf = (value: unknown): Members => typeof value === "object" && value !== null ? value as Members : {}
const numberAt = (value: Members, key: string): string | undefined =>
  typeof value[key] === "number" ? String(value[key]) : undefined
const wordAt = (value: Members, key: string): string | undefined =>
  typeof value[key] === "string" ? String(value[key]) : undefined

/** What a record, a change or a refusal says beyond its ids. */
const detail = ({ json, kind }: ReplayedFact): string => {
  if (json === undefined) return "not JSON"
  if (kind === "event") return truncated(printable(json), payloadWidth)
  const body = membersOf(JSON.parse(json))
  const outcome = membersOf(body["outcome"])
  const parts: ReadonlyArray<string | undefined> = kind === "quarantined"
    ? [wordAt(body, "reason"), wordAt(body, "message")]
    : kind.startsWith("webhook.")
    ? Object.entries(body)
      .filter(([key]) => !["v", "type", "webhook_id", "workspace_id", "at"].includes(key))
      .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    : [
      numberAt(body, "attempt") && `attempt ${numberAt(body, "attempt")}`,
      wordAt(outcome, "class") &&
      `${wordAt(outcome, "class")}${outcome["status"] === undefined ? "" : ` ${String(outcome["status"])}`}`,
      numberAt(outcome, "latency_ms") && `${numberAt(outcome, "latency_ms")} ms`,
      wordAt(outcome, "error"),
      wordAt(body, "held_reason"),
      wordAt(body, "fail_reason"),
      wordAt(body, "state") === "due" ? `next at ${shortTime(wordAt(body, "due_at") ?? "")}` : undefined,
      numberAt(body, "first_seq") && `repeats event ${numberAt(body, "first_seq")}`
    ]
  return parts.filter((part) => part !== undefined && part !== "").join(", ")
}

/** A line of a timeline. */
export const replayLine = (fact: ReplayedFact): string =>
  [
    new Date(fact.time).toISOString().replace("T", " ").replace("Z", ""),
    `${fact.stream}.${fact.sequence}`.padEnd(18),
    fact.kind.padEnd(15),
    fact.workspaceId,
    fact.eventType,
    fact.eventId,
    fact.webhookId,
    fact.deliveryId,
    detail(fact)
  ].filter((part) => part !== undefined && part !== "").map((part) => printable(part ?? "")).join("  ")

/** What JSON lets stand as it is, and a terminal obeys. */
// oxlint-disable-next-line no-control-regex
const obeyed = /[\u007f-\u009f]/g

/** A line of JSON; `body` is what the stream holds, number for number. Controls are spelt out, which is the same to a reader of JSON. */
export const replayJson = (fact: ReplayedFact): string => {
  const head = JSON.stringify({
    time: new Date(fact.time).toISOString(),
    stream: fact.stream,
    sequence: fact.sequence,
    kind: fact.kind,
    workspace_id: fact.workspaceId,
    webhook_id: fact.webhookId,
    event_id: fact.eventId,
    event: fact.eventType,
    delivery_id: fact.deliveryId
  })
  const body = fact.json === undefined ? `"body_base64":"${fact.base64 ?? ""}"` : `"body":${fact.json}`
  return `${head.slice(0, -1)},${body}}`.replaceAll(
    obeyed,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`
  )
}
