import { Context, Data, Either } from "effect"
import { type OpenTelemetry, openTelemetry } from "./OpenTelemetry.ts"

/**
 * Every setting of hookline: one environment variable and one flag each, with its default. `hookline start --help`, the
 * table in the README and the errors of a wrong value all come from here.
 */
interface Setting<A> {
  readonly env: string
  /** The flag of `hookline start` without its dashes. */
  readonly flag: string
  readonly doc: string
  /** What a value may look like, for a person who gave another. */
  readonly accepts: string
  /** As a user would write it; `undefined`: not set. */
  readonly default: string | undefined
  /** A secret's value is never shown, not even when it is wrong. */
  readonly secret?: true
  readonly parse: (text: string) => A | undefined
}

const setting = <A>(definition: Setting<A>): Setting<A> => definition

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** "30s", "5m", "24h", "250ms", "7d" to milliseconds. */
export const parseDuration = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim())
  if (match === null) return undefined
  return Math.round(Number(match[1]) * (units[match[2] ?? ""] ?? Number.NaN))
}

const sizes: Record<string, number> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/** "512M", "10G", "1048576" to bytes. */
const parseBytes = (text: string): number | undefined => {
  const match = /^(\d+)([kmgt]?)(?:i?b)?$/i.exec(text.trim())
  const bytes = match === null ? 0 : Number(match[1]) * (sizes[(match[2] ?? "").toLowerCase()] ?? 0)
  // The broker takes 0 for no limit.
  return bytes > 0 ? bytes : undefined
}

const parseOffsets = (text: string): ReadonlyArray<number> | undefined => {
  const offsets = text.split(",").map((part) => parseDuration(part.trim()))
  const known = offsets.filter((offset) => offset !== undefined)
  const rising = known.every((offset, index) => index === 0 ? offset === 0 : offset > (known[index - 1] ?? 0))
  return known.length === offsets.length && known.length <= 20 && rising ? known : undefined
}

const parseBoolean = (text: string): boolean | undefined =>
  ["1", "true", "yes", "on"].includes(text.toLowerCase())
    ? true
    : ["0", "false", "no", "off"].includes(text.toLowerCase())
    ? false
    : undefined

const integer = (low: number, high: number) => (text: string): number | undefined => {
  const value = Number(text)
  return /^\d+$/.test(text) && value >= low && value <= high ? value : undefined
}

const oneOf = <const A extends string>(...values: ReadonlyArray<A>) => (text: string): A | undefined =>
  values.find((value) => value === text)

const positiveDuration = (text: string): number | undefined => {
  const duration = parseDuration(text)
  return duration !== undefined && duration > 0 ? duration : undefined
}

const text = (value: string): string | undefined => value === "" ? undefined : value

/** Headers that every request has already, or that are the connection's. */
const takenHeaders =
  /^(?:host|connection|keep-alive|te|trailer|upgrade|expect|cookie|accept-encoding|user-agent|transfer-encoding|x-webhook-test|content-.*|proxy-.*)$/

const headerName = (value: string): string | undefined =>
  /^[a-z][a-z0-9-]{0,63}$/.test(value) && !takenHeaders.test(value) ? value : undefined

const list = (value: string): ReadonlyArray<string> =>
  value.split(",").map((part) => part.trim()).filter((part) => part !== "")

