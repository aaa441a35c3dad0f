import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpApiError from "@effect/platform/HttpApiError"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Clock, Effect } from "effect"
import { isToken } from "../../model/Id.ts"
import { withoutSecrets } from "../../model/Printable.ts"
import { sentenceOf } from "./Body.ts"
import { HooklineApi } from "./Contract.ts"
import * as Errors from "./Errors.ts"

/**
 * The one place where a failure becomes an answer: every failure, defect, unknown path and wrong method gets the body of `ErrorBody` and a
 * status. And where a request is logged: at debug, without query, headers or body.
 */

const statuses: Readonly<Record<Errors.ApiError["_tag"], number>> = {
  BadRequest: HttpApiSchema.getStatusError(Errors.BadRequest.http),
  Unauthorized: HttpApiSchema.getStatusError(Errors.Unauthorized.http),
  Forbidden: HttpApiSchema.getStatusError(Errors.Forbidden.http),
  NotFound: HttpApiSchema.getStatusError(Errors.NotFound.http),
  MethodNotAllowed: HttpApiSchema.getStatusError(Errors.MethodNotAllowed.http),
  Conflict: HttpApiSchema.getStatusError(Errors.Conflict.http),
  Gone: HttpApiSchema.getStatusError(Errors.Gone.http),
  TooLarge: HttpApiSchema.getStatusError(Errors.TooLarge.http),
  Unprocessable: HttpApiSchema.getStatusError(Errors.Unprocessable.http),
  RateLimited: HttpApiSchema.getStatusError(Errors.RateLimited.http),
  InternalError: HttpApiSchema.getStatusError(Errors.InternalError.http),
  Unavailable: HttpApiSchema.getStatusError(Errors.Unavailable.http)
}

/** Seconds: the broker's client tries again every 3.2 s at the latest. */
const retryAfter = 5

const headersOf: { readonly [K in Errors.ApiError["_tag"]]?: Readonly<Record<string, string>> } = {
  Unauthorized: { "www-authenticate": "Bearer" },
  Unavailable: { "retry-after": String(retryAfter) }
}

const isApiError = (error: unknown): error is Errors.ApiError =>
  typeof error === "object" && error !== null && "_tag" in error && String(error._tag) in statuses && "message" in error

const respond = (error: Errors.ApiError, headers?: Readonly<Record<string, string>>) => {
  const { field, message, type } = error
  return HttpServerResponse.unsafeJson(
    { error: { type, message, ...(field === undefined ? {} : { field }) } },
    { status: statuses[error._tag], headers: { ...headersOf[error._tag], ...headers } }
  )
}

const routes = (() => {
  const all: Array<{ readonly method: string; readonly path: RegExp }> = [
    { method: "GET", path: /^\/openapi\.json$/ },
    { method: "GET", path: /^\/docs\/?$/ }
  ]
  HttpApi.reflect(HooklineApi, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint }) => {
      const path = endpoint.path.split("/").map((part) => part.startsWith(":") ? "[^/]+" : part).join("/")
      all.push({ method: endpoint.method, path: new RegExp(`^${path}/?$`) })
    }
  })
  return all
})()

const pathOf = (url: string): string => /^[^?#]*/.exec(url)?.[0] ?? ""

/** For the log, where no secret belongs even when somebody has put one into a path or a header. */
const shownPath = ({ url }: HttpServerRequest.HttpServerRequest): string => withoutSecrets(pathOf(url)).slice(0, 200)

const shownWorkspace = ({ headers }: HttpServerRequest.HttpServerRequest): string | undefined => {
  const named = headers["x-workspace-id"]
  return named !== undefined && isToken(named) ? withoutSecrets(named) : undefined
}

const noRoute = (request: HttpServerRequest.HttpServerRequest) => {
  const path = pathOf(request.url)
  const methods = routes.filter((route) => route.path.test(path)).map(({ method }) => method)
  // A path that cannot be decoded matches here, though not in the router.
  return methods.length === 0 || methods.includes(request.method)
    ? respond(new Errors.NotFound({ type: "no_such_path", message: "there is no such path; see /docs" }))
    : respond(
      new Errors.MethodNotAllowed({
        type: "method_not_allowed",
        message: `this path takes ${[...new Set(methods)].join(", ")}`
      }),
      { allow: [...new Set(methods)].join(", ") }
    )
}

/** Headers and query parameters that the contract refuses. Bodies are read by ourselves (Body.ts), paths are plain text. */
const fromDecodeError = (error: HttpApiError.HttpApiDecodeError): Errors.ApiError => {
  const issue = error.issues[0]
  const field = issue === undefined ? "" : issue.path.map(String).join(".")
  if (field === "x-workspace-id") {
    return new Errors.BadRequest({
      type: "workspace_invalid",
      field: "X-Workspace-Id",
      message: "X-Workspace-Id: must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -"
    })
  }
  return new Errors.Unprocessable({ type: "invalid", field, message: `${field}: ${sentenceOf(issue)}` })
}

const hasTag = (error: unknown, tag: string): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === tag

const fault = new Errors.InternalError({
  type: "internal_error",
  message: "a fault of ours; it is in the log"
})

const answerTo = (request: HttpServerRequest.HttpServerRequest, cause: Cause.Cause<unknown>) => {
  const error = Cause.squash(cause)
  if (isApiError(error)) return Effect.succeed(respond(error))
  if (hasTag(error, "HttpApiDecodeError")) {
    return Effect.succeed(respond(fromDecodeError(error as HttpApiError.HttpApiDecodeError)))
  }
  if (hasTag(error, "RouteNotFound")) return Effect.succeed(noRoute(request))
  return Effect.as(
    Effect.logError("a request failed for a fault of ours", cause).pipe(
      Effect.annotateLogs({ method: request.method, path: shownPath(request) })
    ),
    respond(fault)
  )
}

/** Around every request. */
export const layer = HttpApiBuilder.middleware((app) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    Effect.gen(function*() {
      const began = yield* Clock.currentTimeMillis
      const response = yield* Effect.catchAllCause(app, (cause) =>
        Cause.isInterruptedOnly(cause) ? Effect.failCause(cause) : answerTo(request, cause))
      yield* Effect.logDebug("request", {
        method: request.method,
        path: shownPath(request),
        status: response.status,
        workspace: shownWorkspace(request),
        milliseconds: (yield* Clock.currentTimeMillis) - began
      })
      return response
    }) as typeof app)
)
