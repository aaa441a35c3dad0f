import { Clock, Effect, Either, Layer, Option, Redacted, Schema } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { natsUrl } from "../../broker/BrokerFile.ts"
import { surveyBroker } from "../../broker/BrokerSurvey.ts"
import { Connection } from "../../broker/Connection.ts"
import { localServer } from "../../broker/DataDirectory.ts"
import { type DirectorySurvey, type KeyFile, surveyDirectory } from "../../broker/DirectorySurvey.ts"
import * as JetStreamStreams from "../../broker/JetStreamStreams.ts"
import { locate, packaged } from "../../broker/ServerBinary.ts"
import { Streams } from "../../broker/Streams.ts"
import { bucketFilter, bucketStream, ownInboxes } from "../../broker/Subjects.ts"
import { type HooklineConfig, load, settings } from "../../Config.ts"
import { Proxy } from "../../outbound/Proxy.ts"
import { readTlsFiles } from "../../outbound/TlsFiles.ts"
import { ringIds } from "../../registry/KeyRing.ts"
import { keysOf } from "../../registry/Vault.ts"
import type { Api, Broker, Facts, Key, Port, Site } from "./Facts.ts"

/** Collects what Findings.ts judges. Changes nothing: no file, no stream, no process, beside a directory for a moment's copy of a binary. */

const Readyz = Schema.Struct({
  status: Schema.Literal("ready", "not_ready"),
  checks: Schema.Array(Schema.Struct({ name: Schema.String, ok: Schema.Boolean, detail: Schema.String }))
})

/** How long the API may take, the pass over SECRETS, and all that is asked of the broker. */
const apiPatience = 5000
const readingPatience = "15 seconds"
const brokerPatience = "30 seconds"

const probe = (url: string): Effect.Effect<Api> =>
  Effect.tryPromise({
    try: async () => {
      const response = await fetch(`${url}/readyz`, { redirect: "error", signal: AbortSignal.timeout(apiPatience) })
      return await response.json().catch(() => undefined) as unknown
    },
    catch: () => "silent" as const
  }).pipe(
    Effect.map((answer): Api =>
      Option.match(Schema.decodeUnknownOption(Readyz)(answer), {
        onNone: () => ({ url, state: "strange", failing: [] }),
        onSome: ({ checks, status }) => ({
          url,
          state: status === "ready" ? "ready" : "not ready",
          failing: checks.filter(({ ok }) => !ok).map(({ detail, name }) => `${name}: ${detail}`)
        })
      })
    ),
    Effect.orElseSucceed((): Api => ({ url, state: "silent", failing: [] }))
  )

const isTaken = (host: string, port: number): Effect.Effect<boolean> =>
  Effect.async((resume) => {
    const server = createServer()
    server.once("error", (cause: NodeJS.ErrnoException) => resume(Effect.succeed(cause.code === "EADDRINUSE")))
    server.listen({ host, port }, () => server.close(() => resume(Effect.succeed(false))))
  })

const portsOf = (config: HooklineConfig): Effect.Effect<ReadonlyArray<Port>> =>
  Effect.forEach(
    [
      { variable: settings.port.env, host: config.host, port: config.port },
      ...(config.natsUrl === undefined
        ? [{ variable: settings.natsPort.env, host: "127.0.0.1", port: config.natsPort }]
        : [])
    ].filter(({ port }) => port > 0),
    ({ host, port, variable }) => Effect.map(isTaken(host, port), (taken) => ({ variable, port, taken }))
  )

interface Found extends Key {
  readonly text: string | undefined
}

/** A key from its variable, else from its file, where there is one. */
const keyOf = (given: string | undefined, variable: string, file: KeyFile | undefined): Found => {
  if (given !== undefined || file === undefined) {
    return {
      source: variable,
      isFile: false,
      state: given === undefined ? "missing" : "usable",
      open: false,
      text: given
    }
  }
  const { open, path, text, unreadable } = file
  const known = { source: path, isFile: true, open, text: Option.getOrUndefined(text) }
  return unreadable === undefined
    ? { ...known, state: Option.isSome(text) ? "usable" : "missing" }
    : { ...known, state: "unusable", detail: unreadable }
}

