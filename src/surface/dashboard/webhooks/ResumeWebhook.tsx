import { useState } from "react"
import type { Body } from "../api/Contract.ts"
import { Button } from "../shared/Button.tsx"
import { Dialog } from "../shared/Dialog.tsx"
import { Field, Input } from "../shared/Field.tsx"
import { counted } from "../shared/Numbers.ts"

const what = (held: number | null): string =>
  held === null
    ? "What was held is sent."
    : `${counted(held, "held delivery", "held deliveries")} will be sent.`

export const ResumeWebhook = ({ held, onClose, onResume }: {
  readonly held: number | null
  readonly onClose: () => void
  readonly onResume: (body: Body<"webhooks.resume">) => void
}) => {
  const [text, setText] = useState("")
  const rate = Number(text)
  const wrong = text.trim() !== "" && !(rate > 0 && rate <= 10_000)
  return (
    <Dialog
      open
      onOpenChange={(open) => open || onClose()}
      title="Resume this webhook?"
      description={what(held)}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            kind="primary"
            disabled={wrong}
            onClick={() => {
              onResume(text.trim() === "" ? {} : { rate })
              onClose()
            }}
          >
            Resume
          </Button>
        </>
      }
    >
      <Field
        label="At most"
        optional
        hint="Attempts a second of what was held; all at once when empty. New events are not slowed down by it."
        error={wrong ? "Enter a number above 0, up to 10,000." : undefined}
      >
        {(described) => (
          <Input
            {...described}
            inputMode="decimal"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
    </Dialog>
  )
}
