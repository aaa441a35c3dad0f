import { Clock, Effect } from "effect"
import { connect } from "nats"
import { parseMetrics, type Series } from "../../support/metrics.ts"
import type { Product } from "../../support/product.ts"
import { until } from "../../support/until.ts"
import type { Stage } from "./Stage.ts"

/** Everything must have come to rest so long after the last fault (issue 5). Milliseconds. */
export const restLimit = 60_000

export const readMetrics = (hookline: Product): Effect.Effect<Series> =>
  Effect.promise(async () => {
    const response = await fetch(`${hookline.url()}/metrics`, { signal: AbortSignal.timeout(5_000) })
    return parseMetrics(await response.text()).series
  })

type Resting = Pick<Stage, "hookline" | "natsUrl">

/** What is not at rest yet; empty when all is. */
const restless = ({ hookline, natsUrl }: Resting): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function*() {
    const series = yield* readMetrics(hookline)
    const busy = [
      ...["ready", "in_flight", "due", "held"].map((state) => `hookline_deliveries_live{state="${state}"}`),
      "hookline_events_open",
      "hookline_lanes{state=\"in_use\"}"
    ].filter((name) => series.get(name) !== 0).map((name) => `${name} is ${series.get(name)}`)
    return busy.length > 0 ? busy : yield* Effect.promise(() => behind(natsUrl()))
  }).pipe(Effect.catchAllCause((cause) => Effect.succeed([String(cause)])))

/** Partitions whose floor in POSITIONS is not the last event's sequence. */
const behind = async (url: string): Promise<ReadonlyArray<string>> => {
  const { host, password, username } = new URL(url)
  const connection = await connect({
    servers: host,
    ...(username !== "" && { user: username, pass: password }),
    timeout: 2_000
  })
  try {
    const manager = await connection.jetstreamManager()
    const last = async (stream: string, subject: string) => {
      const message = await manager.streams.getMessage(stream, { last_by_subj: subject }).catch(() => undefined)
      return message ?? undefined
    }
    const found: Array<string> = []
    for (let partition = 0; partition < 16; partition++) {
      const event = await last("EVENTS", `ev.${partition}.>`)
      const position = await last("KV_POSITIONS", `$KV.POSITIONS.p${partition}`)
      const floor = position?.json<{ readonly floor: number }>().floor
      if (event !== undefined && (floor ?? 0) < event.seq) {
        found.push(`p${partition}: floor ${floor} of ${event.seq}`)
      }
    }
    return found
  } finally {
    await connection.close()
  }
}

/** Waits until nothing is in flight, due or held and every floor is at its end; gives the seconds it took. */
export const atRest = (stage: Resting, limit = restLimit): Effect.Effect<number> =>
  Effect.gen(function*() {
    const from = yield* Clock.currentTimeMillis
    yield* until("rest", restless(stage), (found) => found.length === 0, limit)
    return ((yield* Clock.currentTimeMillis) - from) / 1000
  })
