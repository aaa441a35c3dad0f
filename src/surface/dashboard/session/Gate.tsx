import { useQuery, useQueryClient } from "@tanstack/react-query"
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react"
import { failureFrom } from "../api/ApiFailure.ts"
import { sessionKey } from "../api/Queries.ts"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { fetched } from "../shared/NotFetched.ts"
import { applyBrand } from "./Brand.ts"
import styles from "./Gate.module.css"
import { SessionScope } from "./Session.tsx"
import { sessionQuery } from "./SessionQuery.ts"

const SignIn = lazy(() => fetched(() => import("./SignIn.tsx")))

/**
 * Shows the page to a session. Without one it shows the form that begins one, and the address stays, so that one goes on where one was; but
 * who came by a portal's link has no key to sign in with.
 */
export const Gate = ({ children }: { readonly children: ReactNode }) => {
  const queries = useQueryClient()
  const { data: session, error, isFetching, refetch } = useQuery(sessionQuery)
  const [kind, setKind] = useState(session?.kind)
  if (session !== undefined && session !== null && session.kind !== kind) setKind(session.kind)
  const brand = session?.brand
  useEffect(() => applyBrand(brand ?? null), [brand])

  if (session !== undefined && session !== null) return <SessionScope session={session}>{children}</SessionScope>
  if (session === null && kind !== "portal") {
    return (
      <Suspense>
        <SignIn onSignedIn={(begun) => queries.setQueryData(sessionKey, begun)} />
      </Suspense>
    )
  }
  return (
    <main className={styles["alone"]}>
      <h1 className={styles["hidden"]}>Webhooks</h1>
      {session === null && (
        <div role="alert">
          <strong>Your session has ended.</strong>
          <p>Open the page anew from where you found it.</p>
        </div>
      )}
      {error !== null && (
        <ErrorNotice
          title="The dashboard could not be opened."
          error={error}
          onRetry={failureFrom(error).passing ? () => void refetch() : undefined}
          retrying={isFetching}
        />
      )}
    </main>
  )
}
