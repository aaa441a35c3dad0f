import type { Role } from "./ApiKey.ts"

/**
 * What somebody may do in a workspace, whoever he is. An API key has the rights of its role, a portal session those that its link was
 * made with. What right a route needs stands in surface/api/contract/Access.ts.
 */

/**
 * `read`: see everything but API keys. `send`: have something sent: a test event, a retry, a recovery, what was quarantined. `manage`:
 * create, change, pause, disable and delete webhooks, rotate their secrets. `publish`: events. `see_keys`: the list of API keys. `keys`:
 * make and revoke API keys, make portal links.
 */
export const rights = ["read", "send", "manage", "publish", "see_keys", "keys"] as const
export type Right = (typeof rights)[number]

/** What a portal link may give. Never more: a customer of the platform makes no keys, and publishes nothing in its name. */
export const portalRights = ["read", "send", "manage"] as const
export type PortalRight = (typeof portalRights)[number]

/** By role, the smallest role first. */
export const rightsOf: { readonly [R in Role]: ReadonlySet<Right> } = {
  publish: new Set<Right>(["publish"]),
  read: new Set<Right>(["read", "see_keys"]),
  manage: new Set<Right>(rights)
}

/** The roles that have a right. */
export const rolesWith = (right: Right): ReadonlyArray<Role> =>
  (Object.keys(rightsOf) as Array<Role>).filter((role) => rightsOf[role].has(right))
