import { Clock, Effect, Option, Schema } from "effect"
import { connect, NatsError } from "nats"
import { Connection } from "./Connection.ts"
import { ask, errorCode, find } from "./JetStreamApi.ts"
import { parseDeliveriesStream, streamNames } from "./Subjects.ts"

/** A stream of ours and how much of it is used. */
export interface StreamFill {
  readonly name: string
  readonly bytes: number
  /** -1: no limit. */
  readonly maxBytes: number
  /** When it is full it drops its oldest messages instead of refusing new ones. */
  readonly dropsOldest: boolean
}

/** When the broker flushes to disk; `undefined`: it cannot be told. */
export type Sync = { readonly always: boolean; readonly interval: string } | undefined

/** What a broker says of itself; asking changes nothing there. */
export interface BrokerSurvey {
  readonly version: string
  readonly clustered: boolean
  readonly streams: ReadonlyArray<StreamFill>
  /** Its clock less this machine's, milliseconds; undefined when it has no stream of ours yet, whose state says the time. */
  readonly clockAhead: number | undefined
  readonly sync: Sync
  /** It lets in who has no credentials; undefined when it cannot be told. */
  readonly anonymous: boolean | undefined
}

interface StreamInfo {
  readonly ts: string
  readonly config: { readonly name: string; readonly max_bytes?: number; readonly discard?: string }
  readonly state: { readonly bytes: number }
}

const Varz = Schema.Struct({
  server_id: Schema.String,
  jetstream: Schema.Struct({
    config: Schema.Struct({
      sync_always: Schema.optional(Schema.Boolean),
      sync_interval: Schema.optional(Schema.Number)
    })
  })
})

/** NATS' usual monitoring port (docs.nats.io); nats.conf of this repository has it too. */
const usualPort = 8222

/** From the server's monitoring, if there is one at the usual place and it is the same server's. At most 2 s. */
const syncOf = (host: string, port: number, serverId: string): Effect.Effect<Sync> =>
  Effect.tryPromise(async () => {
    const response = await fetch(`http://${host.includes(":") ? `[${host}]` : host}:${port}/varz`, {
      redirect: "error",
      signal: AbortSignal.timeout(2000)
    })
    return (await response.json()) as unknown
  }).pipe(
    Effect.flatMap(Schema.decodeUnknown(Varz)),
    Effect.map(({ jetstream: { config }, server_id }): Sync =>
      server_id === serverId
        ? {
          always: config.sync_always === true,
          interval: config.sync_always === true ? "always" : `${(config.sync_interval ?? 0) / 1_000_000_000} s`
        }
        : undefined
    ),
    Effect.orElseSucceed(() => undefined)
  )

/** Whether a connection without credentials is taken: what the server says of itself (`auth_required`) leaves out a `no_auth_user`. At most 3 s. */
const admitsAnybody = (server: string, tls: boolean): Effect.Effect<boolean | undefined> =>
  Effect.acquireUseRelease(
    Effect.tryPromise({
      try: () =>
        connect({
          servers: server,
          name: "hookline doctor",
          timeout: 3000,
          reconnect: false,
          ...(tls ? { tls: {} } : {})
        }),
      catch: (cause) => cause instanceof NatsError && cause.isAuthError()
    }),
    () => Effect.succeed(true),
    (nats) => Effect.promise(() => nats.close().catch(() => undefined))
  ).pipe(Effect.catchAll((refused) => Effect.succeed(refused ? false : undefined)))

/** Asks the broker that `Connection` is connected to. */
export const surveyBroker = Effect.fnUntraced(function*(monitoringPort: number = usualPort) {
  const connection = yield* Connection
  const info = connection.nats.info
  const names = yield* ask<{ readonly streams: ReadonlyArray<string> | null }>(connection, "STREAM.NAMES", {
    subject: "deliveries.>"
  })
  const wanted = [
    streamNames.events,
    streamNames.webhooks,
    ...(names.streams ?? []).filter((name) => Option.isSome(parseDeliveriesStream(name))).sort(),
    streamNames.quarantine
  ]
  let clockAhead: number | undefined
  const streams: Array<StreamFill> = []
  for (const name of wanted) {
    const askedAt = yield* Clock.currentTimeMillis
    const found = yield* find<StreamInfo>(connection, [errorCode.streamNotFound], `STREAM.INFO.${name}`)
    if (Option.isNone(found)) continue
    const { config, state, ts } = found.value
    clockAhead = Date.parse(ts) - (askedAt + (yield* Clock.currentTimeMillis)) / 2
    streams.push({
      name,
      bytes: state.bytes,
      maxBytes: config.max_bytes ?? -1,
      dropsOldest: config.discard !== "new"
    })
  }
  const host = /^(.*):\d+$/.exec(connection.nats.getServer())?.[1]?.replaceAll(/[[\]]/g, "") ?? ""
  return {
    version: info?.version ?? "",
    clustered: info?.cluster !== undefined && info.cluster !== "",
    streams,
    clockAhead,
    sync: yield* syncOf(host, monitoringPort, info?.server_id ?? ""),
    anonymous: yield* admitsAnybody(connection.nats.getServer(), info?.tls_required === true)
  } satisfies BrokerSurvey
})
