import { type Api, apiOf, type Scope } from "./Api.ts"
import { ApiFailure } from "./ApiFailure.ts"
import type { Answer, Body } from "./Contract.ts"

/** Whose page this is. The cookie that proves it is HttpOnly. */
export type Session = Answer<"session.show">
export type Right = Session["rights"][number]

const scope = (csrfToken: string | null): Scope => ({ workspaceId: null, csrfToken })
const api: Api = apiOf(scope(null))

/** The session of this browser; null: there is none, or it has ended. */
export const currentSession = async (signal?: AbortSignal): Promise<Session | null> => {
  try {
    return await api("session.show", { signal })
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 401) return null
    throw error
  }
}

/** Begins a session; the server sets its cookie. */
export const signIn = (proof: Body<"session.begin">): Promise<Session> => api("session.begin", { body: proof })

export const signOut = (csrfToken: string): Promise<void> => apiOf(scope(csrfToken))("session.end")
