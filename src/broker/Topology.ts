import { Clock, Context, Data, Duration, Effect, Layer, Option, Schedule } from "effect"
import type { StreamConfig } from "nats"
import { Config, type HooklineConfig } from "../Config.ts"
import { Connection } from "./Connection.ts"
import { ask, errorCode, find, tryAsk } from "./JetStreamApi.ts"
import type { Bucket } from "./KeyValue.ts"
import { createdOf, isStamped, stamped } from "./StreamIdentity.ts"
import type { BrokerUnavailable } from "./Streams.ts"
import {
  bucketFilter,
  bucketStream,
  deliveriesFilter,
  deliveriesStream,
  eventTransform,
  misfitFilter,
  objectFilters,
  parseDeliveriesStream,
  partitionsOf,
  snapshotStream,
  streamNames,
  webhooksFilter
} from "./Subjects.ts"

const mebibyte = 1024 ** 2
const day = 86_400_000
/** Since a job was last written, which a running one is all the time. */
const jobsKept = 30 * day
/** Longer than any session of the dashboard can last without being renewed (24 h), and any portal link before it (1 h). Milliseconds. */
export const sessionsKept = 26 * 3_600_000
/** More than the headers of a message in QUARANTINE take. */
const quarantineHeaders = 16 * 1024

/** A stream exists with a setting that cannot be changed, or not without loss. */
export class TopologyMismatch extends Data.TaggedError("TopologyMismatch")<{
  readonly stream: string
  readonly setting: string
  readonly found: string
  readonly wanted: string
  /** What a person can do about it. */
  readonly advice: string
}> {
  override get message(): string {
    return `stream ${this.stream}: ${this.setting} is ${this.found}, wanted ${this.wanted}; ${this.advice}`
  }
}

/** What is there once every stream is as it should be. */
export class Topology extends Context.Tag("hookline/broker/Topology")<Topology, {
  readonly partitions: number
  /** How many DELIVERIES streams there are. */
  readonly deliveriesStreams: number
  /** Creation time of EVENTS as the broker writes it. */
  readonly eventsCreated: string
  /** Creation time of every stream by its name. */
  readonly created: Readonly<Record<string, string>>
}>() {
  /** Makes what is missing, changes what may be changed, and fails where a person has to decide. */
  static readonly layer: Layer.Layer<Topology, TopologyMismatch | BrokerUnavailable, Connection | Config> = Layer
    .effect(
      Topology,
      Effect.suspend(() => ensure)
    )
}

/** A stream's settings by the broker's names for them. */
interface Wanted {
  readonly name: string
  readonly description?: string
  readonly subjects: ReadonlyArray<string>
  readonly subject_transform?: { readonly src: string; readonly dest: string }
  readonly storage: "file"
  readonly retention: "limits"
  readonly discard: "new" | "old"
  readonly allow_direct: true
  readonly max_msgs: number
  readonly max_msgs_per_subject: number
  readonly max_msg_size?: number
  readonly max_age: number
  readonly max_bytes: number
  readonly duplicate_window: number
  readonly num_replicas: number
  readonly allow_rollup_hdrs?: boolean
  readonly deny_delete?: boolean
  readonly deny_purge?: boolean
}

type Found = { readonly [Setting in keyof Wanted]?: unknown } & Partial<Pick<StreamConfig, "subjects" | "sealed">> & {
  readonly subject_transform?: { readonly dest?: string }
  readonly metadata?: Readonly<Record<string, string>>
}

interface StreamInfo {
  readonly config: Found
  readonly created: string
  readonly state: { readonly bytes: number }
}

/** The broker counts durations in nanoseconds. */
const nanos = (milliseconds: number): number => milliseconds * 1_000_000

const log = {
  storage: "file",
  retention: "limits",
  discard: "new",
  allow_direct: true,
  max_msgs: -1,
  max_msgs_per_subject: -1
} as const

const bucket = (name: Bucket, replicas: number, timeToLive?: number): Wanted => ({
  ...log,
  name: bucketStream(name),
  subjects: [bucketFilter(name)],
  max_msgs_per_subject: 1,
  max_age: nanos(timeToLive ?? 0),
  max_bytes: -1,
  duplicate_window: nanos(Math.min(timeToLive ?? 120_000, 120_000)),
  allow_rollup_hdrs: true,
  deny_delete: true,
  deny_purge: false,
  num_replicas: replicas
})