/** A URL's origin, as a browser writes it. */
const origin = (value: string): string | undefined => {
  if (!/^https?:\/\/[^/?#@\s]+\/?$/i.test(value) || !URL.canParse(value)) return undefined
  return new URL(value).origin
}

/** Origins of a Content-Security-Policy, of which each may begin with `*.`; nothing that could end the directive. */
const ancestors = (value: string): ReadonlyArray<string> | undefined => {
  if (value.trim() === "none") return []
  const origins = list(value).map((one) => one.toLowerCase().replace(/\/$/, ""))
  return origins.length > 0 && origins.every((one) => /^https?:\/\/(?:\*\.)?[a-z0-9.-]+(?::\d{1,5})?$/.test(one))
    ? origins
    : undefined
}

/** A proxy's address with its login, if it has one; nothing behind the host that would be left out silently. */
const proxyUrl = (value: string): string | undefined => {
  if (!/^https?:\/\/[^/?#\s]+\/?$/i.test(value) || !URL.canParse(value)) return undefined
  const { hostname, password, port, username } = new URL(value)
  try {
    // A user name with a colon would be another one to the proxy (RFC 7617).
    if (decodeURIComponent(username).includes(":")) return undefined
    decodeURIComponent(password)
  } catch {
    return undefined
  }
  return hostname === "" || port === "0" ? undefined : value
}

const aDuration = "a duration such as 250ms, 30s, 5m, 24h or 7d"
const onOff = "true or false"
const someBytes = "a size such as 512M or 10G"

export const settings = {
  data: setting({
    env: "HOOKLINE_DATA",
    flag: "data",
    doc: "Directory of the keys and the embedded broker's store.",
    accepts: "a path",
    default: "./data",
    parse: text
  }),
  host: setting({
    env: "HOOKLINE_HOST",
    flag: "host",
    doc: "Address the API listens on.",
    accepts: "an address",
    default: "127.0.0.1",
    parse: text
  }),
  port: setting({
    env: "HOOKLINE_PORT",
    flag: "port",
    doc: "Port the API listens on; 0 takes a free one.",
    accepts: "0 to 65535",
    default: "8080",
    parse: integer(0, 65_535)
  }),
  publicUrl: setting({
    env: "HOOKLINE_PUBLIC_URL",
    flag: "public-url",
    doc:
      "Where browsers reach the API and the dashboard, through a proxy that ends TLS, say: cookies are then made for https, and portal links lead there. The request's own `http://` address when not set.",
    accepts: "an origin such as https://hooks.example.com, without a path",
    default: undefined,
    parse: origin
  }),
  frameAncestors: setting({
    env: "HOOKLINE_FRAME_ANCESTORS",
    flag: "frame-ancestors",
    doc: "Whose pages may show the dashboard in a frame (`frame-ancestors` of its Content-Security-Policy).",
    accepts: "none, or origins with commas between, such as https://app.example.com,https://*.example.org",
    default: "none",
    parse: ancestors
  }),
  apiRate: setting({
    env: "HOOKLINE_API_RATE",
    flag: "api-rate",
    doc: "Requests a second that each API key may make of this process, in the long run; beyond it 429.",
    accepts: "1 to 1000000",
    default: "1000",
    parse: integer(1, 1_000_000)
  }),
  apiBurst: setting({
    env: "HOOKLINE_API_BURST",
    flag: "api-burst",
    doc: "Requests that an API key may make at once, after it was idle.",
    accepts: "1 to 1000000",
    default: "2000",
    parse: integer(1, 1_000_000)
  }),
  natsUrl: setting({
    env: "HOOKLINE_NATS_URL",
    flag: "nats-url",
    doc: "An external NATS server or cluster, with credentials; replaces the embedded broker.",
    accepts: "nats://user:password@host:4222",
    default: undefined,
    secret: true,
    parse: text
  }),
  natsServer: setting({
    env: "HOOKLINE_NATS_SERVER",
    flag: "nats-server",
    doc: "The nats-server binary for the embedded broker, 2.11 or later.",
    accepts: "a path",
    default: undefined,
    parse: text
  }),
  natsPort: setting({
    env: "HOOKLINE_NATS_PORT",
    flag: "nats-port",
    doc: "Port of the embedded broker on loopback; 0 takes a free one.",
    accepts: "0 to 65535",
    default: "4222",
    parse: integer(0, 65_535)
  }),
  sync: setting({
    env: "HOOKLINE_SYNC",
    flag: "sync",
    doc:
      "When the embedded broker flushes to disk: after every write, or every two minutes (a power cut may then lose acknowledged events).",
    accepts: "always or 2m",
    default: "always",
    parse: oneOf("always", "2m")
  }),
  replicas: setting({
    env: "HOOKLINE_REPLICAS",
    flag: "replicas",
    doc: "Replicas of every stream on an external cluster.",
    accepts: "1, 3 or 5",
    default: "1",
    parse: (value) => oneOf("1", "3", "5")(value) === undefined ? undefined : Number(value)
  }),
  operatorKey: setting({
    env: "HOOKLINE_OPERATOR_KEY",
    flag: "operator-key",
    doc: "The operator's API key; made in the data directory when not set and the broker is embedded.",
    accepts: "hk_<id>_<secret>, at least 32 characters",
    default: undefined,
    secret: true,
    parse: (value) => /^hk_[A-Za-z0-9-]+_[A-Za-z0-9_-]{16,}$/.test(value) && value.length >= 32 ? value : undefined
  }),
  masterKeys: setting({
    env: "HOOKLINE_MASTER_KEYS",
    flag: "master-keys",
    doc:
      "Key ring that seals the webhooks' secrets; the first key seals, all open. Made in the data directory when not set and the broker is embedded.",
    accepts: "id:base64,… with 32 bytes each",
    default: undefined,
    secret: true,
    parse: text
  }),
  catalogue: setting({
    env: "HOOKLINE_CATALOGUE",
    flag: "catalogue",
    doc: "JSON file of the event types; the bundled one when not set.",
    accepts: "a path",
    default: undefined,
    parse: text
  }),
  retrySchedule: setting({
    env: "HOOKLINE_RETRY_SCHEDULE",
    flag: "retry-schedule",
    doc: "When the attempts come, as offsets from the first.",
    accepts: "rising durations from 0s, at most 20, such as 0s,5m,30m,2h,24h",
    default: "0s,5m,30m,2h,24h",
    parse: parseOffsets
  }),
  timeout: setting({
    env: "HOOKLINE_TIMEOUT",
    flag: "timeout",
    doc: "Time for one attempt, from the look-up to the end of the response.",
    accepts: aDuration,
    default: "30s",
    parse: positiveDuration
  }),
  successStatus: setting({
    env: "HOOKLINE_SUCCESS_STATUS",
    flag: "success-status",
    doc: "Which answers count as delivered.",
    accepts: "200 or 2xx",
    default: "200",
    parse: oneOf("200", "2xx")
  }),
  retryAfter: setting({
    env: "HOOKLINE_RETRY_AFTER",
    flag: "retry-after",
    doc: "Honour Retry-After on 429 and 503, up to 24 h.",
    accepts: onOff,
    default: "true",
    parse: parseBoolean
  }),
  disableOnGone: setting({
    env: "HOOKLINE_DISABLE_ON_GONE",
    flag: "disable-on-gone",
    doc: "Disable a webhook whose endpoint answers 410 Gone.",
    accepts: onOff,
    default: "true",
    parse: parseBoolean
  }),
  disableAfter: setting({
    env: "HOOKLINE_DISABLE_AFTER",
    flag: "disable-after",
    doc: "Disable a webhook that has had nothing but failures for so long.",
    accepts: `off, or ${aDuration}`,
    default: "off",
    parse: (value) => value === "off" ? Number.POSITIVE_INFINITY : positiveDuration(value)
  }),
  allowHttp: setting({
    env: "HOOKLINE_ALLOW_HTTP",
    flag: "allow-http",
    doc: "Accept endpoints without TLS.",
    accepts: onOff,
    default: "false",
    parse: parseBoolean
  }),
  allowCidrs: setting({
    env: "HOOKLINE_ALLOW_CIDRS",
    flag: "allow-cidrs",
    doc: "Address ranges that are allowed though they are not public.",
    accepts: "CIDRs such as 10.0.0.0/8,::1/128",
    default: "",
    parse: list
  }),
  proxy: setting({
    env: "HOOKLINE_PROXY",
    flag: "proxy",
    doc:
      "Forward proxy for everything that is sent to endpoints, by CONNECT for `https` and `http` alike. `HTTPS_PROXY` and the like are not read.",
    accepts: "http:// or https://, with user:password@ if it wants a login, such as http://proxy.internal:3128",
    default: undefined,
    secret: true,
    parse: proxyUrl
  }),
  proxyResolves: setting({
    env: "HOOKLINE_PROXY_RESOLVES",
    flag: "proxy-resolves",
    doc:
      "Leave looking up names to the proxy, which must then refuse internal addresses itself; otherwise names are looked up and judged here, and the proxy is given the address.",
    accepts: onOff,
    default: "false",
    parse: parseBoolean
  }),
  tlsCa: setting({
    env: "HOOKLINE_TLS_CA",
    flag: "tls-ca",
    doc:
      "PEM file of certificate authorities that endpoints and the proxy may be certified by, beside those that Node comes with.",
    accepts: "a path",
    default: undefined,
    parse: text
  }),
  tlsCert: setting({
    env: "HOOKLINE_TLS_CERT",
    flag: "tls-cert",
    doc: "PEM file of the client certificate, with its chain, for endpoints (and a proxy) that ask for one.",
    accepts: "a path",
    default: undefined,
    parse: text
  }),
  tlsKey: setting({
    env: "HOOKLINE_TLS_KEY",
    flag: "tls-key",
    doc: "PEM file of the client certificate's private key, without a passphrase.",
    accepts: "a path",
    default: undefined,
    parse: text
  }),
  rotationOverlap: setting({
    env: "HOOKLINE_ROTATION_OVERLAP",
    flag: "rotation-overlap",
    doc: "How long the former secret stays valid after a rotation.",
    accepts: aDuration,
    default: "24h",
    parse: parseDuration
  }),
  signatureHeader: setting({
    env: "HOOKLINE_SIGNATURE_HEADER",
    flag: "signature-header",
    doc: "Header of the hex HMAC-SHA256 of the body.",
    accepts: "a header name in lower case that no request has already",
    default: "x-webhook-signature",
    parse: headerName
  }),
  standardPrefix: setting({
    env: "HOOKLINE_STANDARD_PREFIX",
    flag: "standard-prefix",
    doc: "Prefix of the Standard Webhooks headers -id, -timestamp and -signature.",
    accepts: "a header name in lower case",
    default: "webhook",
    parse: headerName
  }),
  userAgent: setting({
    env: "HOOKLINE_USER_AGENT",
    flag: "user-agent",
    doc: "User agent of every attempt; <version> is replaced by hookline's.",
    accepts: "printable ASCII",
    default: "CraftDesk-Webhooks/<version>",
    parse: (value) => /^[\x20-\x7e]{1,200}$/.test(value) ? value : undefined
  }),
  concurrency: setting({
    env: "HOOKLINE_CONCURRENCY",
    flag: "concurrency",
    doc: "Attempts in flight for a webhook that names no number of its own.",
    accepts: "1 to 256",
    default: "16",
    parse: integer(1, 256)
  }),
  maxInFlight: setting({
    env: "HOOKLINE_MAX_IN_FLIGHT",
    flag: "max-in-flight",
    doc: "Attempts in flight in the process.",
    accepts: "16 to 8192",
    default: "1024",
    parse: integer(16, 8192)
  }),
  partitions: setting({
    env: "HOOKLINE_PARTITIONS",
    flag: "partitions",
    doc: "Partitions of EVENTS; fixed when the stream is made.",
    accepts: "1 to 64",
    default: "16",
    parse: integer(1, 64)
  }),
  deliveriesStreams: setting({
    env: "HOOKLINE_DELIVERIES_STREAMS",
    flag: "deliveries-streams",
    doc: "Number of DELIVERIES streams; fixed when they are made.",
    accepts: "1 to 16",
    default: "4",
    parse: integer(1, 16)
  }),
  eventsMaxAge: setting({
    env: "HOOKLINE_EVENTS_MAX_AGE",
    flag: "events-max-age",
    doc: "How long events are kept.",
    accepts: aDuration,
    default: "30d",
    parse: positiveDuration
  }),
  eventsMaxBytes: setting({
    env: "HOOKLINE_EVENTS_MAX_BYTES",
    flag: "events-max-bytes",
    doc: "Size at which EVENTS refuses publishers.",
    accepts: someBytes,
    default: "8G",
    parse: parseBytes
  }),
  deliveriesMaxAge: setting({
    env: "HOOKLINE_DELIVERIES_MAX_AGE",
    flag: "deliveries-max-age",
    doc: "How long delivery records are kept; at least the events' age and 7 days.",
    accepts: aDuration,
    default: "37d",
    parse: positiveDuration
  }),
  deliveriesMaxBytes: setting({
    env: "HOOKLINE_DELIVERIES_MAX_BYTES",
    flag: "deliveries-max-bytes",
    doc: "Size of all DELIVERIES streams together at which no new attempt starts.",
    accepts: someBytes,
    default: "8G",
    parse: parseBytes
  }),
  quarantineMaxBytes: setting({
    env: "HOOKLINE_QUARANTINE_MAX_BYTES",
    flag: "quarantine-max-bytes",
    doc: "Size of QUARANTINE, beyond which its oldest entries go.",
    accepts: someBytes,
    default: "512M",
    parse: parseBytes
  }),
  logLevel: setting({
    env: "HOOKLINE_LOG_LEVEL",
    flag: "log-level",
    doc: "The least level that is logged.",
    accepts: "debug, info, warning or error",
    default: "info",
    parse: oneOf("debug", "info", "warning", "error")
  }),
  logFormat: setting({
    env: "HOOKLINE_LOG_FORMAT",
    flag: "log-format",
    doc: "How log lines look.",
    accepts: "pretty or json",
    default: "pretty",
    parse: oneOf("pretty", "json")
  })
} as const

type Settings = typeof settings
/** A setting without a default is optional, every other one always has a value. */
type Value<S> = S extends Setting<infer A> ? (S["default"] extends string ? A : A | undefined) : never
type Optional =
  | "publicUrl"
  | "natsUrl"
  | "natsServer"
  | "operatorKey"
  | "masterKeys"
  | "catalogue"
  | "proxy"
  | "tlsCa"
  | "tlsCert"
  | "tlsKey"

export type HooklineConfig =
  & { readonly [K in Exclude<keyof Settings, Optional>]: NonNullable<Value<Settings[K]>> }
  & { readonly [K in Optional]: string | undefined }
  & {
    /** `--dev`: http and loopback endpoints are allowed; said in the banner. */
    readonly dev: boolean
    /** What the standard OTEL_ variables ask for. */
    readonly openTelemetry: OpenTelemetry
  }

export class Config extends Context.Tag("hookline/Config")<Config, HooklineConfig>() {}

/** A setting that cannot be used: its name as the user gave it, its value (unless secret) and what is accepted. */
export class InvalidSetting extends Data.TaggedError("InvalidSetting")<{
  readonly setting: string
  readonly value: string
  readonly accepts: string
}> {
  override get message(): string {
    return `${this.setting} is ${this.value}; accepted: ${this.accepts}`
  }
}

/**
 * Settings from flags (by flag name) before environment variables before defaults. `HOOKLINE_`-variables that name no
 * setting are refused: a misspelt one would silently be its default.
 */
export const load = (input: {
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly dev: boolean
}): Either.Either<HooklineConfig, InvalidSetting> =>
  Either.gen(function*() {
    const known = new Set<string>([
      ...Object.values(settings).map(({ env }) => env),
      "HOOKLINE_URL",
      "HOOKLINE_API_KEY",
      "HOOKLINE_WORKSPACE"
    ])
    for (const name of Object.keys(input.env)) {
      if (name.startsWith("HOOKLINE_") && !known.has(name)) {
        yield* Either.left(new InvalidSetting({ setting: name, value: "no setting", accepts: [...known].join(", ") }))
      }
    }
    const telemetry = openTelemetry(input.env)
    if ("setting" in telemetry) yield* Either.left(new InvalidSetting(telemetry))
    const values: Record<string, unknown> = { dev: input.dev, openTelemetry: telemetry }
    for (const [name, entry] of Object.entries(settings) as Array<[string, Setting<unknown>]>) {
      const flag = input.flags[entry.flag]
      const given = flag ?? input.env[entry.env]
      const raw = given ?? entry.default
      if (raw === undefined || (given === "" && entry.default === undefined)) continue
      const value = entry.parse(raw)
      if (value === undefined || Number.isNaN(value)) {
        yield* Either.left(
          new InvalidSetting({
            setting: flag === undefined ? entry.env : `--${entry.flag}`,
            value: entry.secret ? "(hidden)" : JSON.stringify(raw),
            accepts: entry.accepts
          })
        )
      }
      values[name] = value
    }
    const config = values as unknown as HooklineConfig
    if (config.deliveriesMaxAge < config.eventsMaxAge + 7 * 86_400_000) {
      yield* Either.left(
        new InvalidSetting({
          setting: settings.deliveriesMaxAge.env,
          value: `${config.deliveriesMaxAge / 86_400_000}d`,
          accepts: `at least HOOKLINE_EVENTS_MAX_AGE and 7 days, ${config.eventsMaxAge / 86_400_000 + 7}d`
        })
      )
    }
    const lastAttempt = config.retrySchedule.at(-1) ?? 0
    if (config.eventsMaxAge < lastAttempt + 2 * 3_600_000) {
      // A delivery ends an hour before its event leaves the stream: with less it would end before its attempts.
      yield* Either.left(
        new InvalidSetting({
          setting: settings.eventsMaxAge.env,
          value: `${config.eventsMaxAge / 3_600_000}h`,
          accepts: `at least the last offset of HOOKLINE_RETRY_SCHEDULE and 2 hours, ${lastAttempt / 3_600_000 + 2}h`
        })
      )
    }
    if (config.signatureHeader.startsWith(`${config.standardPrefix}-`)) {
      yield* Either.left(
        new InvalidSetting({
          setting: settings.signatureHeader.env,
          value: JSON.stringify(config.signatureHeader),
          accepts: `a header that is not one of ${config.standardPrefix}-id, -timestamp and -signature`
        })
      )
    }
    if (config.dev) {
      return {
        ...config,
        allowHttp: true,
        allowCidrs: [...config.allowCidrs, "127.0.0.0/8", "::1/128"]
      }
    }
    return config
  })
