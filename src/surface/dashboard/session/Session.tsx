import { useNavigate, useSearch } from "@tanstack/react-router"
import { createContext, type ReactNode, useContext, useEffect, useMemo, useSyncExternalStore } from "react"
import { type Api, apiOf } from "../api/Api.ts"
import { type Batch, Live, type LiveState } from "../api/Live.ts"
import { endSession } from "../api/Queries.ts"
import { type Right, type Session, workspaceOf } from "../api/Session.ts"
import type { HeaderNames } from "../verify/Request.ts"

interface Current {
  readonly session: Session
  /** The workspace that the page is about; null: an operator has not chosen one yet. */
  readonly workspaceId: string | null
  readonly api: Api
  readonly live: Live
}

const Context = createContext<Current | null>(null)

/** Everything below it is done in the name of `session`; an operator's workspace stands in the address. */
export const SessionScope = ({ children, session }: { readonly session: Session; readonly children: ReactNode }) => {
  const { workspace } = useSearch({ from: "__root__" })
  const workspaceId = workspaceOf(session, workspace)
  const csrfToken = session.csrf_token
  // A session that is renewed is still the same: the stream goes on.
  const requests = useMemo(() => {
    const scope = { workspaceId, csrfToken }
    return { api: apiOf(scope), live: new Live(scope, endSession) }
  }, [workspaceId, csrfToken])
  const current = useMemo(() => ({ session, workspaceId, ...requests }), [session, workspaceId, requests])
  return <Context value={current}>{children}</Context>
}

export const useSession = (): Current => {
  const current = useContext(Context)
  if (current === null) throw new Error("there is no session here")
  return current
}

/** The API in the name of the session. */
export const useApi = (): Api => useSession().api

/** The first part of the key of every query: what belongs to another workspace is another answer. */
export const useWorkspaceKey = (): string => useSession().workspaceId ?? ""

/** Whether the session may do it. The server decides; this hides what it would refuse. */
export const useCan = (right: Right): boolean => useSession().session.rights.includes(right)

/** How this installation calls the headers of a delivery, in lower case. */
export const useHeaderNames = (): HeaderNames => {
  const { hex, standard_prefix: standardPrefix } = useSession().session.signature_headers
  return useMemo(() => ({ hex: hex.toLowerCase(), standardPrefix: standardPrefix.toLowerCase() }), [
    hex,
    standardPrefix
  ])
}

/** Calls `listener` with what happens while the view is open. It must stay the same function from render to render (`useCallback`). */
export const useLive = (listener: (batch: Batch) => void): void => {
  const { live } = useSession()
  useEffect(() => live.listen(listener), [live, listener])
}

export const useLiveState = (): LiveState => {
  const { live } = useSession()
  return useSyncExternalStore(live.watch, live.getState)
}

/** Whether the stream tells of whatever happens from now on. */
export const useIsLive = (): boolean => {
  const { live } = useSession()
  return useSyncExternalStore(live.watch, () => live.getState().status === "live")
}

/** For an operator: to another workspace, and to its webhooks, for no other view of the former exists there. */
export const useChooseWorkspace = (): (workspaceId: string) => void => {
  const navigate = useNavigate()
  return (workspace) => void navigate({ to: "/webhooks", search: { workspace } })
}
