import { Suspense, useState } from "react"
import { Button } from "../shared/Button.tsx"
import { lazyView } from "../shared/lazyView.ts"
import { Foreign } from "../shared/Text.tsx"
import { useSession } from "./Session.tsx"
import styles from "./WorkspacePicker.module.css"

export const WorkspaceDialog = lazyView(() => import("./WorkspaceDialog.tsx"), "WorkspaceDialog")

/** In the shell: whose webhooks these are, and for an operator the way to another workspace. */
export const WorkspacePicker = () => {
  const { session, workspaceId } = useSession()
  const [open, setOpen] = useState(false)
  if (session.workspace_id !== null) {
    return (
      <div className={styles["current"]}>
        <Foreign mono oneLine>{session.workspace_id}</Foreign>
      </div>
    )
  }
  return (
    <>
      <Button small className={styles["switch"]} onClick={() => setOpen(true)}>
        <Foreign mono oneLine>{workspaceId ?? "Choose a workspace"}</Foreign>
        <span aria-hidden="true">⌄</span>
      </Button>
      {open && (
        <Suspense>
          <WorkspaceDialog onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  )
}
