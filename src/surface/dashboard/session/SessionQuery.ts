import { queryOptions } from "@tanstack/react-query"
import { sessionKey } from "../api/Queries.ts"
import { whoseSession } from "./Whose.ts"

export const sessionQuery = queryOptions({
  queryKey: sessionKey,
  queryFn: ({ signal }) => whoseSession(signal),
  staleTime: 60_000
})
