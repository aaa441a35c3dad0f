import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"

/**
 * The cookies of the dashboard's sessions. A key's is `SameSite=Strict`: no page of another site gets it sent, not even one that shows the
 * dashboard in a frame. A portal's is there to be sent from such a frame: `SameSite=None`, in a jar of its own for each site that embeds
 * (`Partitioned`), and always `Secure`, which browsers allow on loopback without TLS too. The prefix `__Host-` keeps other hosts of the
 * domain from setting it.
 */
export const cookieNames = { key: "hookline", securedKey: "__Host-hookline", portal: "__Host-hookline_portal" } as const
export type CookieName = (typeof cookieNames)[keyof typeof cookieNames]

const attributes = (name: CookieName) => ({
  path: "/",
  httpOnly: true,
  secure: name !== cookieNames.key,
  ...(name === cookieNames.portal
    ? { sameSite: "none" as const, partitioned: true }
    : { sameSite: "strict" as const })
})

/** `maxAge` in milliseconds; a browser counts in seconds, and must not be the first to let go of it. */
export const setCookie = (
  response: HttpServerResponse.HttpServerResponse,
  name: CookieName,
  value: string,
  maxAge: number
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.unsafeSetCookie(response, name, value, {
    ...attributes(name),
    maxAge: Math.ceil(maxAge / 1000) * 1000
  })

/** The browser throws the cookie away. */
export const clearCookie = (response: HttpServerResponse.HttpServerResponse, name: CookieName) =>
  setCookie(response, name, "", 0)

/** Of cookies with the same name, at most so many are looked at. */
const most = 4

/** The values of a cookie: another path's, or a subdomain's, may stand beside ours. */
export const cookieValues = (
  { headers }: Pick<HttpServerRequest.HttpServerRequest, "headers">,
  name: CookieName
): ReadonlyArray<string> =>
  (headers.cookie ?? "").split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .slice(0, most)
    .map((pair) => pair.slice(name.length + 1))
