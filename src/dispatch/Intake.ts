import { Cause, Effect, Runtime, Schedule } from "effect"
import type { ConsumedMessage } from "../broker/Streams.ts"
import type { BrokerUnavailable } from "../broker/Streams.ts"
import * as Telemetry from "../Telemetry.ts"
import type { Partition } from "./Partition.ts"

/** Stop pulling above these, pull again below half of them (ARCHITECTURE "Values"). */
const mostOpen = 16_384
const mostBytes = 64 * 1024 * 1024
/**
 * While so many deliveries are ready, matching waits: what is ready starts or is held within a second, and matching more would only have it held
 * (each then costs a second record and a second look at its body).
 */
const mostReady = 2_048
const readyPause = "2 millis"
/** So many are matched between two turns of the event loop. */
const perTurn = 256

/**
 * What the partitions' consumers bring, matched in ticks: one fence of the projection for all that came before it was asked for. Bounded by the
 * consumers' max_ack_pending and by the limits above.
 */
export const makeIntake = (
  partitions: ReadonlyArray<Partition>,
  fence: Effect.Effect<number, BrokerUnavailable>,
  owns: () => boolean,
  ready: () => number
) =>
  Effect.gen(function*() {
    const arrived = yield* Effect.makeLatch(false)
    const report = Runtime.runFork(yield* Effect.runtime<never>())
    let waiting: Array<readonly [Partition, ConsumedMessage]> = []
    /** Of what waits and of what is being matched. */
    let unmatched = 0
    let unmatchedBytes = 0
    let paused = false

    const push = (partition: Partition, message: ConsumedMessage): void => {
      waiting.push([partition, message])
      unmatched++
      unmatchedBytes += message.data.byteLength
      arrived.unsafeOpen()
    }

    const amount = () => {
      let open = unmatched
      let bytes = unmatchedBytes
      for (const partition of partitions) {
        open += partition.openEvents
        bytes += partition.openBytes
      }
      return { open, bytes }
    }
    yield* Telemetry.register(() => {
      const { bytes, open } = amount()
      return { hookline_events_open: open, hookline_events_open_bytes: bytes }
    })

    const balance = (): void => {
      const { bytes, open } = amount()
      const above = (part: number) => open > mostOpen * part || bytes > mostBytes * part
      if (paused ? above(0.5) : !above(1)) return
      paused = !paused
      for (const { consumption } of partitions) {
        if (paused) consumption?.pause()
        else consumption?.resume()
      }
    }

    /** A bug that one event brings out stops that event, which stays open and holds the floor, and no other. */
    const take = (partition: Partition, message: ConsumedMessage, webhooksSequence: number): void => {
      unmatched--
      unmatchedBytes -= message.data.byteLength
      try {
        partition.take(message, webhooksSequence)
      } catch (cause) {
        report(Effect.logError(`event ${message.sequence} could not be matched`, Cause.die(cause)))
      }
    }

    const tick = Effect.gen(function*() {
      yield* arrived.await
      arrived.unsafeClose()
      const batch = waiting
      waiting = []
      balance()
      const sequence = yield* fence.pipe(Effect.retry(Schedule.spaced("200 millis")))
      for (let start = 0; start < batch.length; start += perTurn) {
        while (owns() && ready() > mostReady) {
          balance()
          yield* Effect.sleep(readyPause)
        }
        if (!owns()) return
        for (const [partition, message] of batch.slice(start, start + perTurn)) take(partition, message, sequence)
        if (start + perTurn < batch.length) yield* Effect.yieldNow()
      }
      balance()
    })
    /** Room may have come. */
    const settled = (): void => {
      if (paused) balance()
    }
    return { push, settled, run: Effect.forever(tick) }
  })
