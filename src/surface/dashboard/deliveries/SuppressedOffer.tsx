import { useState } from "react"
import type { Answer } from "../api/Contract.ts"
import { useCan } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { counted } from "../shared/Numbers.ts"
import { Recover } from "./Recover.tsx"
import styles from "./SuppressedOffer.module.css"

/** Of a webhook that is enabled again: what came due meanwhile can be sent. */
export const SuppressedOffer = ({ webhook }: { readonly webhook: Answer<"webhooks.show"> }) => {
  const [state, setState] = useState<"offered" | "asked" | "declined">("offered")
  const maySend = useCan("send")
  const { suppressed } = webhook
  if (state === "asked") {
    return (
      <Recover
        webhookId={webhook.id}
        initial={{ only: "suppressed", preset: "all" }}
        onClose={() => setState("offered")}
      />
    )
  }
  const offered = maySend && webhook.state === "enabled" && suppressed !== null && suppressed > 0 && state === "offered"
  return (
    <div aria-live="polite" className={styles["place"]}>
      {offered && (
        <div className={styles["offer"]}>
          <p>
            <strong>{counted(suppressed, "delivery was", "deliveries were")} suppressed while it was disabled.</strong>
            {" "}
            Do you want to send what was missed?
          </p>
          <div className={styles["buttons"]}>
            <Button small onClick={() => setState("declined")}>Not now</Button>
            <Button small onClick={() => setState("asked")}>Deliver them…</Button>
          </div>
        </div>
      )}
    </div>
  )
}
