import { QueryCache, QueryClient } from "@tanstack/react-query"
import { ApiFailure } from "./ApiFailure.ts"

export const sessionKey = ["session"] as const

/** Milliseconds for which an answer is taken as new when a view is entered again. */
const fresh = 5000

/** The answers that the page holds. Any 401 ends the session: the page then asks to sign in, and goes on where it was. */
export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: (error) => sessionEnded(error) }),
  defaultOptions: {
    queries: {
      staleTime: fresh,
      // Asking again helps against a passing fault only; the browser's idea of being offline is not relied on.
      retry: (failures, error) => error instanceof ApiFailure && error.passing && failures < 2,
      networkMode: "always"
    },
    mutations: { networkMode: "always", onError: (error) => sessionEnded(error) }
  }
})

interface OfHistory {
  readonly behind?: number
  readonly data?: ReadonlyArray<{ readonly health?: object | null }>
}

/** Whether an answer comes from a history that had not read everything yet, or could not say how the webhooks of a list fare. */
export const isBehind = (answer: unknown): boolean => {
  if (typeof answer !== "object" || answer === null) return false
  const { behind = 0, data } = answer as OfHistory
  return behind > 0 ||
    Array.isArray(data) && data.some(({ health }: { readonly health?: object | null }) => health === null)
}

export const sessionEnded = (error: unknown): void => {
  if (error instanceof ApiFailure && error.status === 401) endSession()
}

export const endSession = (): void => {
  queryClient.setQueryData(sessionKey, null)
  // Nothing of one session is shown in the next.
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionKey[0] })
}
