import { request, type Scope } from "./Api.ts"
import { ApiFailure } from "./ApiFailure.ts"

/** What a session may do: look; test and send again; change webhooks; publish; see the API keys, and make or revoke them. */
export type Right = "read" | "send" | "manage" | "publish" | "see_keys" | "keys"

/** Whose page this is. The cookie that proves it is HttpOnly. */
export interface Session {
  readonly kind: "key" | "portal"
  /** Its only workspace; null: an operator's, who chooses one. */
  readonly workspace_id: string | null
  readonly rights: ReadonlyArray<Right>
  readonly expires_at: string
  readonly csrf_token: string
  readonly brand: {
    readonly name: string | null
    readonly accent_color: string | null
    readonly logo_url: string | null
  } | null
}

const nobody: Scope = { workspaceId: null, csrfToken: null }

/** The session of this browser; null: there is none, or it has ended. */
export const currentSession = async (signal?: AbortSignal): Promise<Session | null> => {
  try {
    return await request(nobody, "GET", "/v1/session", { signal }) as Session
  } catch (error) {
    if (error instanceof ApiFailure && error.status === 401) return null
    throw error
  }
}

export type Proof = { readonly api_key: string } | { readonly portal_token: string }

/** Begins a session; the server sets its cookie. */
export const signIn = async (proof: Proof): Promise<Session> =>
  await request(nobody, "POST", "/v1/session", { body: proof }) as Session

export const signOut = async (csrfToken: string): Promise<void> => {
  await request({ workspaceId: null, csrfToken }, "DELETE", "/v1/session")
}
