import { advisoriesOf, compareVersions } from "../../broker/Advisories.ts"
import type { StreamFill, Sync } from "../../broker/BrokerSurvey.ts"
import { leastFreeBytes } from "../../broker/DataDirectory.ts"
import { fill } from "../Readiness.ts"
import type { Api, Broker, Directory, Facts, Key, Port, Site } from "./Facts.ts"

/** `unknown`: it cannot be told from here. */
export type State = "ok" | "warning" | "problem" | "unknown"

export interface Finding {
  readonly check: string
  readonly state: State
  /** What was found. */
  readonly found: string
  /** How to mend it, or how it could be told. Always there with a problem or a warning. */
  readonly advice?: string
}

const ok = (check: string, found: string): Finding => ({ check, state: "ok", found })
const bad = (state: Exclude<State, "ok">) => (check: string, found: string, advice: string): Finding => ({
  check,
  state,
  found,
  advice
})
const warning = bad("warning")
const problem = bad("problem")
const unknown = bad("unknown")

const leastBroker = "2.11.0"

/** Free of everything in Advisories.ts. */
const advisedBroker = "2.11.16, 2.12.7 or later"

/** A clock that differs more than this makes signatures look older or newer than they are. Milliseconds. */
const clockTolerance = 2000

const size = (bytes: number): string => {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.floor(value)} ${units[power]}`
}

/** `^20.19.0 || ^22.12.0`: the same major version, and not older. Ranges of that form only, as in package.json. */
const inRange = (version: string, range: string): boolean =>
  range.split("||").some((part) => {
    const least = part.trim().replace("^", "")
    return version.split(".")[0] === least.split(".")[0] && compareVersions(version, least) >= 0
  })

const node = ({ range, version }: Facts["node"]): Finding =>
  inRange(version, range)
    ? ok("Node", version)
    : problem("Node", `${version}, hookline is made for ${range}`, `install a Node of ${range}`)

const running = ({ failing, state, url }: Api): Finding => {
  switch (state) {
    case "ready":
      return ok("hookline", `runs at ${url} and is ready`)
    case "not ready":
      return problem(
        "hookline",
        `runs at ${url} and is not ready: ${failing.join("; ")}`,
        "mend what is named; its log says more"
      )
    case "silent":
      return ok("hookline", "does not run; what is below is what a start would find")
    case "strange":
      return problem(
        "hookline",
        `something else answers at ${url}`,
        "set HOOKLINE_PORT to another port, or stop what listens there"
      )
  }
}

const port = ({ port, taken, variable }: Port): Finding =>
  taken
    ? problem(
      `port ${port}`,
      "something listens there already",
      `stop it, or set ${variable} to a free port (0 takes any)`
    )
    : ok(`port ${port}`, "free")

const directory = ({ exists, hasStore, open, path, unusable }: Directory): Finding => {
  if (unusable !== undefined) {
    return problem(
      "data directory",
      `${path} cannot be used (${unusable})`,
      "let this user write there, or set HOOKLINE_DATA to another directory"
    )
  }
  if (!exists) return ok("data directory", `${path} is not there; the first start makes it`)
  if (open) return warning("data directory", `${path} is open to others`, `chmod 700 ${path}`)
  return ok("data directory", `${path}${hasStore ? "" : ", without a store yet"}`)
}

const missing = (check: string, key: Key, site: Site, restore: string): Finding => {
  if (!key.isFile) {
    return problem(check, `${key.source} is not set`, `set ${key.source}: with HOOKLINE_NATS_URL nothing is made`)
  }
  if (site.api.state === "ready" || site.api.state === "not ready") {
    return unknown(
      check,
      `${key.source} is not there: the hookline that runs was given the key by a variable`,
      "set the same variable here"
    )
  }
  return site.directory?.hasStore === true
    ? problem(check, `${key.source} is missing`, restore)
    : ok(check, "the first start makes it")
}

const key = (check: string, key: Key, site: Site, restore: string): Finding => {
  if (key.state === "missing") return missing(check, key, site, restore)
  if (key.state === "unusable") return problem(check, `${key.source} cannot be used: ${key.detail ?? ""}`, restore)
  if (key.open) return warning(check, `${key.source} can be read by others`, `chmod 600 ${key.source}`)
  return ok(check, `from ${key.source}`)
}

const restoreOperator = (site: Site): string =>
  site.operatorKey.isFile
    ? "put your copy of the file back, or delete it: the next start makes a new key, which all callers then need"
    : "set HOOKLINE_OPERATOR_KEY to hk_<id>_<secret>, 32 characters or more"

const restoreRing = (site: Site): string =>
  site.masterKeys.isFile
    ? "put your copy of the file back, or set HOOKLINE_MASTER_KEYS: without the key no secret can be opened and nothing is sent"
    : "set HOOKLINE_MASTER_KEYS to id:base64,… with 32 bytes each"

const counted = (webhooks: number): string => `${webhooks} webhook${webhooks === 1 ? "" : "s"}`

/** The keys that sealed something against those that are there to open it. */
const keysInUse = ({ broker, directory, masterKeys }: Site): Finding => {
  const check = "keys in use"
  if (directory?.hasStore === false) return ok(check, "none yet")
  if (masterKeys.state !== "usable") {
    return unknown(check, "there is no ring to compare with", "mend the master keys first")
  }
  const ring = masterKeys.ids.join(", ")
  if (broker.state !== "running") {
    return unknown(check, `the ring has ${ring}; what is sealed can be seen while the broker runs`, "ask again then")
  }
  if (broker.sealedBy === undefined) {
    return unknown(check, `the ring has ${ring}; SECRETS could not be read`, "ask with hookline's own credentials")
  }
  const used = Object.entries(broker.sealedBy)
  const lost = used.filter(([id]) => !masterKeys.ids.includes(id))
  if (lost.length > 0) {
    return problem(
      check,
      `not in the ring: ${
        lost.map(([id, webhooks]) => `${id}, which sealed what ${counted(webhooks)} need`).join("; ")
      }`,
      "add the key to HOOKLINE_MASTER_KEYS behind the first, from your copy; if it is lost, rotate the secrets of these webhooks"
    )
  }
  const unused = masterKeys.ids.filter((id) => broker.sealedBy?.[id] === undefined)
  const [sealing] = masterKeys.ids
  const surplus = unused.filter((id) => id !== sealing)
  return ok(
    check,
    [
      used.length === 0 ? "none yet" : used.map(([id, webhooks]) => `${id} for ${counted(webhooks)}`).join(", "),
      `${sealing ?? ""} seals what is new`,
      ...(used.some(([id]) => id !== sealing) ? ["`hookline secrets rewrap` seals the rest anew"] : []),
      ...(surplus.length === 0 ? [] : [`no longer needed: ${surplus.join(", ")}`])
    ].join("; ")
  )
}

/** A client certificate is warned of so long before it ends: a month is what a certificate's renewal is planned with. */
const certificateNotice = 30 * 86_400_000

const certificate = (found: Site["clientCertificate"]): ReadonlyArray<Finding> => {
  const check = "client certificate"
  if (found === undefined) return []
  if ("problem" in found) return [problem("TLS files", found.problem, "mend it: hookline does not start with it")]
  const { now, validFrom, validTo } = found
  const [from, to] = [validFrom, validTo].map((at) => new Date(at).toISOString().slice(0, 10))
  const replace = "put a new one in place of the files of HOOKLINE_TLS_CERT and HOOKLINE_TLS_KEY, and start again"
  if (validTo <= now) {
    return [problem(check, `has expired on ${to}: endpoints that ask for it refuse every delivery`, replace)]
  }
  if (validFrom > now) {
    return [problem(check, `is not valid before ${from}`, "see whether this machine's clock is right")]
  }
  return [
    validTo - now < certificateNotice
      ? warning(check, `expires on ${to}, in ${Math.floor((validTo - now) / 86_400_000)} days`, replace)
      : ok(check, `valid until ${to}`)
  ]
}

const proxy = (found: Site["proxy"]): ReadonlyArray<Finding> => {
  if (found === undefined) return []
  const { address, login, resolves, unreachable } = found
  const what = `${address}${login ? ", with a login" : ""}${resolves ? ", which looks up names itself" : ""}`
  return [
    unreachable === undefined
      ? ok("proxy", `${what}, takes connections`)
      : problem(
        "proxy",
        `${what}, takes no connection (${unreachable})`,
        "start it, or set HOOKLINE_PROXY to where it is: until then every delivery is held"
      )
  ]
}

const advisories = (version: string, embedded: boolean): Finding => {
  const known = advisoriesOf(version)
  if (known.length === 0) return ok("advisories", `none known for ${version}`)
  const which = known.map(({ about, id }) => `${id} (${about})`).join("; ")
  return embedded
    ? warning(
      "advisories",
      `${version} is affected by ${which}. The embedded broker listens on loopback and is set up with nothing that these need`,
      `put nats-server ${advisedBroker} on PATH, or name it in HOOKLINE_NATS_SERVER`
    )
    : problem("advisories", `${version} is affected by ${which}`, `update the server to ${advisedBroker}`)
}

const version = (found: string, version: string): Finding =>
  compareVersions(version, leastBroker) < 0
    ? problem(
      "broker",
      `${found}, version ${version}: too old`,
      `hookline needs nats-server 2.11 or later, best ${advisedBroker}`
    )
    : ok("broker", `${found}, version ${version}`)

/** Of a server of somebody else's; the embedded one has users that hookline makes. */
const access = (anonymous: boolean | undefined): Finding => {
  const check = "access"
  switch (anonymous) {
    case true:
      return problem(
        check,
        "it lets in whoever reaches it, without a password; unless its configuration says less, to publish for any workspace, to read every event and to delete streams",
        "give it users: nats.conf of this project has one for each role"
      )
    case false:
      return ok(check, "it asks for credentials")
    case undefined:
      return unknown(
        check,
        "it could not be told whether it asks for credentials",
        "make sure that a connection without them is refused"
      )
  }
}

/** The last word on a broker of somebody else's: what was found of it, in a line. */
const production = (findings: ReadonlyArray<Finding>): Finding => {
  const check = "production"
  const named = (state: State) => findings.filter((one) => one.state === state).map((one) => one.check).join(", ")
  const [wrong, untold] = [named("problem"), named("unknown")]
  if (wrong !== "") return problem(check, `this broker is not fit for it: ${wrong}`, "mend what is named, see there")
  return untold === ""
    ? ok(check, "nothing found that speaks against this broker")
    : unknown(check, `whether this broker is fit for it cannot be told: ${untold}`, "see there how it could be told")
}

const durability = (sync: Sync, grade: typeof warning, clustered: boolean): Finding => {
  const check = "sync"
  if (sync === undefined) {
    return unknown(
      check,
      "the broker does not say when it flushes to disk",
      "make sure that its configuration has sync_interval: always; with http: 127.0.0.1:8222 there this check can read it"
    )
  }
  if (sync.always) return ok(check, "flushed to disk before it is acknowledged")
  return grade(
    check,
    `flushed to disk every ${sync.interval}: a power cut ${
      clustered ? "of most replicas at once " : ""
    }may lose acknowledged events`,
    "set HOOKLINE_SYNC=always, or sync_interval: always in the configuration of a server of your own"
  )
}

const nearlyFull = 0.8

const stream = (stream: StreamFill): Finding => {
  const check = `stream ${stream.name}`
  if (stream.maxBytes <= 0) return ok(check, `${size(stream.bytes)}, no limit`)
  const used = `${Math.floor(100 * stream.bytes / stream.maxBytes)} % of ${size(stream.maxBytes)}`
  if (stream.bytes < nearlyFull * stream.maxBytes) return ok(check, used)
  if (stream.dropsOldest) {
    return warning(check, `${used}: its oldest entries go when it is full`, "look at it with: hookline quarantine list")
  }
  const variable = stream.name.startsWith("DELIVERIES") ? "HOOKLINE_DELIVERIES_MAX_BYTES" : "HOOKLINE_EVENTS_MAX_BYTES"
  const grade = fill(stream).ok ? warning : problem
  return grade(check, `${used} used; when it is full nothing more is taken`, `raise ${variable}, with the disk for it`)
}

const clock = (ahead: number | undefined): Finding => {
  const check = "clock"
  if (ahead === undefined) {
    return unknown(check, "the broker has no stream yet, whose state would say its time", "start hookline once")
  }
  const difference = `${(Math.abs(ahead) / 1000).toFixed(1)} s`
  return Math.abs(ahead) <= clockTolerance
    ? ok(check, `${difference} between this machine and the broker`)
    : warning(
      check,
      `the broker's clock is ${difference} ${ahead > 0 ? "ahead of" : "behind"} this machine's`,
      "set both by NTP: receivers refuse a signature whose time is minutes off"
    )
}

const disk = ({ free, mayGrow, path }: NonNullable<Site["disk"]>): Finding => {
  const room = `${size(free)} free at ${path}, the streams may take ${size(mayGrow)} more`
  if (free < leastFreeBytes) return problem("disk", room, "free some, or set HOOKLINE_DATA to a larger disk")
  return free < mayGrow
    ? warning(
      "disk",
      room,
      "free some, use a larger disk, or lower HOOKLINE_EVENTS_MAX_BYTES and HOOKLINE_DELIVERIES_MAX_BYTES: a full disk stops the broker, a full stream only refuses"
    )
    : ok("disk", room)
}

const ofBroker = (broker: Broker): ReadonlyArray<Finding> => {
  switch (broker.state) {
    case "unreachable":
      return [problem(
        "broker",
        broker.detail,
        broker.embedded
          ? "see nats.log in the data directory; hookline starts its broker again by itself"
          : "start that server, or set HOOKLINE_NATS_URL to where it is, with its credentials"
      )]
    case "stopped":
      return "problem" in broker.binary
        ? [problem("broker", broker.binary.problem, "see there")]
        : [
          version(`embedded, does not run; would use ${broker.binary.source}`, broker.binary.version),
          advisories(broker.binary.version, true),
          durability(broker.sync, warning, false)
        ]
    case "running": {
      const { address, embedded, survey, sync } = broker
      // HOOKLINE_SYNC=2m is somebody's decision, and of a cluster most replicas have to fail at once; a single server of somebody else's is NATS' default.
      const grade = embedded || survey.clustered ? warning : problem
      const fitness = [
        version(
          `${embedded ? "embedded" : survey.clustered ? "a cluster of yours" : "a server of yours"}, at ${address}`,
          survey.version
        ),
        ...(embedded ? [] : [access(survey.anonymous)]),
        advisories(survey.version, embedded),
        durability(sync, grade, survey.clustered)
      ]
      return [
        ...fitness,
        ...(embedded ? [] : [production(fitness)]),
        ...(survey.streams.length === 0
          ? [ok("streams", "none yet; the first start makes them")]
          : survey.streams.map(stream)),
        clock(survey.clockAhead)
      ]
    }
  }
}

/** What follows from the facts, in the order in which a person would mend it. A pure function. */
export const findings = (facts: Facts): ReadonlyArray<Finding> => {
  const { invalidSetting, site } = facts
  if (invalidSetting !== undefined || site === undefined) {
    return [
      node(facts.node),
      problem("settings", invalidSetting ?? "cannot be read", "mend it; the other checks come after")
    ]
  }
  return [
    node(facts.node),
    ok("settings", "all can be used"),
    running(site.api),
    ...site.ports.map(port),
    ...(site.directory === undefined ? [] : [directory(site.directory)]),
    key("operator key", site.operatorKey, site, restoreOperator(site)),
    key("master keys", site.masterKeys, site, restoreRing(site)),
    keysInUse(site),
    ...certificate(site.clientCertificate),
    ...proxy(site.proxy),
    ...ofBroker(site.broker),
    ...(site.disk === undefined ? [] : [disk(site.disk)])
  ]
}
