import { apiOf, type Scope } from "./api/Api.ts"
import type { Answer } from "./api/Contract.ts"
import { type Session, workspaceOf } from "./api/Session.ts"
import { whoseSession } from "./session/Whose.ts"
import { listWebhooks } from "./webhooks/List.ts"

/** What is asked before the application is there. Nothing here may need it: it comes with the first script. */
export interface First {
  /** Whose page it is; null: nobody's; undefined: there was no answer. */
  readonly session: Session | null | undefined
  /** The list of webhooks, where the address is the list's; undefined: there was no answer. */
  readonly list?: {
    readonly scope: Scope & { readonly workspaceId: string }
    readonly webhooks: Promise<Answer<"webhooks.list"> | undefined>
  }
}

const unanswered = (): undefined => undefined

/** Asks whose page it is, and then, where it is the list's, for the list. It never rejects. */
export const askFirst = async (): Promise<First> => {
  const { pathname, search } = window.location
  const session = await whoseSession().catch(unanswered)
  if (session === undefined || session === null || pathname !== "/" && pathname !== "/webhooks") return { session }
  const workspaceId = workspaceOf(session, new URLSearchParams(search).get("workspace"))
  if (workspaceId === null) return { session }
  const scope = { workspaceId, csrfToken: session.csrf_token }
  return { session, list: { scope, webhooks: listWebhooks(apiOf(scope)).catch(unanswered) } }
}
