import { queryOptions } from "@tanstack/react-query"
import { sessionKey } from "../api/Queries.ts"
import { currentSession } from "../api/Session.ts"
import { openPortal } from "./Portal.ts"

/** Whose page this is: of the link that it was opened by, else of this browser. */
export const sessionQuery = queryOptions({
  queryKey: sessionKey,
  queryFn: async ({ signal }) => await openPortal() ?? await currentSession(signal),
  staleTime: 60_000
})
