import * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import { Context, Option, SchemaAST } from "effect"
import type { Right } from "../../../model/Right.ts"

/** What a route needs of an API key or a session. */
export interface Needed {
  /** `any`: none in particular, every valid key or session will do. */
  readonly right: Right | "any"
  /** `operator`: only an operator's key, for it is about no single workspace. */
  readonly scope: "workspace" | "operator" | "any"
}

/**
 * On an endpoint or a group, where the rule does not fit. The rule: a GET needs `read`, everything else `manage`; a route that takes no
 * `X-Workspace-Id` is the operator's. So a route that is added and says nothing is open to nobody by mistake.
 */
export class Access extends Context.Tag("hookline/surface/Access")<Access, Partial<Needed>>() {}

/** What each route needs, by its method and path as they stand in the contract. */
export const accessOf = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>
): ReadonlyMap<string, Needed> => {
  const all = new Map<string, Needed>()
  HttpApi.reflect(api, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint, mergedAnnotations }) => {
      const ofWorkspace = Option.exists(
        endpoint.headersSchema,
        ({ ast }) => SchemaAST.getPropertySignatures(ast).some(({ name }) => name === "x-workspace-id")
      )
      all.set(routeName(endpoint.method, endpoint.path), {
        right: endpoint.method === "GET" ? "read" : "manage",
        scope: ofWorkspace ? "workspace" : "operator",
        ...Option.getOrElse(Context.getOption(mergedAnnotations, Access), () => ({}))
      })
    }
  })
  return all
}

export const routeName = (method: string, path: string): string => `${method} ${path}`
