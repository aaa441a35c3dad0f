/**
 * The publisher, in a process of its own. It keeps every acknowledged event: one whose acknowledgement did not come is published again under the
 * same id until it does, as docs/publishing.md tells services to.
 */
import { connect, headers, type NatsConnection } from "nats"
import { setImmediate } from "node:timers/promises"
import { serve } from "../../bench/Rpc.ts"

/** Event n goes to workspace n mod their number, and has type n mod theirs. */
export interface Load {
  readonly url: string
  /** Of every id, `[a-z0-9_]+`, its own for each load. */
  readonly prefix: string
  readonly count: number
  readonly workspaces: ReadonlyArray<string>
  readonly types: ReadonlyArray<string>
  /** Events without an acknowledgement at once. */
  readonly width: number
  /** Bytes of filling in `data`. */
  readonly padding?: number
}

export interface Acknowledged {
  readonly count: number
  /** Publications that were tried again. */
  readonly again: number
}

const acknowledgementLimit = 2_000

let connection: NatsConnection | undefined
let state = { count: 0, again: 0 }
let running: Promise<void> = Promise.resolve()
let busy = false

const publish = async (nats: NatsConnection, load: Load, number: number): Promise<void> => {
  const id = `${load.prefix}${number}`
  const workspace = load.workspaces[number % load.workspaces.length] ?? ""
  const type = load.types[number % load.types.length] ?? ""
  const options = headers()
  options.set("Nats-Msg-Id", `${workspace}/${id}`)
  const body = JSON.stringify({ id, data: { number, padding: "x".repeat(load.padding ?? 0) } })
  for (;;) {
    try {
      await nats.jetstream().publish(`events.${workspace}.${type}`, body, {
        headers: options,
        timeout: acknowledgementLimit
      })
      state.count++
      return
    } catch {
      state.again++
      await setImmediate()
    }
  }
}

const calls = {
  /** Begins to publish; answers at once. */
  begin: async (load: Load): Promise<void> => {
    if (busy) throw new Error("the load before is not acknowledged yet")
    busy = true
    const { host, password, username } = new URL(load.url)
    await connection?.close()
    const nats = await connect({
      servers: host,
      ...(username !== "" && { user: username, pass: password }),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      waitOnFirstConnect: true,
      pingInterval: 5_000
    })
    connection = nats
    state = { count: 0, again: 0 }
    let next = 0
    const lane = async () => {
      while (next < load.count) await publish(nats, load, next++)
    }
    const all = async () => {
      await Promise.all(Array.from({ length: load.width }, lane))
      busy = false
    }
    running = all()
  },
  acknowledged: async (): Promise<Acknowledged> => state,
  /** Answers when every event is acknowledged. */
  complete: async (): Promise<Acknowledged> => {
    await running
    return state
  }
}
export type GeneratorCalls = typeof calls

serve(calls)
