import { describe, expect, it } from "@effect/vitest"
import { Either, Option } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Bucket } from "../../src/broker/KeyValue.ts"
import {
  bucketStream,
  deliveriesStream,
  headerNames,
  snapshotBucket,
  snapshotStream,
  streamNames
} from "../../src/broker/Subjects.ts"
import { settings } from "../../src/Config.ts"
import { decodeSeal, encodeSeal } from "../../src/ledger/audit/Seal.ts"
import { decode as decodeJob, encodeJob } from "../../src/ledger/Jobs.ts"
import {
  decode,
  encode,
  encodeDeferred,
  encodeDuplicate,
  encodeRetryRequest,
  encodeTest
} from "../../src/ledger/Record.ts"
import { roles } from "../../src/model/ApiKey.ts"
import type { OutcomeClass } from "../../src/model/Attempt.ts"
import type { DeliveryRecord, FailReason, HoldReason, RecordKind } from "../../src/model/Delivery.ts"
import { EventId, WorkspaceId } from "../../src/model/Id.ts"
import { jobErrors, jobStates } from "../../src/model/Job.ts"
import { rejectionReasons } from "../../src/model/Rejection.ts"
import { decodeFact, encodeFact, type WebhookFact } from "../../src/model/WebhookFacts.ts"
import { decode as decodeKey, encode as encodeKey } from "../../src/registry/ApiKeyRecord.ts"
import { decodeLink, encodeLink } from "../../src/registry/PortalLinks.ts"
import { answered, delivery, start } from "../support/delivery.ts"
import { deadLinks } from "./markdown.ts"

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const page = readFileSync(path("docs/messages.md"), "utf8")

type Json = Readonly<Record<string, unknown>>

/** The examples, without the white space that a person needs. */
const examples = [...page.matchAll(/^```json\n([^]*?)^```$/gm)].map(([, json = ""]) => JSON.parse(json) as Json)
const records = examples.filter((example) => typeof example["kind"] === "string")
const facts = examples.filter(({ type }) => typeof type === "string" && type.startsWith("webhook."))

/** All of these runs were on the same stream. */
const eventsCreated = String(examples.find((example) => "events_created" in example)?.["events_created"])

/** All keys of a value and of what is in it. */
const keysOf = (value: unknown): ReadonlyArray<string> =>
  typeof value !== "object" || value === null
    ? []
    : Array.isArray(value)
    ? value.flatMap(keysOf)
    : Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)])

