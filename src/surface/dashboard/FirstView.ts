import { apiOf } from "./api/Api.ts"
import { queryClient } from "./api/Queries.ts"
import { workspaceOf } from "./session/Session.tsx"
import { sessionQuery } from "./session/SessionQuery.ts"
import { webhooksQuery } from "./webhooks/Queries.ts"

/**
 * Asks for what the first view shows while the page is still being put together: whose page it is, and as soon as that is known for the list of
 * webhooks, if the address is the list's. The views ask the same, and find the answer there or on its way.
 */
export const askFirst = async (): Promise<void> => {
  const { pathname, search } = window.location
  await queryClient.prefetchQuery(sessionQuery)
  const session = queryClient.getQueryData(sessionQuery.queryKey)
  if (session === undefined || session === null || pathname !== "/" && pathname !== "/webhooks") return
  const workspaceId = workspaceOf(session, new URLSearchParams(search).get("workspace"))
  const api = apiOf({ workspaceId, csrfToken: session.csrf_token })
  if (workspaceId !== null) await queryClient.prefetchQuery(webhooksQuery(api, workspaceId))
}
