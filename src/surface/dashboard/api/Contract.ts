import type * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import type { HooklineApi } from "../../api/Contract.ts"
import type { Recover } from "../../api/contract/Jobs.ts"

/**
 * What the dashboard knows of the API: types alone, read from the one contract that the server is made of. Nothing of it is in the bundle
 * (Budget.ts sees to that). A route is named by its group and its name there: `webhooks.list`. Endpoints.ts has their addresses.
 */

type Groups = typeof HooklineApi extends HttpApi.HttpApi<infer _Id, infer Groups, infer _E, infer _R> ? Groups : never
type GroupName = HttpApiGroup.HttpApiGroup.Name<Groups>
type EndpointsOf<G extends string> = HttpApiGroup.HttpApiGroup.EndpointsWithName<Groups, G>

/** `webhooks.list` and its like: every route of the contract. */
export type RouteName = {
  readonly [G in GroupName]: `${G}.${HttpApiEndpoint.HttpApiEndpoint.Name<EndpointsOf<G>>}`
}[GroupName]

type Endpoint<N extends string> = N extends `${infer G}.${infer E}`
  ? HttpApiEndpoint.HttpApiEndpoint.WithName<EndpointsOf<G>, E>
  : never

export type MethodOf<N extends RouteName> = Endpoint<N>["method"]

/** What a route answers. The contract's branded ids are strings here, its times ISO 8601. */
export type Answer<N extends RouteName> = HttpApiEndpoint.HttpApiEndpoint.Success<Endpoint<N>>

/** Bodies that differ between the wire and the server's memory. */
interface OnTheWire {
  readonly "jobs.recover": typeof Recover.Encoded
}

export type Body<N extends RouteName> = N extends keyof OnTheWire ? OnTheWire[N]
  : HttpApiEndpoint.HttpApiEndpoint.Payload<Endpoint<N>>

export type Query<N extends RouteName> = {
  readonly [Key in keyof HttpApiEndpoint.HttpApiEndpoint.UrlParams<Endpoint<N>>]?: string | number | undefined
}

/** The parameters in a route's path, by name. */
export type PathParameters<N extends RouteName> = {
  readonly [Key in keyof HttpApiEndpoint.HttpApiEndpoint.PathParsed<Endpoint<N>>]: string
}

export type Webhook = Answer<"webhooks.list">["data"][number]
export type Stats = Answer<"stats.series">
export type EventType = Answer<"eventTypes.list">["data"][number]
export type Delivery = Answer<"deliveries.list">["data"][number]
export type Attempt = Answer<"deliveries.show">["attempt_list"][number]
export type PublishedEvent = Answer<"events.list">["data"][number]
export type QuarantineEntry = Answer<"quarantine.list">["data"][number]
export type ApiKey = Answer<"apiKeys.list">["data"][number]

/** What the stream of deliveries tells (GET /v1/deliveries/stream). */
export type LiveEvent =
  | { readonly type: "attempt"; readonly delivery: Delivery; readonly attempt: Attempt }
  | { readonly type: "delivery"; readonly delivery: Delivery }
  | {
    readonly type: "test"
    readonly webhook_id: string
    readonly event_id: string
    readonly event_type: string
    readonly attempt: Attempt
  }
