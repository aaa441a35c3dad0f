import { Context, Effect, Layer } from "effect"
import { lookup as systemLookup, type LookupAddress } from "node:dns"
import { isIP } from "node:net"
import { Config, InvalidSetting, settings } from "../Config.ts"
import { type AllowedRange, judgeAddress, parseRange } from "./Address.ts"

/**
 * The guard against requests that reach inside (CONTRACT 8). It is asked three times: for the URL as it is written, for
 * every answer of the look-up, and for the address a socket is connected to.
 */

/** Why a URL is refused, in the form the API answers with. */
export interface UrlProblem {
  readonly field: "url"
  readonly message: string
}

/** All addresses of a name; the shape of `dns.lookup` with `all`. */
export type Resolve = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: ReadonlyArray<LookupAddress>) => void
) => void

/** The system's resolver: /etc/hosts counts, the order of the answers is kept. */
export const systemResolve: Resolve = (hostname, callback) =>
  systemLookup(hostname, { all: true }, (error, addresses) => callback(error, addresses))

const maxUrl = 2048
const lookupLimit = "5 seconds"

/** A URL's host without the brackets of an IPv6 literal. */
export const hostOf = (url: URL): string => url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname

const refusal = (host: string, reason: string): string =>
  isIP(host) === 0 ? `${host} resolves to ${reason}` : `${host} is ${reason}`

/** The sentence for a host that has a forbidden address. The address itself is not told: it may be an internal one. */
export const addressRefused = (host: string, reason: string): string =>
  `${refusal(host, reason)}; only public addresses are delivered to`

interface UrlRules {
  readonly allowHttp: boolean
  readonly allowed: ReadonlyArray<AllowedRange>
}

/** Each rule looks at the URL as it was written and as WHATWG reads it, and answers what is wrong. */
const rules: ReadonlyArray<(text: string, url: URL, rules: UrlRules) => string | undefined> = [
  (_, url, { allowHttp }) =>
    url.protocol === "https:" || (allowHttp && url.protocol === "http:")
      ? undefined
      : `must begin with https://${allowHttp ? " or http://" : ""}`,
  (text, url) =>
    url.username !== "" || url.password !== "" || /^[a-z]+:[\\/]*[^\\/?#]*@/i.test(text)
      ? "must not hold a user name or password"
      : undefined,
  (text) => text.includes("#") ? "must not have a fragment: it would never be sent" : undefined,
  (_, url) => url.port === "0" ? "must not have port 0" : undefined,
  (_, url) => url.hostname.endsWith(".") ? "must not have a host name that ends with a dot" : undefined,
  (_, url) =>
    isIP(hostOf(url)) === 0 &&
      (url.hostname.length > 253 || url.hostname.split(".").some((label) => label === "" || label.length > 63))
      ? "must have a valid host name"
      : undefined,
  (_, url, { allowed }) => {
    const host = hostOf(url)
    const reason = isIP(host) === 0 ? undefined : judgeAddress(host, allowed)
    return reason === undefined ? undefined : addressRefused(host, reason)
  }
]

const problem = (message: string): ReadonlyArray<UrlProblem> => [{ field: "url", message }]

/** Everything that is wrong with a URL without a look-up; empty when it may be used. */
export const checkUrl = (text: string, limits: UrlRules): ReadonlyArray<UrlProblem> => {
  if (text.length > maxUrl) return problem(`must have at most ${maxUrl} characters`)
  // WHATWG removes tabs, line breaks and spaces at the ends: what is stored would not be what is requested.
  if (/[\s\p{Cc}]/u.test(text)) return problem("must not hold spaces or control characters")
  if (!URL.canParse(text)) return problem("must be a URL such as https://example.com/webhooks")
  const url = new URL(text)
  return rules.flatMap((rule) => {
    const message = rule(text, url, limits)
    return message === undefined ? [] : problem(message)
  })
}

/** What came of a URL's check at creation. Warnings do not refuse it. */
export interface UrlVerdict {
  readonly problems: ReadonlyArray<UrlProblem>
  readonly warnings: ReadonlyArray<string>
}

export class AddressPolicy extends Context.Tag("hookline/AddressPolicy")<AddressPolicy, {
  /** What forbids an address, or undefined. */
  readonly judge: (ip: string) => string | undefined
  /** Without a look-up; at every request. */
  readonly checkUrl: (url: string) => ReadonlyArray<UrlProblem>
  /**
   * At creation and change: also looks the name up, for at most 5 s. A name that does not resolve is a warning, one
   * with any forbidden address is a problem. Not where a proxy looks up names: what we would find is not what it finds.
   */
  readonly resolveUrl: (url: string) => Effect.Effect<UrlVerdict>
}>() {}

/** None when the name does not resolve, for whatever reason. */
const addressesOf = (resolve: Resolve, host: string): Effect.Effect<ReadonlyArray<LookupAddress>> =>
  Effect.async<ReadonlyArray<LookupAddress>>((resume) =>
    resolve(host, (error, addresses) => resume(Effect.succeed(error === null ? addresses : [])))
  ).pipe(Effect.timeoutTo({ duration: lookupLimit, onSuccess: (found) => found, onTimeout: () => [] }))

/** Fails for a CIDR in `HOOKLINE_ALLOW_CIDRS` that is none. `resolve` stands in for the system's in tests. */
export const make = (resolve: Resolve = systemResolve): Effect.Effect<
  AddressPolicy["Type"],
  InvalidSetting,
  Config
> =>
  Effect.gen(function*() {
    const config = yield* Config
    const allowed: Array<AllowedRange> = []
    for (const cidr of config.allowCidrs) {
      const range = parseRange(cidr)
      if (range === undefined) {
        return yield* new InvalidSetting({
          setting: settings.allowCidrs.env,
          value: JSON.stringify(cidr),
          accepts: settings.allowCidrs.accepts
        })
      }
      allowed.push(range)
    }
    const judge = (ip: string) => judgeAddress(ip, allowed)
    const check = (url: string) => checkUrl(url, { allowHttp: config.allowHttp, allowed })

    const resolveUrl = (text: string): Effect.Effect<UrlVerdict> =>
      Effect.gen(function*() {
        const problems = check(text)
        const host = problems.length > 0 ? "" : hostOf(new URL(text))
        const elsewhere = config.proxy !== undefined && config.proxyResolves
        if (host === "" || isIP(host) !== 0 || elsewhere) return { problems, warnings: [] }
        const addresses = yield* addressesOf(resolve, host)
        if (addresses.length === 0) {
          return { problems, warnings: [`${host} does not resolve now; deliveries fail until it does`] }
        }
        const reason = addresses.map(({ address }) => judge(address)).find((found) => found !== undefined)
        return reason === undefined
          ? { problems, warnings: [] }
          : { problems: problem(addressRefused(host, reason)), warnings: [] }
      })

    return { judge, checkUrl: check, resolveUrl }
  })

export const layer: Layer.Layer<AddressPolicy, InvalidSetting, Config> = Layer.effect(AddressPolicy, make())
