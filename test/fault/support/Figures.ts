/** A figure of issue 5, as it was measured. */
export interface Figure {
  readonly what: string
  readonly wanted: string
  readonly measured: string
  readonly holds: boolean
  /** The test file it comes from, without its ending. */
  readonly from: string
}

/** Where the runner collects figures; see table.ts. */
export const figuresFile = "FAULT_FIGURES"
