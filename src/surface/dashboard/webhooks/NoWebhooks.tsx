import { useQuery } from "@tanstack/react-query"
import type { ReactNode } from "react"
import type { EventType } from "../api/Contract.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { Empty } from "../shared/Empty.tsx"
import { Card } from "../shared/Page.tsx"
import styles from "./NoWebhooks.module.css"
import { eventTypesQuery } from "./Queries.ts"

const exampleId = "evt_550e8400e29b41d4a716446655440000"

/** What an endpoint gets for an event of this type: the catalogue's example in the envelope. */
const payload = ({ example, type }: EventType, workspace: string): string =>
  JSON.stringify(
    {
      id: exampleId,
      event: type,
      timestamp: "2025-03-23T14:35:21Z",
      workspace_id: workspace || "ws_550e8400",
      data: example
    },
    undefined,
    2
  )

/** The list before there is anything in it. */
export const NoWebhooks = ({ action }: { readonly action: ReactNode }) => {
  const workspace = useWorkspaceKey()
  const { data } = useQuery(eventTypesQuery(useApi()))
  const first = data?.data[0]
  return (
    <Card>
      <Empty title="No webhooks yet" action={action}>
        <p>
          A webhook is a URL of yours to which each event is sent as it happens, as a signed POST with JSON. Your
          endpoint answers 200 to say that it has it; until it does, the event is sent again as the retry schedule has
          it.
        </p>
        <figure className={styles["example"]}>
          <figcaption>POST https://example.com/webhooks</figcaption>
          <pre
            tabIndex={0}
            role="region"
            aria-label="Example of a payload"
          >{first === undefined ? "\n".repeat(12) : payload(first, workspace)}</pre>
        </figure>
      </Empty>
    </Card>
  )
}