const operatorKey = ({ text, ...key }: Found): Key =>
  text === undefined || settings.operatorKey.parse(text) !== undefined
    ? key
    : { ...key, state: "unusable", detail: "it is no API key" }

const masterKeys = ({ text, ...key }: Found): Site["masterKeys"] => {
  if (text === undefined) return { ...key, ids: [] }
  return Either.match(ringIds(text), {
    onLeft: ({ value }) => ({ ...key, ids: [], state: "unusable" as const, detail: value }),
    onRight: (ids) => ({ ...key, ids })
  })
}

/** How many webhooks' secrets each key seals: one pass over SECRETS. */
const sealedBy = Effect.gen(function*() {
  const streams = yield* Streams
  const stream = bucketStream("SECRETS")
  const { firstSequence, lastSequence } = yield* streams.state(stream)
  const counts: Record<string, number> = {}
  yield* streams.scan({
    stream,
    filter: bucketFilter("SECRETS"),
    from: firstSequence,
    to: lastSequence,
    onMessage: ({ data }) => {
      for (const id of keysOf(data)) counts[id] = (counts[id] ?? 0) + 1
    }
  })
  return counts
})

const unreachable = (embedded: boolean) => (detail: string): Broker => ({ state: "unreachable", embedded, detail })

/** Asks a broker that should run. `configured`: what its own configuration file says of `sync_interval`. */
const askBroker = (url: string, embedded: boolean, configured: string | undefined): Effect.Effect<Broker> =>
  Effect.gen(function*() {
    const { address } = yield* Connection
    const survey = yield* surveyBroker()
    return {
      state: "running",
      embedded,
      address,
      survey,
      sync: configured === undefined ? survey.sync : { always: configured === "always", interval: configured },
      // A user with fewer rights than hookline's own cannot see it.
      sealedBy: survey.streams.length === 0
        ? {}
        : yield* Effect.map(Effect.option(Effect.timeout(sealedBy, readingPatience)), Option.getOrUndefined)
    } satisfies Broker
  }).pipe(
    Effect.provide(
      Layer.provideMerge(
        JetStreamStreams.layer,
        Connection.layer({ url, name: "hookline doctor", inboxes: ownInboxes })
      )
    ),
    Effect.catchAll(({ message }) => Effect.succeed(unreachable(embedded)(message))),
    Effect.timeoutTo({
      duration: brokerPatience,
      onSuccess: (broker) => broker,
      onTimeout: () => unreachable(embedded)(`the broker did not answer within ${brokerPatience}`)
    })
  )

/** The binary that a start would use. The packaged one has to be copied to be run: to a directory of a moment. */
const stopped = (config: HooklineConfig): Effect.Effect<Broker> =>
  Effect.gen(function*() {
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "hookline-doctor-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
    )
    const binary = yield* locate({
      natsServer: config.natsServer,
      path: process.env["PATH"] ?? "",
      packaged: packaged(),
      directory
    }).pipe(Effect.match({
      onFailure: ({ message }) => ({ problem: message }),
      onSuccess: ({ path, version }) => ({
        source: path.startsWith(directory) ? "the one that comes with hookline" : path,
        version
      })
    }))
    return {
      state: "stopped",
      binary,
      sync: { always: config.sync === "always", interval: config.sync }
    } satisfies Broker
  }).pipe(Effect.scoped)

const mayGrow = (broker: Broker, config: HooklineConfig, stored: number): number =>
  broker.state === "running" && broker.survey.streams.length > 0
    ? broker.survey.streams.reduce((sum, { bytes, maxBytes }) => sum + Math.max(0, maxBytes - bytes), 0)
    : Math.max(0, config.eventsMaxBytes + config.deliveriesMaxBytes + config.quarantineMaxBytes - stored)

const clientCertificate = (config: HooklineConfig): Effect.Effect<Site["clientCertificate"]> =>
  Effect.gen(function*() {
    const { client } = yield* readTlsFiles(config)
    if (client === undefined) return undefined
    const { validFrom, validTo } = client
    return { validFrom, validTo, now: yield* Clock.currentTimeMillis }
  }).pipe(Effect.catchAll(({ message }) => Effect.succeed({ problem: message })))

