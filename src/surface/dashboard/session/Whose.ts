import { currentSession, type Session } from "../api/Session.ts"
import { openPortal } from "./Portal.ts"

/** Whose page this is: of the link that it was opened by, else of this browser. null: nobody's. */
export const whoseSession = async (signal?: AbortSignal): Promise<Session | null> =>
  await openPortal() ?? await currentSession(signal)
