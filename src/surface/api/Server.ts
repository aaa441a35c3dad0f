import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Clock, Context, Effect, Layer, Schedule } from "effect"
import { createServer, type Server } from "node:http"
import { Config, InvalidSetting, settings } from "../../Config.ts"
import { LiveDeliveries } from "../LiveDeliveries.ts"
import { apiKeys } from "./ApiKeyRoutes.ts"
import { audit } from "./AuditRoutes.ts"
import { layer as authentication } from "./Authentication.ts"
import { Callers } from "./Callers.ts"
import { bounded } from "./Connections.ts"
import { HooklineApi } from "./Contract.ts"
import { dashboard } from "./DashboardRoute.ts"
import { deliveries } from "./DeliveryRoutes.ts"
import { docs } from "./DocsRoute.ts"
import { events, eventTypes } from "./EventRoutes.ts"
import { layer as faults } from "./Faults.ts"
import { health } from "./HealthRoutes.ts"
import { jobs } from "./JobRoutes.ts"
import { portal } from "./PortalRoutes.ts"
import { quarantine } from "./QuarantineRoutes.ts"
import { secrets } from "./SecretRoutes.ts"
import { session } from "./SessionRoutes.ts"
import { Sessions } from "./Sessions.ts"
import { stats } from "./StatsRoutes.ts"
import { webhooks } from "./WebhookRoutes.ts"
import { workspaces } from "./WorkspaceRoutes.ts"

/** Limits against slow and many clients. Milliseconds; Node looks every `connectionsCheckingInterval` whether one has passed. */
const limits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 16 * 1024
}

/** How long requests in flight may take after the end was asked for; the worker's 8 s come after it, and all has to fit into 10 s. */
const grace = "1 second"

/** The API being served. */
export class ApiServer extends Context.Tag("hookline/surface/ApiServer")<ApiServer, {
  /** Where, with the real port: `http://127.0.0.1:8080`. */
  readonly url: string
  readonly host: string
  readonly port: number
}>() {}

const cannotListen = (host: string, port: number, error: NodeJS.ErrnoException): InvalidSetting => {
  const ofPort: Record<string, string> = {
    EADDRINUSE:
      `a free port: something listens on ${host}:${port} already; stop it, or set another port (0 takes a free one)`,
    EACCES: "a port this user may open, 1024 or higher"
  }
  const accepts = ofPort[error.code ?? ""]
  return accepts === undefined
    ? new InvalidSetting({
      setting: settings.host.env,
      value: JSON.stringify(host),
      accepts: `an address of this machine (${error.code ?? error.message})`
    })
    : new InvalidSetting({ setting: settings.port.env, value: String(port), accepts })
}

const listen = (server: Server, host: string, port: number) =>
  Effect.async<void, InvalidSetting>((resume) => {
    const onError = (error: NodeJS.ErrnoException) => resume(Effect.fail(cannotListen(host, port, error)))
    server.once("error", onError)
    server.listen({ host, port }, () => {
      server.off("error", onError)
      resume(Effect.void)
    })
  })

/** Takes no new connection, ends the streams, lets requests in flight end, and cuts what is left after the grace. */
const close = (server: Server, endStreams: Effect.Effect<void>) =>
  Effect.zipRight(
    endStreams,
    Effect.suspend(() => {
      if (!server.listening) return Effect.void
      const closed = Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
      const idle = Effect.repeat(Effect.sync(() => server.closeIdleConnections()), Schedule.spaced("50 millis"))
      return Effect.raceFirst(closed, idle).pipe(
        // Inside the limit: around it, a stop by Ctrl-C would end the wait before it has begun.
        Effect.interruptible,
        Effect.timeoutOption(grace),
        Effect.andThen(Effect.sync(() => server.closeAllConnections())),
        // Sockets are real, whatever clock is in force.
        Effect.withClock(Clock.make())
      )
    })
  )

const serve = Effect.gen(function*() {
  const { host, port } = yield* Config
  const live = yield* LiveDeliveries
  const app = yield* HttpApiBuilder.httpApp
  const handler = yield* NodeHttpServer.makeHandler(app)
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => bounded(createServer(limits))),
    (server) => close(server, live.end)
  )
  // Not "upgrade": without a listener Node answers such a request as an ordinary one.
  server.on("request", handler)
  yield* listen(server, host, port)
  const address = server.address()
  const real = typeof address === "object" && address !== null ? address.port : port
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${real}`, host, port: real }
})

/** The API on `HOOKLINE_HOST` and `HOOKLINE_PORT`. Fails when it cannot listen there; closes within about 1 s. */
export const layer = Layer.scoped(ApiServer, serve).pipe(
  Layer.provide(faults),
  Layer.provide(HttpApiBuilder.middlewareOpenApi()),
  Layer.provide([docs, dashboard]),
  Layer.provide(HttpApiBuilder.api(HooklineApi)),
  Layer.provide(events),
  Layer.provide(eventTypes),
  Layer.provide(webhooks),
  Layer.provide(quarantine),
  Layer.provide(deliveries),
  Layer.provide(stats),
  Layer.provide(apiKeys),
  Layer.provide(workspaces),
  Layer.provide([jobs, audit, secrets]),
  Layer.provide([session, portal]),
  Layer.provide(health),
  Layer.provide(authentication),
  Layer.provide(Sessions.layer),
  Layer.provide(Callers.layer),
  Layer.provide([HttpApiBuilder.Router.Live, HttpApiBuilder.Middleware.layer, NodeHttpServer.layerContext])
)
