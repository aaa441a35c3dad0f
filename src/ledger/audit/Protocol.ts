import type { Report } from "./Report.ts"

/** To the audit's process: what to examine. */
export interface Examine {
  /** With credentials. */
  readonly natsUrl: string
  /** The catalogue's file; undefined: the bundled one. */
  readonly catalogue: string | undefined
  readonly from: number | undefined
  readonly to: number | undefined
  readonly most: number
}

/** From it, once. `impossible`: of this range it cannot be told; `unavailable`: the broker gave no answer. */
export type Examined =
  | { readonly type: "report"; readonly report: Report }
  | { readonly type: "impossible" | "unavailable"; readonly message: string }
