import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Forbidden } from "./Errors.ts"

type Request = Pick<HttpServerRequest.HttpServerRequest, "headers">

/** A host and port as a browser writes them. */
const host = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/

const foreign = (message: string) => new Forbidden({ type: "forbidden", field: "origin", message })

/** What the request says it was sent to. */
const hostOf = ({ headers }: Request): string | undefined => {
  const named = headers.host?.toLowerCase()
  return named !== undefined && host.test(named) ? named : undefined
}

/** The same as an address without TLS: with it, it is the public address that counts. */
const direct = (request: Request): string | undefined => {
  const named = hostOf(request)
  return named === undefined ? undefined : `http://${named}`
}

/** From which addresses a browser reaches this API, as the request and `HOOKLINE_PUBLIC_URL` say. */
export const makeOrigins = (publicUrl: string | undefined) => {
  const publicHost = publicUrl === undefined ? undefined : new URL(publicUrl).host
  const isPublicHttps = publicUrl?.startsWith("https:") === true

  const isOwn = (request: Request, origin: string): boolean =>
    origin === publicUrl || (origin === direct(request) && hostOf(request) !== publicHost)

  return {
    /** Where links lead. */
    base: (request: Request): string => publicUrl ?? direct(request) ?? "",
    /** Whether the browser that asks talks TLS. A proxy may have put another name into `Host`: then its `Origin` says so. */
    isSecure: (request: Request): boolean =>
      isPublicHttps && (request.headers.origin === publicUrl ||
        (request.headers.origin === undefined && hostOf(request) === publicHost)),
    /** Whether the request was sent to the public https address for certain. */
    isPublic: (request: Request): boolean => isPublicHttps && hostOf(request) === publicHost,
    /** Why a page at the request's `Origin` may not make it; undefined when it may. `absent`: whether to go without one. */
    refuse: (request: Request, absent: "refused" | "taken"): Forbidden | undefined => {
      const { origin } = request.headers
      if (origin === undefined) {
        return absent === "taken"
          ? undefined
          : foreign("origin: a change with a session's cookie needs the header Origin, which a browser sends by itself")
      }
      return isOwn(request, origin)
        ? undefined
        : foreign(
          `origin: this is not the address of the dashboard${
            publicUrl === undefined
              ? "; where a proxy stands before it, HOOKLINE_PUBLIC_URL says what browsers see"
              : ""
          }`
        )
    }
  }
}