/** ARCHITECTURE's table of streams. What a key-value bucket or an object store is follows the NATS specifications ADR-8 and ADR-20. */
const wantedStreams = (config: HooklineConfig, maxPayload: number): ReadonlyArray<Wanted> => {
  const replicas = config.replicas
  const kept = { deny_delete: true, deny_purge: true, num_replicas: replicas }
  return [
    {
      ...log,
      ...kept,
      name: streamNames.events,
      description: "Domain events as they were published",
      subjects: [misfitFilter],
      subject_transform: eventTransform(config.partitions),
      max_age: nanos(config.eventsMaxAge),
      max_bytes: config.eventsMaxBytes,
      // Whatever EVENTS takes must fit into QUARANTINE with what is said about it there.
      max_msg_size: Math.min(mebibyte, maxPayload - quarantineHeaders),
      duplicate_window: nanos(Math.min(120_000, config.eventsMaxAge))
    },
    {
      ...log,
      ...kept,
      name: streamNames.webhooks,
      description: "Every change of every webhook",
      subjects: [webhooksFilter],
      max_age: 0,
      max_bytes: -1,
      duplicate_window: nanos(120_000)
    },
    ...Array.from({ length: config.deliveriesStreams }, (_, index): Wanted => ({
      ...log,
      ...kept,
      name: deliveriesStream(index, config.deliveriesStreams),
      description: "What became of each delivery",
      subjects: Array.from({ length: config.partitions }, (_, partition) => partition)
        .filter((partition) => partition % config.deliveriesStreams === index)
        .map(deliveriesFilter),
      max_age: nanos(config.deliveriesMaxAge),
      max_bytes: Math.floor(config.deliveriesMaxBytes / config.deliveriesStreams),
      duplicate_window: nanos(30_000)
    })).filter(({ subjects }) => subjects.length > 0),
    {
      ...log,
      name: streamNames.quarantine,
      description: "Input that cannot be an event, byte for byte",
      subjects: ["quarantine.>"],
      discard: "old" as const,
      max_age: nanos(30 * day),
      max_bytes: config.quarantineMaxBytes,
      duplicate_window: nanos(120_000),
      num_replicas: replicas
    },
    bucket("POSITIONS", replicas),
    bucket("LEASES", replicas, 6000),
    bucket("API_KEYS", replicas),
    bucket("SECRETS", replicas),
    bucket("JOBS", replicas, jobsKept),
    bucket("SESSIONS", replicas, sessionsKept),
    {
      ...log,
      name: snapshotStream,
      subjects: [...objectFilters],
      max_age: 0,
      max_bytes: -1,
      allow_rollup_hdrs: true,
      duplicate_window: nanos(120_000),
      num_replicas: replicas
    }
  ]
}

const show = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value) ?? "not set"

const equal = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right)

const anotherData =
  "start with the former setting, or with another account or store (docs/architecture.md: a partition never moves)"

const sorted = (subjects: ReadonlyArray<string> | undefined) => [...subjects ?? []].sort()

const deliveriesSetting = "number of DELIVERIES streams (HOOKLINE_DELIVERIES_STREAMS)"

/** How many DELIVERIES streams share the partitions, told from one's subjects: every n-th partition is its. */
const streamCount = (subjects: ReadonlyArray<string> | undefined): number | undefined => {
  const [first, second] = (subjects ?? []).map((subject) => Number(subject.split(".")[1])).sort((a, b) => a - b)
  return first === undefined || second === undefined ? undefined : second - first
}

const partitions = (destination: string | undefined) =>
  Option.getOrElse(partitionsOf(destination ?? ""), () => destination ?? "none")

/** The first thing about a stream that cannot be changed and differs. */
const mismatch = (wanted: Wanted, found: Found, bytes: number): TopologyMismatch | undefined => {
  const differs = (setting: string, foundValue: unknown, wantedValue: unknown, advice: string) =>
    new TopologyMismatch({
      stream: wanted.name,
      setting,
      found: show(foundValue),
      wanted: show(wantedValue),
      advice
    })
  const transform = found.subject_transform
  if (!equal(transform?.dest, wanted.subject_transform?.dest)) {
    return differs(
      "partition count (HOOKLINE_PARTITIONS)",
      partitions(transform?.dest),
      partitions(wanted.subject_transform?.dest),
      anotherData
    )
  }
  if (!equal(sorted(found.subjects), sorted(wanted.subjects))) {
    const [foundCount, wantedCount] = [streamCount(found.subjects), streamCount(wanted.subjects)]
    return Option.isSome(parseDeliveriesStream(wanted.name)) && foundCount !== wantedCount
      ? differs(deliveriesSetting, foundCount, wantedCount, anotherData)
      : differs("subjects", found.subjects, wanted.subjects, anotherData)
  }
  for (const setting of ["storage", "retention"] as const) {
    if (found[setting] !== wanted[setting]) return differs(setting, found[setting], wanted[setting], anotherData)
  }
  if (found.sealed) return differs("sealed", true, false, anotherData)
  const limit = wanted.max_bytes ?? -1
  if (wanted.discard === "new" && limit > 0 && bytes > limit) {
    return differs(
      "size (bytes held)",
      bytes,
      `at most ${limit}`,
      "keep the former limit: what is stored is never thrown away for room"
    )
  }
  return undefined
}

