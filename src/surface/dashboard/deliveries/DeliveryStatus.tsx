import type { Delivery } from "../api/Contract.ts"
import { Badge } from "../shared/Badge.tsx"
import { statusLooks } from "./Words.ts"

export const DeliveryStatus = ({ status }: { readonly status: Delivery["status"] }) => {
  const [label, tone] = statusLooks[status]
  return <Badge tone={tone}>{label}</Badge>
}
