import type { MethodOf, RouteName } from "./Contract.ts"

/**
 * Where the routes are that the dashboard uses. Names and methods are the contract's by type; that the paths are, a test sees to
 * (test/surface/dashboard.test.ts).
 */
export const endpoints = {
  "apiKeys.create": ["POST", "/v1/api-keys"],
  "apiKeys.list": ["GET", "/v1/api-keys"],
  "apiKeys.revoke": ["DELETE", "/v1/api-keys/:id"],
  "deliveries.list": ["GET", "/v1/deliveries"],
  "deliveries.retry": ["POST", "/v1/deliveries/:id/retry"],
  "deliveries.show": ["GET", "/v1/deliveries/:id"],
  "deliveries.stream": ["GET", "/v1/deliveries/stream"],
  "eventTypes.list": ["GET", "/v1/event-types"],
  "events.explain": ["GET", "/v1/events/:id/explain"],
  "events.list": ["GET", "/v1/events"],
  "events.show": ["GET", "/v1/events/:id"],
  "jobs.cancel": ["POST", "/v1/jobs/:id/cancel"],
  "jobs.list": ["GET", "/v1/jobs"],
  "jobs.recover": ["POST", "/v1/webhooks/:id/recover"],
  "jobs.show": ["GET", "/v1/jobs/:id"],
  "quarantine.list": ["GET", "/v1/quarantine"],
  "quarantine.release": ["POST", "/v1/quarantine/:id/release"],
  "quarantine.releaseByReason": ["POST", "/v1/quarantine/release"],
  "quarantine.show": ["GET", "/v1/quarantine/:id"],
  "session.begin": ["POST", "/v1/session"],
  "session.end": ["DELETE", "/v1/session"],
  "session.show": ["GET", "/v1/session"],
  "stats.health": ["GET", "/v1/webhooks/:id/health"],
  "stats.series": ["GET", "/v1/stats"],
  "webhooks.change": ["PATCH", "/v1/webhooks/:id"],
  "webhooks.check": ["POST", "/v1/webhooks/check"],
  "webhooks.create": ["POST", "/v1/webhooks"],
  "webhooks.disable": ["POST", "/v1/webhooks/:id/disable"],
  "webhooks.enable": ["POST", "/v1/webhooks/:id/enable"],
  "webhooks.endOverlap": ["POST", "/v1/webhooks/:id/end-overlap"],
  "webhooks.list": ["GET", "/v1/webhooks"],
  "webhooks.pause": ["POST", "/v1/webhooks/:id/pause"],
  "webhooks.remove": ["DELETE", "/v1/webhooks/:id"],
  "webhooks.resume": ["POST", "/v1/webhooks/:id/resume"],
  "webhooks.rotateSecret": ["POST", "/v1/webhooks/:id/rotate-secret"],
  "webhooks.show": ["GET", "/v1/webhooks/:id"],
  "webhooks.test": ["POST", "/v1/webhooks/:id/test"],
  "workspaces.list": ["GET", "/v1/workspaces"]
} as const satisfies { readonly [N in RouteName]?: readonly [method: MethodOf<N>, path: `/v1/${string}`] }

export type UsedRoute = keyof typeof endpoints