const ensure = Effect.gen(function*() {
  const connection = yield* Connection
  const config = yield* Config
  if (config.deliveriesMaxAge < config.eventsMaxAge + 7 * day) {
    return yield* new TopologyMismatch({
      stream: "DELIVERIES",
      setting: "HOOKLINE_DELIVERIES_MAX_AGE",
      found: `${config.deliveriesMaxAge / day} d`,
      wanted: `at least HOOKLINE_EVENTS_MAX_AGE and 7 days`,
      advice: "a record must outlive the event it belongs to"
    })
  }

  const info = (name: string) => find<StreamInfo>(connection, [errorCode.streamNotFound], `STREAM.INFO.${name}`)

  const make = Effect.fnUntraced(function*(wanted: Wanted) {
    yield* Effect.logDebug(`making stream ${wanted.name}`)
    const now = new Date(yield* Clock.currentTimeMillis).toISOString()
    const stream = { ...wanted, metadata: stamped(now) }
    return yield* ask<StreamInfo>(connection, `STREAM.CREATE.${wanted.name}`, stream)
  })

  const change = Effect.fnUntraced(function*(wanted: Wanted, info: StreamInfo) {
    const current = info.config
    const changed = (Object.keys(wanted) as Array<keyof Wanted>).filter((setting) =>
      // The broker leaves out what is false, zero or empty; a list's order means nothing.
      setting !== "subjects" && !equal(current[setting] || undefined, wanted[setting] || undefined)
    )
    if (changed.length === 0 && isStamped(info)) return info
    // One that was made before there were stamps gets its own without a word.
    if (changed.length > 0) {
      yield* Effect.logInfo(
        `stream ${wanted.name}: ${
          changed.map((name) => `${name} ${show(current[name])} → ${show(wanted[name])}`).join(", ")
        }`
      )
    }
    const stream = { ...current, ...wanted, metadata: stamped(createdOf(info), current.metadata) }
    return yield* tryAsk<StreamInfo>(connection, `STREAM.UPDATE.${wanted.name}`, stream).pipe(
      Effect.catchTag("ApiRefused", (refused) =>
        Effect.fail(
          new TopologyMismatch({
            stream: wanted.name,
            setting: changed.join(", "),
            found: changed.map((name) => show(current[name])).join(", "),
            wanted: changed.map((name) => show(wanted[name])).join(", "),
            advice: `the broker refuses the change: ${refused.description}`
          })
        ))
    )
  })

  const names = yield* ask<{ readonly streams: ReadonlyArray<string> | null }>(connection, "STREAM.NAMES", {
    subject: "deliveries.>"
  })
  const deliveries = (names.streams ?? []).filter((name) => Option.isSome(parseDeliveriesStream(name)))
  const wanted = wantedStreams(config, connection.nats.info?.max_payload ?? 2 * mebibyte)
  const surplus = deliveries.filter((name) => !wanted.some((stream) => stream.name === name))
  if (surplus.length > 0) {
    return yield* new TopologyMismatch({
      stream: surplus.join(", "),
      setting: deliveriesSetting,
      found: String(deliveries.length),
      wanted: String(config.deliveriesStreams),
      advice: anotherData
    })
  }

  // All is looked at before anything is changed.
  const found = yield* Effect.forEach(wanted, (stream) => Effect.map(info(stream.name), (found) => ({ stream, found })))
  for (const { found: existing, stream } of found) {
    const wrong = Option.flatMapNullable(existing, ({ config, state }) => mismatch(stream, config, state.bytes))
    if (Option.isSome(wrong)) return yield* wrong.value
  }
  const created: Record<string, string> = {}
  for (const { found: existing, stream } of found) {
    const now = Option.isNone(existing) ? yield* make(stream) : yield* change(stream, existing.value)
    created[stream.name] = createdOf(now)
  }
  return {
    partitions: config.partitions,
    deliveriesStreams: config.deliveriesStreams,
    eventsCreated: created[streamNames.events] ?? "",
    created
  }
}).pipe(
  // A cluster that has just started may have no leader yet.
  Effect.retry({
    while: (error) => error._tag === "BrokerUnavailable" && !error.detail.includes("JetStream is not enabled"),
    schedule: Schedule.spaced("500 millis").pipe(Schedule.upTo(Duration.seconds(15)))
  })
)
