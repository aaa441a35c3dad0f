import { describe, expect, it } from "@effect/vitest"
import type { Broker, Facts, Site } from "../../src/surface/doctor/Facts.ts"
import { findings, type State } from "../../src/surface/doctor/Findings.ts"

const mebibyte = 1024 ** 2
const gibibyte = 1024 ** 3

type Running = Extract<Broker, { state: "running" }>

const running: Running = {
  state: "running",
  embedded: true,
  address: "127.0.0.1:4222",
  survey: {
    version: "2.12.7",
    clustered: false,
    streams: [{ name: "EVENTS", bytes: mebibyte, maxBytes: 8 * gibibyte, dropsOldest: false }],
    clockAhead: 3,
    sync: undefined,
    anonymous: false
  },
  sync: { always: true, interval: "always" },
  sealedBy: { k1: 2 }
}

const site: Site = {
  directory: { path: "/data", exists: true, unusable: undefined, open: false, hasStore: true },
  operatorKey: { source: "/data/operator.key", isFile: true, state: "usable", open: false },
  masterKeys: { source: "/data/master.key", isFile: true, state: "usable", open: false, ids: ["k1"] },
  clientCertificate: undefined,
  proxy: undefined,
  api: { url: "http://127.0.0.1:8080", state: "ready", failing: [] },
  ports: [],
  broker: running,
  disk: { path: "/data", free: 100 * gibibyte, mayGrow: 16 * gibibyte }
}

const node = { version: "20.20.2", range: "^20.19.0 || ^22.12.0 || ^24.0.0" }
const facts = (change: Partial<Site> = {}): Facts => ({ node, invalidSetting: undefined, site: { ...site, ...change } })
const survey = (change: Partial<Running["survey"]>, more: Partial<Running> = {}): Facts =>
  facts({ broker: { ...running, ...more, survey: { ...running.survey, ...change } } })
const withStream = (bytes: number, maxBytes: number, name = "EVENTS", dropsOldest = false) =>
  survey({ streams: [{ name, bytes, maxBytes, dropsOldest }] })
const onNode = (version: string): Facts => ({ ...facts(), node: { ...node, version } })
const external = { directory: undefined, disk: undefined }
const stopped = (change: Partial<Site> = {}): Facts =>
  facts({
    api: { ...site.api, state: "silent" },
    broker: { state: "stopped", binary: { source: "/usr/bin/nats-server", version: "2.12.7" }, sync: running.sync },
    ...change
  })
const day = 86_400_000
const forward = { address: "http://proxy:3128", login: true, resolves: false, unreachable: "ECONNREFUSED" }
const noRing = { ...site.masterKeys, state: "missing", ids: [] } as const

