import { address } from "./Address.ts"
import { ApiFailure, failureOf, unreachable } from "./ApiFailure.ts"
import type { Answer, Body, PathParameters, Query } from "./Contract.ts"
import { endpoints, type UsedRoute } from "./Endpoints.ts"

/** In whose name requests are made. The session itself is an HttpOnly cookie, which this page cannot read. */
export interface Scope {
  /** The workspace the page is about; null: none is chosen, or the session has but one. */
  readonly workspaceId: string | null
  /** What every write must carry; null before sign-in. */
  readonly csrfToken: string | null
}

interface Options<N extends UsedRoute> {
  readonly path?: PathParameters<N>
  readonly query?: Query<N>
  readonly body?: Body<N>
  /** Instead of `body`, where it must go out as it was written: JavaScript's numbers lose digits. JSON. */
  readonly text?: string
  readonly signal?: AbortSignal | undefined
}

/** Calls a route of the contract in a scope. Rejects with an `ApiFailure`, and with nothing else unless it was aborted. */
export type Api = <N extends UsedRoute>(route: N, options?: Options<N>) => Promise<Answer<N>>

interface Loose {
  readonly path?: unknown
  readonly query?: unknown
  readonly body?: unknown
  readonly text?: string
  readonly signal?: AbortSignal | undefined
}

export const headersOf = (scope: Scope, method: string): Record<string, string> => ({
  ...(scope.workspaceId === null ? {} : { "x-workspace-id": scope.workspaceId }),
  ...(method === "GET" || scope.csrfToken === null ? {} : { "x-csrf-token": scope.csrfToken })
})

/** One request. A 204 answers undefined. */
const request = async (scope: Scope, method: string, path: string, options: Loose = {}): Promise<unknown> => {
  const body = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body))
  const response = await fetch(address(path, options), {
    method,
    headers: {
      accept: "application/json",
      ...headersOf(scope, method),
      ...(body === undefined ? {} : { "content-type": "application/json" })
    },
    ...(body === undefined ? {} : { body }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    credentials: "same-origin",
    cache: "no-store"
  }).catch((error: unknown) => {
    throw options.signal?.aborted === true ? error : unreachable()
  })
  if (!response.ok) throw await failureOf(response)
  if (response.status === 204) return undefined
  return response.json().catch(() => {
    throw new ApiFailure({ status: 0, type: "unreachable", message: "The answer broke off on its way. Try again." })
  })
}

export const apiOf = (scope: Scope): Api => async <N extends UsedRoute>(route: N, options: Options<N> = {}) => {
  const [method, path] = endpoints[route]
  return await request(scope, method, path, options) as Answer<N>
}