/** Words in code, as `a` or among others in `a b`. */
const words = new Set(
  [...page.replaceAll(/^```[^]*?^```$/gm, "").matchAll(/`([^`\n]+)`/g)].flatMap(([, code = ""]) => code.split(/[\s:]+/))
)
const unnamed = (names: ReadonlyArray<string>) => names.filter((name) => !words.has(name))

/** As our code would write what the example says. */
const rewritten = (example: Json): string => {
  if (example["kind"] === "sealed") {
    return encodeSeal(Either.getOrThrowWith(decodeSeal(JSON.stringify(example)), (error) => error))
  }
  const fact = Either.getOrThrowWith(decode(new TextEncoder().encode(JSON.stringify(example))), (error) => error)
  if (fact.type === "duplicate") {
    return encodeDuplicate({
      ...fact,
      at: Date.parse(String(example["at"])),
      eventType: String(example["event"]),
      epoch: Number(example["epoch"])
    })
  }
  if (fact.type === "retry_requested") return encodeRetryRequest(fact.request, eventsCreated)
  if (fact.type === "test") return encodeTest(fact.test)
  if (fact.type === "other") throw new Error(`a record of kind ${fact.kind}`)
  const [first] = fact.records
  if (first === undefined) throw new Error("a record without a delivery")
  return "deliveries" in example ? encodeDeferred(fact.records, eventsCreated) : encode(first, eventsCreated)
}

/** Records that have every key there can be. */
const fullest: ReadonlyArray<string> = (() => {
  const record: DeliveryRecord = {
    kind: "failed",
    at: start,
    delivery: delivery({ state: "failed", heldReason: "busy", heldSince: start, failReason: "attempts" }),
    outcome: answered(503, {
      error: "the endpoint answered 503",
      address: "::1",
      retryAfter: 1000,
      headers: { "content-type": "text/plain" },
      response: "later"
    })
  }
  return [
    encode(record, eventsCreated),
    encodeDeferred([record], eventsCreated),
    encodeDuplicate({
      at: start,
      workspaceId: WorkspaceId.make("ws_1"),
      eventId: EventId.make("evt_1"),
      eventType: "task.created",
      eventSequence: 9,
      firstSequence: 4,
      epoch: 1
    })
  ]
})()

// Records, so that the compiler asks for what is added to a union.
const kinds: Record<RecordKind | "duplicate" | "retry_requested" | "test" | "sealed", true> = {
  succeeded: true,
  attempt_failed: true,
  failed: true,
  deferred: true,
  suppressed: true,
  retried: true,
  duplicate: true,
  retry_requested: true,
  test: true,
  sealed: true
}
const factTypes: Record<WebhookFact["type"], true> = {
  "webhook.created": true,
  "webhook.changed": true,
  "webhook.enabled": true,
  "webhook.disabled": true,
  "webhook.paused": true,
  "webhook.resumed": true,
  "webhook.secret_rotated": true,
  "webhook.deleted": true
}
const holdReasons: Record<HoldReason, true> = {
  busy: true,
  in_flight: true,
  circuit: true,
  paused: true,
  rate: true,
  shutdown: true,
  secret: true,
  local: true
}
const failReasons: Record<FailReason, true> = { attempts: true, expired: true, circuit: true }
const outcomes: Record<OutcomeClass, true> = {
  success: true,
  status: true,
  redirect: true,
  timeout: true,
  dns: true,
  connect: true,
  tls: true,
  reset: true,
  protocol: true,
  address: true
}
const buckets: Record<Bucket, true> = {
  POSITIONS: true,
  LEASES: true,
  API_KEYS: true,
  SECRETS: true,
  JOBS: true,
  SESSIONS: true
}

describe("docs/messages.md", () => {
  it.each(records.map((example) => [example["kind"], example] as const))(
    "its example of %s is what hookline would write",
    (_, example) => expect(rewritten(example)).toBe(JSON.stringify(example))
  )

  it.each(facts.map((example) => [example["type"], example] as const))(
    "its example of %s is what hookline would write",
    (_, example) => {
      const fact = Either.getOrThrowWith(decodeFact(Buffer.from(JSON.stringify(example))), (error) => new Error(error))
      expect(encodeFact(fact)).toBe(JSON.stringify(example))
    }
  )

  it("its examples of API keys are what hookline would write, valid and revoked", () => {
    const keys = examples.filter((example) => "role" in example)
    expect(keys.map((example) => "revoked_at" in example)).toEqual([false, true])
    for (const example of keys) {
      const record = Either.getOrThrowWith(decodeKey(Buffer.from(JSON.stringify(example))), (error) => new Error(error))
      expect(encodeKey(record)).toBe(JSON.stringify(example))
      expect(record.digest === undefined).toBe("revoked_at" in example)
    }
    expect(unnamed(roles)).toEqual([])
  })

  it("its example of a job is what hookline would write", () => {
    const example = examples.find(({ type }) => type === "recover")
    const job = decodeJob(Buffer.from(JSON.stringify(example)))
    expect(encodeJob(Option.getOrThrow(job))).toBe(JSON.stringify(example))
    expect(unnamed([...jobStates, ...jobErrors])).toEqual([])
  })

  it("its example of a portal link is what hookline would write", () => {
    const example = examples.find((example) => "session_seconds" in example)
    const link = Either.getOrThrowWith(decodeLink(Buffer.from(JSON.stringify(example))), (error) => new Error(error))
    expect(encodeLink(link)).toBe(JSON.stringify(example))
  })

  it("has an example of every kind of record and of every change of a webhook", () => {
    expect(new Set(records.map(({ kind }) => kind))).toEqual(new Set(Object.keys(kinds)))
    expect(new Set(facts.map(({ type }) => type))).toEqual(new Set(Object.keys(factTypes)))
  })

  it("names every key that a record can have", () => {
    const known = new Set([...words, ...records.flatMap(keysOf)])
    expect(fullest.flatMap((json) => keysOf(JSON.parse(json))).filter((key) => !known.has(key))).toEqual([])
    expect(unnamed(["retry_after_ms", "fail_reason", "held_reason", "held_since", "outcome"])).toEqual([])
  })

  it("names every stream, bucket, header and reason", () => {
    const streams = Number(settings.deliveriesStreams.default)
    expect(unnamed([
      ...Object.values(streamNames),
      deliveriesStream(0, streams),
      deliveriesStream(streams - 1, streams),
      ...(Object.keys(buckets) as ReadonlyArray<Bucket>).map(bucketStream),
      snapshotStream
    ])).toEqual([])
    for (const name of [...Object.keys(buckets), snapshotBucket]) expect(page).toMatch(new RegExp(`^##+ ${name}$`, "m"))
    expect(unnamed(Object.values(headerNames))).toEqual([])
    expect(unnamed(rejectionReasons)).toEqual([])
    expect(unnamed(Object.keys({ ...holdReasons, ...failReasons, ...outcomes }))).toEqual([])
  })

  it("names every stream that src/broker/Topology.ts makes", () => {
    const source = readFileSync(path("src/broker/Topology.ts"), "utf8")
    const made = [...source.matchAll(/^\s+bucket\("(\w+)"/gm)].map(([, name = ""]) => name)
    expect(new Set(made)).toEqual(new Set(Object.keys(buckets)))
    const others = [...source.matchAll(/^\s+name: (\w+(?:\.\w+)?)/gm)].map(([, name]) => name)
    expect(new Set(others)).toEqual(
      new Set([
        "bucketStream",
        "deliveriesStream",
        "snapshotStream",
        ...Object.keys(streamNames).map((name) => `streamNames.${name}`)
      ])
    )
  })
})

describe.each(["api-keys", "durability", "messages", "nats-cli", "portal"])("docs/%s.md", (name) => {
  it("has no link that leads nowhere", () => {
    expect(deadLinks(path(`docs/${name}.md`))).toEqual([])
  })
})