describe("what the doctor finds", () => {
  it("nothing where all is well, running or not", () => {
    expect(findings(facts()).map(({ check, state }) => `${check}: ${state}`)).toEqual([
      "Node: ok",
      "settings: ok",
      "hookline: ok",
      "data directory: ok",
      "operator key: ok",
      "master keys: ok",
      "keys in use: ok",
      "broker: ok",
      "advisories: ok",
      "sync: ok",
      "stream EVENTS: ok",
      "clock: ok",
      "disk: ok"
    ])
    expect(findings(stopped()).filter(({ state }) => state !== "ok").map(({ check, state }) => [check, state])).toEqual(
      [["keys in use", "unknown"]]
    )
  })

  const cases: ReadonlyArray<readonly [name: string, facts: Facts, check: string, state: State, says: string]> = [
    ["Node 18", onNode("18.20.0"), "Node", "problem", "18.20.0"],
    ["Node 20.18", onNode("20.18.3"), "Node", "problem", "install"],
    ["Node 21", onNode("21.7.0"), "Node", "problem", "install"],
    ["Node 22.12", onNode("22.12.0"), "Node", "ok", "22.12.0"],
    [
      "a wrong setting",
      { node, invalidSetting: "HOOKLINE_PORT is \"x\"", site: undefined },
      "settings",
      "problem",
      "HOOKLINE_PORT"
    ],
    [
      "not ready",
      facts({ api: { ...site.api, state: "not ready", failing: ["worker: lost"] } }),
      "hookline",
      "problem",
      "worker: lost"
    ],
    ["another server", facts({ api: { ...site.api, state: "strange" } }), "hookline", "problem", "HOOKLINE_PORT"],
    [
      "a taken port",
      stopped({ ports: [{ variable: "HOOKLINE_PORT", port: 8080, taken: true }] }),
      "port 8080",
      "problem",
      "HOOKLINE_PORT"
    ],
    [
      "a free port",
      stopped({ ports: [{ variable: "HOOKLINE_PORT", port: 8080, taken: false }] }),
      "port 8080",
      "ok",
      "free"
    ],
    [
      "a file as directory",
      facts({ directory: { ...site.directory!, unusable: "it is a file" } }),
      "data directory",
      "problem",
      "HOOKLINE_DATA"
    ],
    [
      "an open directory",
      facts({ directory: { ...site.directory!, open: true } }),
      "data directory",
      "warning",
      "chmod 700 /data"
    ],
    [
      "an open key",
      facts({ operatorKey: { ...site.operatorKey, open: true } }),
      "operator key",
      "warning",
      "chmod 600"
    ],
    [
      "a bad key",
      facts({ operatorKey: { ...site.operatorKey, state: "unusable", detail: "it is no API key" } }),
      "operator key",
      "problem",
      "no API key"
    ],
    ["no ring, with a store", stopped({ masterKeys: noRing }), "master keys", "problem", "your copy"],
    [
      "no ring, before the first start",
      stopped({ masterKeys: noRing, directory: { ...site.directory!, hasStore: false } }),
      "master keys",
      "ok",
      "first start"
    ],
    ["no ring, but it runs", facts({ masterKeys: noRing }), "master keys", "unknown", "variable"],
    [
      "no ring for an external broker",
      facts({ ...external, masterKeys: { ...noRing, source: "HOOKLINE_MASTER_KEYS", isFile: false } }),
      "master keys",
      "problem",
      "set HOOKLINE_MASTER_KEYS"
    ],
    [
      "a key in use that is not there",
      survey({}, { sealedBy: { k1: 2, k0: 3 } }),
      "keys in use",
      "problem",
      "k0, which sealed what 3 webhooks need"
    ],
    [
      "a key that is not needed",
      facts({ masterKeys: { ...site.masterKeys, ids: ["k1", "k0"] } }),
      "keys in use",
      "ok",
      "no longer needed: k0"
    ],
    [
      "a new first key",
      facts({ masterKeys: { ...site.masterKeys, ids: ["k2", "k1"] } }),
      "keys in use",
      "ok",
      "k2 seals what is new"
    ],
    ["no sight of SECRETS", survey({}, { sealedBy: undefined }), "keys in use", "unknown", "SECRETS could not be read"],
    ["an old broker", survey({ version: "2.10.29" }), "broker", "problem", "2.11 or later"],
    [
      "no binary",
      stopped({ broker: { state: "stopped", binary: { problem: "no nats-server" }, sync: undefined } }),
      "broker",
      "problem",
      "no nats-server"
    ],
    [
      "nobody there",
      facts({ ...external, broker: { state: "unreachable", embedded: false, detail: "nobody answers there" } }),
      "broker",
      "problem",
      "HOOKLINE_NATS_URL"
    ],
    ["advisories of the embedded one", survey({ version: "2.11.6" }), "advisories", "warning", "HOOKLINE_NATS_SERVER"],
    [
      "advisories of another",
      survey({ version: "2.11.15" }, { embedded: false }),
      "advisories",
      "problem",
      "GHSA-38x3-76xf-cq45"
    ],
    [
      "an external one open to all",
      survey({ anonymous: true }, { embedded: false }),
      "access",
      "problem",
      "without a password"
    ],
    ["an external one that asks", survey({}, { embedded: false }), "access", "ok", "credentials"],
    [
      "no telling whether it asks",
      survey({ anonymous: undefined }, { embedded: false }),
      "access",
      "unknown",
      "refused"
    ],
    [
      "two minutes, a server of somebody else's",
      survey({}, { embedded: false, sync: { always: false, interval: "120 s" } }),
      "sync",
      "problem",
      "sync_interval: always"
    ],
    [
      "two minutes, a cluster",
      survey({ clustered: true }, { embedded: false, sync: { always: false, interval: "120 s" } }),
      "sync",
      "warning",
      "most replicas at once"
    ],
    ["an external one without fault", survey({}, { embedded: false }), "production", "ok", "nothing found"],
    [
      "an external one that tells little",
      survey({}, { embedded: false, sync: undefined }),
      "production",
      "unknown",
      "cannot be told: sync"
    ],
    [
      "an external one with every fault",
      survey({ version: "2.11.0", anonymous: true }, { embedded: false, sync: { always: false, interval: "120 s" } }),
      "production",
      "problem",
      "not fit for it: access, advisories, sync"
    ],
    [
      "a client certificate with time left",
      facts({ clientCertificate: { validFrom: 0, validTo: 31 * day, now: day - 1 } }),
      "client certificate",
      "ok",
      "1970-02-01"
    ],
    [
      "a client certificate that expires",
      facts({ clientCertificate: { validFrom: 0, validTo: 31 * day, now: day + 1 } }),
      "client certificate",
      "warning",
      "in 29 days"
    ],
    [
      "a client certificate that has expired",
      facts({ clientCertificate: { validFrom: 0, validTo: day, now: day } }),
      "client certificate",
      "problem",
      "has expired on 1970-01-02"
    ],
    [
      "a client certificate of tomorrow",
      facts({ clientCertificate: { validFrom: day, validTo: 9 * day, now: 0 } }),
      "client certificate",
      "problem",
      "clock"
    ],
    [
      "a file of TLS that cannot be used",
      facts({ clientCertificate: { problem: "HOOKLINE_TLS_CA is …" } }),
      "TLS files",
      "problem",
      "HOOKLINE_TLS_CA"
    ],
    [
      "a proxy",
      facts({ proxy: { ...forward, unreachable: undefined } }),
      "proxy",
      "ok",
      "http://proxy:3128, with a login"
    ],
    ["a proxy that is gone", facts({ proxy: forward }), "proxy", "problem", "ECONNREFUSED"],
    ["two minutes", survey({}, { sync: { always: false, interval: "2m" } }), "sync", "warning", "HOOKLINE_SYNC=always"],
    ["no telling when it flushes", survey({}, { sync: undefined }), "sync", "unknown", "sync_interval: always"],
    ["79 %", withStream(79, 100), "stream EVENTS", "ok", "79 %"],
    ["80 %", withStream(80 * mebibyte, 100 * mebibyte), "stream EVENTS", "warning", "HOOKLINE_EVENTS_MAX_BYTES"],
    ["full", withStream(99.5 * mebibyte, 100 * mebibyte), "stream EVENTS", "problem", "nothing more is taken"],
    [
      "records full",
      withStream(100 * mebibyte, 100 * mebibyte, "DELIVERIES-1"),
      "stream DELIVERIES-1",
      "problem",
      "HOOKLINE_DELIVERIES_MAX_BYTES"
    ],
    [
      "a full quarantine",
      withStream(100, 100, "QUARANTINE", true),
      "stream QUARANTINE",
      "warning",
      "oldest entries go"
    ],
    ["no limit", withStream(5 * mebibyte, -1, "WEBHOOKS"), "stream WEBHOOKS", "ok", "5.0 MiB, no limit"],
    ["no streams", survey({ streams: [] }), "streams", "ok", "none yet"],
    ["a clock 2 s off", survey({ clockAhead: -2000 }), "clock", "ok", "2.0 s"],
    ["a clock behind", survey({ clockAhead: -2001 }), "clock", "warning", "behind"],
    ["a clock ahead", survey({ clockAhead: 60_000 }), "clock", "warning", "60.0 s ahead of"],
    ["no clock to read", survey({ clockAhead: undefined }), "clock", "unknown", "no stream yet"],
    [
      "little disk",
      facts({ disk: { path: "/data", free: gibibyte, mayGrow: 2 * gibibyte } }),
      "disk",
      "warning",
      "1.0 GiB free"
    ],
    ["no disk", facts({ disk: { path: "/data", free: 63 * mebibyte, mayGrow: 0 } }), "disk", "problem", "free some"]
  ]
  it.each(cases)("%s", (_, facts, check, state, says) => {
    const found = findings(facts).find((finding) => finding.check === check)
    expect(found?.state).toBe(state)
    expect(`${found?.found} → ${found?.advice}`).toContain(says)
  })

  it.each(cases)("%s: whatever is not well says what to do", (_, facts) => {
    for (const { advice, state } of findings(facts)) expect(advice === undefined).toBe(state === "ok")
  })
})
