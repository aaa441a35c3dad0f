import { createRootRoute, createRoute, createRouter, redirect, retainSearchParams } from "@tanstack/react-router"
import { deliveryIn, type Filters, filtersIn } from "./deliveries/Filters.ts"
import { Fault, FaultAlone, NotFound } from "./NotFound.tsx"
import { lazyView } from "./shared/lazyView.ts"
import { Shell } from "./Shell.tsx"
import { type RangeName, ranges } from "./webhooks/Ranges.ts"
import { WebhooksPage } from "./webhooks/WebhooksPage.tsx"

/**
 * The dashboard's addresses, all of them. A view is a page of a folder, loaded when it is first entered; it reads its part of the address
 * with `useParams` and `useSearch`. The view that is seen first comes with the application: on its own it is a sixth of the time until it can be used.
 * The entries of the menu stand in Shell.tsx.
 */

const text = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

/** Everything behind the `?` is text, as it stands there: `?workspace=123` names the workspace 123. */
const parseSearch = (search: string): Record<string, unknown> => Object.fromEntries(new URLSearchParams(search))

const stringifySearch = (search: Record<string, unknown>): string => {
  const given = Object.entries(search).filter(([, value]) => value !== undefined && value !== "")
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]))
  return query.size === 0 ? "" : `?${query}`
}

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: FaultAlone,
  /** An operator's workspace goes with him from view to view. */
  validateSearch: (search: Record<string, unknown>): { readonly workspace?: string } => {
    const workspace = text(search["workspace"])
    return workspace === undefined ? {} : { workspace }
  },
  search: { middlewares: [retainSearchParams(["workspace"])] }
})

const index = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/webhooks", replace: true })
  }
})

const webhooks = createRoute({
  getParentRoute: () => root,
  path: "/webhooks",
  /** What is looked for in the list. */
  validateSearch: (search: Record<string, unknown>): { readonly find?: string } => {
    const find = text(search["find"])
    return find === undefined ? {} : { find }
  },
  component: WebhooksPage
})

const addWebhook = createRoute({
  getParentRoute: () => root,
  path: "/webhooks/new",
  component: lazyView(() => import("./webhooks/AddWebhookPage.tsx"), "AddWebhookPage")
})

const webhook = createRoute({
  getParentRoute: () => root,
  path: "/webhooks/$webhookId",
  /** The range of its chart, what of its deliveries is shown, and the delivery that is open. */
  validateSearch: (
    search: Record<string, unknown>
  ): Filters & { readonly range?: RangeName; readonly delivery?: string } => {
    const range = text(search["range"])
    const delivery = deliveryIn(search)
    return {
      ...(range !== undefined && Object.hasOwn(ranges, range) ? { range: range as RangeName } : {}),
      ...filtersIn(search),
      ...(delivery === undefined ? {} : { delivery })
    }
  },
  component: lazyView(() => import("./webhooks/WebhookPage.tsx"), "WebhookPage")
})

const editWebhook = createRoute({
  getParentRoute: () => root,
  path: "/webhooks/$webhookId/edit",
  component: lazyView(() => import("./webhooks/EditWebhookPage.tsx"), "EditWebhookPage")
})

/** The parts of an address by these names, those that are there. */
const texts =
  <Name extends string>(...names: ReadonlyArray<Name>) =>
  (search: Record<string, unknown>): { readonly [N in Name]?: string } =>
    Object.fromEntries(
      names.flatMap((name) => {
        const value = text(search[name])
        return value === undefined ? [] : [[name, value]]
      })
    ) as { readonly [N in Name]?: string }

const events = createRoute({
  getParentRoute: () => root,
  path: "/events",
  /** Its filters; times are ISO 8601. */
  validateSearch: texts("type", "from", "to"),
  component: lazyView(() => import("./events/EventsPage.tsx"), "EventsPage")
})

const event = createRoute({
  getParentRoute: () => root,
  path: "/events/$eventId",
  component: lazyView(() => import("./events/EventPage.tsx"), "EventPage")
})

const quarantine = createRoute({
  getParentRoute: () => root,
  path: "/quarantine",
  /** The reason that is shown alone, and the entry that is looked at. */
  validateSearch: texts("reason", "entry"),
  component: lazyView(() => import("./quarantine/QuarantinePage.tsx"), "QuarantinePage")
})

const eventTypes = createRoute({
  getParentRoute: () => root,
  path: "/event-types",
  validateSearch: texts("find"),
  component: lazyView(() => import("./event-types/EventTypesPage.tsx"), "EventTypesPage")
})

const apiKeys = createRoute({
  getParentRoute: () => root,
  path: "/api-keys",
  component: lazyView(() => import("./api-keys/ApiKeysPage.tsx"), "ApiKeysPage")
})

const verify = createRoute({
  getParentRoute: () => root,
  path: "/verify",
  /** For which webhook, and in which language. */
  validateSearch: texts("webhook", "language"),
  component: lazyView(() => import("./verify/VerifyPage.tsx"), "VerifyPage")
})

export const router = createRouter({
  routeTree: root.addChildren([
    index,
    webhooks,
    addWebhook,
    webhook,
    editWebhook,
    events,
    event,
    quarantine,
    eventTypes,
    apiKeys,
    verify
  ]),
  defaultPreload: "intent",
  defaultErrorComponent: Fault,
  parseSearch,
  stringifySearch,
  scrollRestoration: true
})

declare module "@tanstack/react-router" {
  interface Register {
    readonly router: typeof router
  }
}
