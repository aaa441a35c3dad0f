import { useNavigate } from "@tanstack/react-router"
import { useState } from "react"
import type { Answer } from "../api/Contract.ts"
import { Recover } from "../deliveries/Recover.tsx"
import { TestEvent } from "../deliveries/TestEvent.tsx"
import { useCan } from "../session/Session.tsx"
import { Button, ButtonLink } from "../shared/Button.tsx"
import { Menu, MenuItem, MenuLine } from "../shared/Menu.tsx"
import { DeleteWebhook } from "./DeleteWebhook.tsx"
import { DisableWebhook } from "./DisableWebhook.tsx"
import { useMove } from "./Moves.ts"
import { ResumeWebhook } from "./ResumeWebhook.tsx"
import { RotateSecret } from "./RotateSecret.tsx"

type Asked = "test" | "recover" | "disable" | "resume" | "rotate" | "delete"

/** What can be done with a webhook: the frequent beside its name, the rest behind a menu. What cannot be undone is asked about. */
export const WebhookActions = ({ webhook }: { readonly webhook: Answer<"webhooks.show"> }) => {
  const [asked, setAsked] = useState<Asked>()
  const navigate = useNavigate()
  const move = useMove(webhook.id)
  const params = { webhookId: webhook.id }
  const mayManage = useCan("manage")
  const maySend = useCan("send")
  const close = (): void => setAsked(undefined)
  return (
    <>
      {maySend && <Button onClick={() => setAsked("test")}>Send test event</Button>}
      {mayManage && <ButtonLink to="/webhooks/$webhookId/edit" params={params}>Edit</ButtonLink>}
      {mayManage && webhook.state === "enabled" && (
        <Button
          busy={move.isPending}
          onClick={() => move.mutate({ move: "pause" })}
        >
          Pause
        </Button>
      )}
      {mayManage && webhook.state === "paused" && (
        <Button
          busy={move.isPending}
          // With nothing held there is nothing to ask.
          onClick={() => webhook.held === 0 ? move.mutate({ move: "resume", body: {} }) : setAsked("resume")}
        >
          Resume
        </Button>
      )}
      {mayManage && webhook.state === "disabled" && (
        <Button
          busy={move.isPending}
          onClick={() => move.mutate({ move: "enable" })}
        >
          Enable
        </Button>
      )}
      <Menu trigger={<Button>More</Button>}>
        {maySend && <MenuItem onSelect={() => setAsked("recover")}>Recover deliveries…</MenuItem>}
        {mayManage && (
          <>
            <MenuItem onSelect={() => setAsked("rotate")}>Rotate secret…</MenuItem>
            {webhook.state !== "disabled" && <MenuItem onSelect={() => setAsked("disable")}>Disable…</MenuItem>}
            <MenuLine />
            <MenuItem danger onSelect={() => setAsked("delete")}>Delete…</MenuItem>
          </>
        )}
      </Menu>
      {asked === "test" && <TestEvent webhook={webhook} onClose={close} />}
      {asked === "recover" && <Recover webhookId={webhook.id} onClose={close} />}
      {asked === "disable" && (
        <DisableWebhook
          onClose={close}
          onDisable={(body) => move.mutate({ move: "disable", body })}
        />
      )}
      {asked === "resume" && (
        <ResumeWebhook
          held={webhook.held}
          onClose={close}
          onResume={(body) => move.mutate({ move: "resume", body })}
        />
      )}
      {asked === "rotate" && <RotateSecret webhook={webhook} onClose={close} />}
      {asked === "delete" && (
        <DeleteWebhook
          webhook={webhook}
          onClose={close}
          onDeleted={() => navigate({ to: "/webhooks" })}
        />
      )}
    </>
  )
}
