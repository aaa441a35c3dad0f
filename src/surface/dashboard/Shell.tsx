import { Link, Outlet, useRouterState } from "@tanstack/react-router"
import { Suspense, useEffect, useRef, useState } from "react"
import { endSession } from "./api/Queries.ts"
import { type Right, signOut } from "./api/Session.ts"
import { LiveMark, LiveNotice } from "./LiveStatus.tsx"
import { Gate } from "./session/Gate.tsx"
import { Logo } from "./session/Logo.tsx"
import { useSession } from "./session/Session.tsx"
import { WorkspaceChoice } from "./session/WorkspaceChoice.tsx"
import { WorkspaceDialog, WorkspacePicker } from "./session/WorkspacePicker.tsx"
import { Button } from "./shared/Button.tsx"
import { after } from "./shared/Clock.ts"
import { lazyView } from "./shared/lazyView.ts"
import { Page } from "./shared/Page.tsx"
import { Toasts, useToast } from "./shared/Toast.tsx"
import styles from "./Shell.module.css"

const MenuSheet = lazyView(() => import("./MenuSheet.tsx"), "MenuSheet")

interface Entry {
  readonly to: "/webhooks" | "/events" | "/event-types" | "/quarantine" | "/verify" | "/api-keys"
  readonly label: string
  /** Who has not this right does not see it. */
  readonly needs: Right
}

/** The menu: an entry for every view that is there, in this order. */
const entries: ReadonlyArray<Entry> = [
  { to: "/webhooks", label: "Webhooks", needs: "read" },
  { to: "/events", label: "Events", needs: "read" },
  { to: "/event-types", label: "Event types", needs: "read" },
  { to: "/quarantine", label: "Quarantine", needs: "read" },
  { to: "/verify", label: "Verify signatures", needs: "read" },
  { to: "/api-keys", label: "API keys", needs: "keys" }
]

const Navigation = () => {
  const { rights } = useSession().session
  return (
    <nav aria-label="Main" className={styles["nav"]}>
      <ul>
        {entries.filter(({ needs }) => rights.includes(needs)).map(({ label, to }) => (
          <li key={to}>
            <Link to={to} className={styles["entry"]} activeProps={{ "aria-current": "page" }}>{label}</Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}

const SignOut = () => {
  const { session } = useSession()
  const say = useToast()
  const [busy, setBusy] = useState(false)
  const leave = (): void => {
    setBusy(true)
    signOut(session.csrf_token).then(endSession, () => {
      setBusy(false)
      say("You are still signed in: the server could not be reached. Try again.", "bad")
    })
  }
  return <Button kind="quiet" small busy={busy} onClick={leave}>Sign out</Button>
}

/** What stands beside the views on a wide screen, and behind a button on a phone. */
const Side = () => {
  const { session } = useSession()
  return (
    <>
      <WorkspacePicker />
      <Navigation />
      <div className={styles["foot"]}>
        {session.kind === "key" && (
          <>
            <a href="/docs" className={styles["entry"]}>API reference</a>
            <SignOut />
          </>
        )}
      </div>
    </>
  )
}

const PhoneMenu = () => {
  const [open, setOpen] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const place = useRouterState({ select: ({ location }) => location.href })
  useEffect(() => setOpen(false), [place])
  return (
    <>
      <Button
        ref={button}
        kind="quiet"
        small
        className={styles["menu"]}
        aria-haspopup="dialog"
        aria-expanded={open}
        onClick={() => setOpen(true)}
      >
        Menu
      </Button>
      {open && (
        <Suspense>
          <MenuSheet button={button} onClose={() => setOpen(false)}>
            <Side />
          </MenuSheet>
        </Suspense>
      )}
    </>
  )
}

/** Milliseconds from when the frame stands there: the first view is done then, and nobody has opened anything yet. */
const fetchAhead = 1500

const Frame = () => {
  const { session, workspaceId } = useSession()
  // What a click opens comes in files of its own, which are here by then: the server may be away later.
  useEffect(() =>
    after(fetchAhead, () => {
      for (const part of [MenuSheet, WorkspaceDialog]) part.preload().catch(() => undefined)
    }), [])
  return (
    <div className={styles["shell"]}>
      <a href="#content" className={styles["skip"]}>Skip to content</a>
      <header className={styles["bar"]}>
        <Logo brand={session.brand} />
        <LiveMark />
        <PhoneMenu />
      </header>
      <aside aria-label="Workspace and menu" className={styles["side"]}>
        <Side />
      </aside>
      <main id="content" className={styles["main"]} tabIndex={-1}>
        <LiveNotice />
        {workspaceId === null
          ? (
            <Page
              title="Choose a workspace"
              lead="You are signed in as the operator: every view is about one workspace."
            >
              <WorkspaceChoice />
            </Page>
          )
          // Another workspace is another page: nothing of the former stays on it.
          : <Outlet key={workspaceId} />}
      </main>
    </div>
  )
}

/** Around every view. */
export const Shell = () => (
  <Toasts>
    <Gate>
      <Frame />
    </Gate>
  </Toasts>
)
