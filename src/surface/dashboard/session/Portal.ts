import { ApiFailure } from "../api/ApiFailure.ts"
import { type Session, signIn } from "../api/Session.ts"

const invalid = "This link has been used already, or its time is over. Open it anew from where you found it."

/** From when the page was loaded: the address is cleaned at once, and the token is used once. */
let token: string | undefined
let refused: ApiFailure | undefined

/**
 * Takes the token of a portal link, `/portal#<token>`, out of the address before anything else is done: it must stay in no history, and the
 * part behind `#` reaches no server and no log.
 */
export const takePortalToken = (): void => {
  if (window.location.pathname !== "/portal") return
  token = window.location.hash.slice(1) || undefined
  window.history.replaceState(null, "", "/webhooks")
}

/** Trades the token for a session; undefined when the page was not opened by a link, or the link has given its session already. */
export const openPortal = async (): Promise<Session | undefined> => {
  if (refused !== undefined) throw refused
  if (token === undefined) return undefined
  try {
    const session = await signIn({ portal_token: token })
    token = undefined
    return session
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.passing) throw error
    // Nobody who came by a link has a key to sign in with: he is told where another link comes from, and nothing else.
    refused = new ApiFailure({ status: 410, type: error.type, message: invalid })
    throw refused
  }
}
