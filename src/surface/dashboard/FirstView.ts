import { apiOf } from "./api/Api.ts"
import { queryClient } from "./api/Queries.ts"
import { workspaceOf } from "./session/Session.tsx"
import { sessionQuery } from "./session/SessionQuery.ts"
import { webhooksQuery } from "./webhooks/Queries.ts"

/**
 * Whose page it is: until that is known, or cannot be told, there is nothing to be shown. As soon as it is, the list of webhooks is asked for, if the
 * address is the list's: its view asks the same, and finds the answer there or on its way.
 */
export const askFirst = async (): Promise<void> => {
  const { pathname, search } = window.location
  await queryClient.prefetchQuery(sessionQuery)
  const session = queryClient.getQueryData(sessionQuery.queryKey)
  if (session === undefined || session === null || pathname !== "/" && pathname !== "/webhooks") return
  const workspaceId = workspaceOf(session, new URLSearchParams(search).get("workspace"))
  const api = apiOf({ workspaceId, csrfToken: session.csrf_token })
  if (workspaceId !== null) void queryClient.prefetchQuery(webhooksQuery(api, workspaceId))
}
