import type { Webhook } from "../api/Contract.ts"
import { Badge, type Tone } from "../shared/Badge.tsx"

const looks: Record<Webhook["state"], readonly [label: string, tone: Tone]> = {
  enabled: ["Enabled", "good"],
  paused: ["Paused", "warn"],
  disabled: ["Disabled", "neutral"]
}

export const WebhookState = ({ state }: { readonly state: Webhook["state"] }) => {
  const [label, tone] = looks[state]
  return <Badge tone={tone}>{label}</Badge>
}
