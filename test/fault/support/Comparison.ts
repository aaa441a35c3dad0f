/**
 * Three parties are asked what became of every acknowledged event, and must agree: the publisher (what was acknowledged), the endpoints (what
 * came), and the streams (what hookline has recorded, and `hookline audit verify` proves). They share nothing but the machine's clock.
 */
import { Effect } from "effect"
import { execFile } from "node:child_process"
import type { Report } from "../../../src/ledger/audit/Report.ts"
import { type Delivery, evolve, isLive } from "../../../src/model/Delivery.ts"
import { servicesLayer } from "../../support/broker.ts"
import { eachRecord } from "../../support/records.ts"
import type { Load } from "./Generator.ts"
import type { Kept } from "./Receivers.ts"
import type { Stage, Subscribed } from "./Stage.ts"

/** What the records of a delivery say. */
interface Recorded {
  readonly delivery: Delivery
  /** When the broker took its first `succeeded` record, milliseconds; infinite without one. */
  readonly succeededAt: number
}

export interface Compared {
  readonly owed: number
  /** Acknowledged and matched, and never answered with 200. */
  readonly lost: ReadonlyArray<string>
  /** Came, and was not owed. */
  readonly strangers: ReadonlyArray<string>
  /** Answered with 200, and the streams do not say `succeeded`. */
  readonly unrecorded: ReadonlyArray<string>
  /** Said to be `succeeded`, and no endpoint has it. */
  readonly unseen: ReadonlyArray<string>
  readonly live: number
  /** What `hookline audit verify` says: `proven`, or its first findings. */
  readonly audit: string
  readonly mismatched: number
  /** Requests after the one that was answered with 200; and of endpoints that are well, when they came and when the one before. */
  readonly repeats: number
  readonly repeatTimes: ReadonlyArray<{ readonly before: number; readonly at: number }>
  /** Of endpoints that are well: when the first request came, and when its record was stored. */
  readonly flights: ReadonlyArray<{ readonly arrivedAt: number; readonly recordedAt: number }>
}

/** DELIVERIES folded by webhook and event id. */
const folded = Effect.suspend(() => {
  const known = new Map<string, Recorded>()
  return eachRecord((record, time) => {
    const key = `${record.delivery.webhookId}/${record.delivery.eventId}`
    const before = known.get(key)
    const succeededAt = record.kind === "succeeded" ? time : Number.POSITIVE_INFINITY
    known.set(key, {
      delivery: evolve(before?.delivery, record),
      succeededAt: Math.min(succeededAt, before?.succeededAt ?? succeededAt)
    })
  }).pipe(Effect.as(known))
})

const root = new URL("../../..", import.meta.url).pathname
const auditLimit = 120_000

/** Asks the built command, as an operator does; its exit code is 0 only when all is proven. */
const verified = (stage: Stage): Effect.Effect<string> =>
  Effect.async((resume) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HOOKLINE_")))
    execFile(
      process.execPath,
      ["dist/main.js", "audit", "verify", "--json"],
      { cwd: root, env: { ...env, HOOKLINE_NATS_URL: stage.natsUrl() }, timeout: auditLimit, maxBuffer: 2 ** 26 },
      (failed, output, errors) => {
        const report = output.startsWith("{") ? JSON.parse(output) as Report : undefined
        if (report?.verdict === "proven" && failed === null) return resume(Effect.succeed(report.verdict))
        const { findings = [], unknown = [] } = report ?? {}
        resume(Effect.succeed([...findings.slice(0, 5).map(({ message }) => message), ...unknown, errors].join("\n")))
      }
    )
  })

const matches = (load: Load, number: number, { type, workspace }: Subscribed): boolean =>
  load.workspaces[number % load.workspaces.length] === workspace
  && (type === undefined || load.types[number % load.types.length] === type)

/** `loads`: everything that was published and acknowledged on this stage. */
export const compare = (stage: Stage, ...loads: ReadonlyArray<Load>): Effect.Effect<Compared> =>
  Effect.gen(function*() {
    const records = yield* folded.pipe(Effect.provide(servicesLayer(stage.natsUrl())))
    const kept: Array<Kept> = []
    for (const { endpoint } of stage.webhooks) {
      kept[endpoint] ??= yield* stage.receivers.call("kept", endpoint, "30 seconds")
    }
    const lost: Array<string> = []
    const unrecorded: Array<string> = []
    const unseen: Array<string> = []
    const flights: Array<Compared["flights"][number]> = []
    const repeatTimes: Array<Compared["repeatTimes"][number]> = []
    const owedTo = kept.map(() => new Set<string>())
    let owed = 0
    let repeats = 0
    const arrivals = kept.map(({ ids, times, well }) => {
      const all = new Map<string, Array<{ readonly at: number; readonly well: boolean }>>()
      ids.forEach((id, index) => {
        const one = { at: times[index] ?? 0, well: well[index] === 1 }
        const before = all.get(id)
        if (before === undefined) all.set(id, [one])
        else before.push(one)
      })
      return all
    })
    for (const webhook of stage.webhooks) {
      const came = arrivals[webhook.endpoint] ?? new Map<string, never>()
      for (const load of loads) {
        for (let number = 0; number < load.count; number++) {
          if (!matches(load, number, webhook)) continue
          const id = `${load.prefix}${number}`
          owed++
          owedTo[webhook.endpoint]?.add(id)
          const requests = came.get(id) ?? []
          const record = records.get(`${webhook.id}/${id}`)
          const succeeded = record?.delivery.state === "succeeded"
          const first = requests.findIndex(({ well }) => well)
          const name = `${id} to ${webhook.id} (${record?.delivery.state ?? "no record"})`
          if (first < 0) lost.push(name)
          if (first >= 0 && !succeeded) unrecorded.push(name)
          if (first < 0 && succeeded) unseen.push(name)
          if (first >= 0) repeats += requests.length - first - 1
          if (webhook.behaviour !== "well") continue
          if (requests[0] !== undefined) {
            flights.push({ arrivedAt: requests[0].at, recordedAt: record?.succeededAt ?? Number.POSITIVE_INFINITY })
          }
          requests.slice(1).forEach(({ at }, index) => repeatTimes.push({ before: requests[index]?.at ?? 0, at }))
        }
      }
    }
    return {
      owed,
      lost,
      strangers: kept.flatMap(({ ids }, endpoint) => ids.filter((id) => !owedTo[endpoint]?.has(id))),
      unrecorded,
      unseen,
      audit: yield* verified(stage),
      live: Array.from(records.values()).filter(({ delivery }) => isLive(delivery)).length,
      mismatched: kept.reduce((sum, { mismatched }) => sum + mismatched, 0),
      repeats,
      repeatTimes,
      flights
    }
  }).pipe(Effect.orDie)

/** What three parties that agree on "everything, and nothing else" say. */
export const agreed = { lost: [], strangers: [], unrecorded: [], unseen: [], audit: "proven", live: 0, mismatched: 0 }

/** The parts that must be as `agreed`; of long lists the beginning. */
export const disagreement = ({ audit, live, lost, mismatched, strangers, unrecorded, unseen }: Compared) => ({
  lost: lost.slice(0, 5),
  strangers: strangers.slice(0, 5),
  unrecorded: unrecorded.slice(0, 5),
  unseen: unseen.slice(0, 5),
  audit,
  live,
  mismatched
})