/** Whether somebody listens where the proxy is; its login and its TLS are tried by the first delivery. At most 5 s. */
const proxyOf = ({ proxy, proxyResolves }: HooklineConfig): Effect.Effect<Site["proxy"]> => {
  if (proxy === undefined) return Effect.succeed(undefined)
  const { host, port, secure } = new Proxy(proxy, proxyResolves)
  return Effect.async<string | undefined>((resume) => {
    const socket = connect({ host, port })
    const end = (reason: string | undefined) => {
      socket.destroy()
      resume(Effect.succeed(reason))
    }
    socket.once("connect", () => end(undefined)).once(
      "error",
      (cause: NodeJS.ErrnoException) => end(cause.code ?? "error")
    )
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutTo({ duration: apiPatience, onSuccess: (reason) => reason, onTimeout: () => "no answer" }),
    Effect.map((unreachable) => ({
      address: `${secure ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
      login: new URL(proxy).username !== "",
      resolves: proxyResolves,
      unreachable
    }))
  )
}

/** Where the API of a hookline with these settings is, which said nowhere where it really is. */
const supposedUrl = ({ host, port }: HooklineConfig): string => {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`
}

const ofExternal = (config: HooklineConfig, url: string): Effect.Effect<Site> =>
  Effect.gen(function*() {
    const api = yield* probe(supposedUrl(config))
    return {
      directory: undefined,
      operatorKey: operatorKey(keyOf(config.operatorKey, settings.operatorKey.env, undefined)),
      masterKeys: masterKeys(keyOf(config.masterKeys, settings.masterKeys.env, undefined)),
      clientCertificate: yield* clientCertificate(config),
      proxy: yield* proxyOf(config),
      api,
      ports: api.state === "silent" ? yield* portsOf(config) : [],
      broker: yield* askBroker(url, false, undefined),
      disk: undefined
    }
  })

const ofEmbedded = (config: HooklineConfig): Effect.Effect<Site> =>
  Effect.gen(function*() {
    const directory: DirectorySurvey = yield* surveyDirectory(config.data)
    const announced = yield* Effect.map(Effect.option(localServer(config.data)), Option.flatten)
    const api = yield* Option.match(announced, {
      onNone: (): Effect.Effect<Api> => Effect.succeed({ url: supposedUrl(config), state: "silent", failing: [] }),
      onSome: ({ url }) => probe(url)
    })
    const runs = api.state === "ready" || api.state === "not ready"
    const url = yield* Effect.option(natsUrl(config.data, { publisher: false }))
    const broker = runs && Option.isSome(url)
      ? yield* askBroker(Redacted.value(url.value), true, directory.sync)
      : yield* stopped(config)
    return {
      directory,
      operatorKey: operatorKey(keyOf(config.operatorKey, settings.operatorKey.env, directory.operatorKey)),
      masterKeys: masterKeys(keyOf(config.masterKeys, settings.masterKeys.env, directory.masterKeys)),
      clientCertificate: yield* clientCertificate(config),
      proxy: yield* proxyOf(config),
      api,
      ports: runs ? [] : yield* portsOf(config),
      broker,
      disk: { path: directory.path, free: directory.free, mayGrow: mayGrow(broker, config, directory.stored) }
    }
  })

const { engines } = createRequire(import.meta.url)("../../../package.json") as {
  readonly engines: { readonly node: string }
}

/** The hookline of this machine and its settings: those of the environment, with another data directory if one is named. */
export const gather = (
  env: Readonly<Record<string, string | undefined>>,
  data: string | undefined
): Effect.Effect<Facts> =>
  Effect.gen(function*() {
    const node = { version: process.versions.node, range: engines.node }
    const config = load({ flags: { [settings.data.flag]: data }, env, dev: false })
    if (Either.isLeft(config)) return { node, invalidSetting: config.left.message, site: undefined }
    const { natsUrl } = config.right
    const site = yield* natsUrl === undefined ? ofEmbedded(config.right) : ofExternal(config.right, natsUrl)
    return { node, invalidSetting: undefined, site }
  })
