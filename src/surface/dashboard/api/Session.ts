import { type Api, apiOf, type Scope } from "./Api.ts"
import { ApiFailure } from "./ApiFailure.ts"
import type { Answer, Body } from "./Contract.ts"

/** Whose page this is. The cookie that proves it is HttpOnly. */
export type Session = Answer<"session.show">
export type Right = Session["rights"][number]

/** The workspace that a page is about: the session's own, else the one in the address; null: none is chosen. */
export const workspaceOf = ({ workspace_id: own }: Session, named: string | null | undefined): string | null =>
  own ?? (named || null)

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
