import { ApiFailure } from "../api/ApiFailure.ts"
import { type Session, signIn } from "../api/Session.ts"

const invalid = "This link has been used already, or its time is over. Open it anew from where you found it."

/** From when the page was loaded: the address is cleaned at once, and the token is used once. */
let token: string | undefined

/**
 * Takes the token of a portal link, `/portal#<token>`, out of the address before anything else is done: it must stay in no history, and the
 * part behind `#` reaches no server and no log.
 */
export const takePortalToken = (): void => {
  if (window.location.pathname !== "/portal") return
  token = window.location.hash.slice(1) || undefined
  window.history.replaceState(null, "", "/webhooks")
}

/** Trades the token for a session; undefined when the page was not opened by a link. */
export const openPortal = async (): Promise<Session | undefined> => {
  if (token === undefined) return undefined
  try {
    const session = await signIn({ portal_token: token })
    token = undefined
    return session
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.passing) throw error
    token = undefined
    throw new ApiFailure({ status: error.status === 401 ? 403 : error.status, type: error.type, message: invalid })
  }
}
