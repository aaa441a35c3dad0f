/** Whether what was found is as it should be. */

export interface Verdict {
  readonly what: string
  readonly measured: string
  readonly wanted: string
  readonly verdict: "PASS" | "FAIL" | "VOID"
}

export const passes = (ok: boolean) => ok ? "PASS" as const : "FAIL" as const

/** A figure of a run whose ledger is wrong says nothing. */
export const judged = (ledgers: ReadonlyArray<Verdict>, floors: ReadonlyArray<Verdict>): ReadonlyArray<Verdict> => [
  ...ledgers,
  ...floors.map((floor) => ledgers.length === 0 ? floor : { ...floor, verdict: "VOID" as const })
]

export const ledger = (what: string, faults: ReadonlyArray<string>): ReadonlyArray<Verdict> =>
  faults.length === 0
    ? []
    : [{ what: `ledger of ${what}`, measured: faults.join(", "), wanted: "each once", verdict: "VOID" }]

export const atLeast = (what: string, value: number, least: number, digits = 2): Verdict => ({
  what,
  measured: value.toFixed(digits),
  wanted: `≥ ${least}`,
  verdict: passes(value >= least)
})
