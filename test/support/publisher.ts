import { Effect, type Scope } from "effect"
import { connect, headers, type JetStreamClient, type NatsConnection } from "nats"
import { ignoreLateErrors } from "../../src/broker/LateErrors.ts"

/** An ordinary NATS client, as a service would use it. */
export const natsClient = (url: string): Effect.Effect<NatsConnection, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const { host, password, username } = new URL(url)
      const connection = await connect({
        servers: host,
        user: username,
        pass: password,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 100,
        waitOnFirstConnect: true
      })
      ignoreLateErrors(connection)
      return connection
    }),
    (connection) => Effect.promise(() => connection.close())
  )

/** Publishes until the acknowledgement comes, as docs/publishing.md tells: the same message id on every try. */
const publishOne = async (js: JetStreamClient, subject: string, workspace: string, id: string, data: unknown) => {
  const options = headers()
  options.set("Nats-Msg-Id", `${workspace}/${id}`)
  for (;;) {
    try {
      return await js.publish(subject, JSON.stringify({ id, data }), { headers: options, timeout: 2_000 })
    } catch {
      await new Promise((resume) => setImmediate(resume))
    }
  }
}

/** Publishes `count` events with the ids `<prefix><n>`, at most `width` at once; ends when each is acknowledged. */
export const publishMany = (
  connection: NatsConnection,
  options: {
    readonly workspace: string
    readonly type: string
    readonly prefix: string
    readonly count: number
    readonly width?: number
    readonly onAcknowledged?: (count: number) => void
  }
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    const js = connection.jetstream()
    const subject = `events.${options.workspace}.${options.type}`
    const ids = Array.from({ length: options.count }, (_, index) => `${options.prefix}${index}`)
    let next = 0
    let done = 0
    const lane = async () => {
      for (let id = ids[next++]; id !== undefined; id = ids[next++]) {
        await publishOne(js, subject, options.workspace, id, { n: next })
        options.onAcknowledged?.(++done)
      }
    }
    await Promise.all(Array.from({ length: options.width ?? 100 }, lane))
    return ids
  })
