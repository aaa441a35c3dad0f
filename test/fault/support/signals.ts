import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { eventually } from "../../support/broker.ts"
import { isDead, procStat } from "../../support/procStat.ts"
import type { Product } from "../../support/product.ts"

/** The process of a hookline's embedded broker. */
export const brokerPid = ({ data }: Product): number => Number(readFileSync(join(data, "nats.pid"), "utf8"))

/** SIGKILL to the embedded broker, which hookline starts again. */
export const killBroker = (hookline: Product): Effect.Effect<void> =>
  Effect.suspend(() => {
    const pid = brokerPid(hookline)
    process.kill(pid, "SIGKILL")
    return eventually("the broker to be gone", () => isDead(pid))
  })

/** SIGSTOP, and waits until every thread has stopped; SIGCONT, of a process that is not ours to hold when the scenario ends early, too. */
export const frozen = <A, E, R>(pid: number, during: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.suspend(() => {
      process.kill(pid, "SIGSTOP")
      return eventually("the process to freeze", () => /\) T /.test(procStat(pid)))
    }),
    () => during,
    () => Effect.sync(() => procStat(pid) !== "" && process.kill(pid, "SIGCONT"))
  )
