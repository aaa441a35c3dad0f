import { useState } from "react"
import type { Body } from "../api/Contract.ts"
import { Button } from "../shared/Button.tsx"
import { Dialog } from "../shared/Dialog.tsx"
import { Field, Input } from "../shared/Field.tsx"

export const DisableWebhook = ({ onClose, onDisable }: {
  readonly onClose: () => void
  readonly onDisable: (body: Body<"webhooks.disable">) => void
}) => {
  const [reason, setReason] = useState("")
  return (
    <Dialog
      open
      onOpenChange={(open) => open || onClose()}
      title="Disable this webhook?"
      description="Nothing is sent while it is disabled: deliveries are recorded as suppressed when they come due, and can be sent later. To hold them instead, pause the webhook."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            kind="danger"
            onClick={() => {
              onDisable(reason.trim() === "" ? {} : { reason: reason.trim() })
              onClose()
            }}
          >
            Disable
          </Button>
        </>
      }
    >
      <Field label="Reason" optional hint="For whoever looks at it later.">
        {(described) => (
          <Input
            {...described}
            maxLength={500}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
        )}
      </Field>
    </Dialog>
  )
}
