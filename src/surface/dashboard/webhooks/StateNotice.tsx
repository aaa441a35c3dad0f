import { useMutation, useQueryClient } from "@tanstack/react-query"
import { failureFrom } from "../api/ApiFailure.ts"
import type { Answer } from "../api/Contract.ts"
import { useApi, useCan, useWorkspaceKey } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { counted } from "../shared/Numbers.ts"
import { Foreign } from "../shared/Text.tsx"
import { moment } from "../shared/Times.ts"
import { useToast } from "../shared/Toast.tsx"
import { webhookKey } from "./Queries.ts"
import styles from "./StateNotice.module.css"

type Shown = Answer<"webhooks.show">

const Overlap = ({ until, webhookId }: { readonly until: string; readonly webhookId: string }) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const say = useToast()
  const mayEnd = useCan("manage")
  const end = useMutation({
    mutationFn: () => api("webhooks.endOverlap", { path: { id: webhookId } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: webhookKey(workspace, webhookId), exact: true }),
    onError: (error) => say(`The overlap goes on: ${failureFrom(error).message}`, "bad")
  })
  return (
    <div className={styles["notice"]}>
      <p>
        <strong>Two secrets are valid until {moment(Date.parse(until))}.</strong>{" "}
        Deliveries carry the signatures by both. When your endpoint knows the new one, the former can end.
      </p>
      {mayEnd && <Button small busy={end.isPending} onClick={() => end.mutate()}>End the overlap now</Button>}
    </div>
  )
}

const held = (number: number | null): string =>
  number === null || number === 0 ? "" : ` ${counted(number, "is", "are")} held now.`

const suppressed = (number: number | null): string =>
  number === null || number === 0
    ? ""
    : ` ${counted(number, "delivery was", "deliveries were")} suppressed so far, and can be sent by a recovery.`

/** What is out of the ordinary with a webhook, and what that means for its deliveries. */
export const StateNotice = ({ webhook }: { readonly webhook: Shown }) => (
  <div className={styles["notices"]} aria-live="polite">
    {webhook.state === "paused" && (
      <div className={styles["notice"]}>
        <p>
          <strong>Paused.</strong> Deliveries are held until it is resumed; that uses up no attempt.{held(webhook.held)}
        </p>
      </div>
    )}
    {webhook.state === "disabled" && (
      <div className={styles["notice"]}>
        <p>
          <strong>Disabled{webhook.disabled_reason !== undefined && ": "}</strong>
          {webhook.disabled_reason !== undefined && <Foreign>{webhook.disabled_reason}</Foreign>}.{" "}
          Nothing is sent: what comes due is recorded as suppressed.{suppressed(webhook.suppressed)}
        </p>
      </div>
    )}
    {webhook.state === "enabled" && webhook.drain_rate !== undefined && (
      <div className={styles["notice"]}>
        <p>
          <strong>Resumed at {webhook.drain_rate} attempts a second.</strong>{" "}
          What was held flows at that rate.{held(webhook.held)}
        </p>
      </div>
    )}
    {webhook.overlap_until !== undefined && <Overlap until={webhook.overlap_until} webhookId={webhook.id} />}
  </div>
)
