/** Whether the floors of the parts beside W1 to W9 were kept. */
import type { AuditResult } from "./AuditTime.ts"
import type { DashboardResult } from "./Dashboard.ts"
import type { HistoryResult } from "./HistoryTime.ts"
import type { SlowClientsResult } from "./SlowClients.ts"
import { whole } from "./Table.ts"
import { judged, ledger, passes, type Verdict } from "./Verdict.ts"

/** What may not be fallen below. */
const floors = {
  firstPage: 50,
  rebuild: 30_000,
  historyCost: 0.15,
  audit: 100_000,
  firstView: 1000,
  frame: 100,
  heapGrowth: 1.1,
  slowClients: 2
} as const

export const ofHistory = ({ cost, deliveries, faults, pages, rebuild }: HistoryResult): ReadonlyArray<Verdict> => {
  const slowest = pages.reduce((most, page) => page.medianMs > most.medianMs ? page : most)
  return judged(ledger("history", faults), [
    {
      what: `first page of ${whole(deliveries)} deliveries, slowest filter (${slowest.filter})`,
      measured: `${slowest.medianMs.toFixed(1)} ms`,
      wanted: `≤ ${floors.firstPage} ms`,
      verdict: passes(slowest.medianMs <= floors.firstPage)
    },
    {
      what: `rebuild of the history from ${whole(rebuild.messages)} messages`,
      measured: `${whole(rebuild.perSecond)}/s`,
      wanted: `≥ ${whole(floors.rebuild)}/s`,
      verdict: passes(rebuild.perSecond >= floors.rebuild)
    },
    {
      what: "what keeping the history takes from the rate of deliveries",
      measured: `${(100 * cost).toFixed(1)} %`,
      wanted: `≤ ${100 * floors.historyCost} %`,
      verdict: passes(cost <= floors.historyCost)
    }
  ])
}

/** The first minute is warming up: caches of the page are still filling. */
const growth = (heap: ReadonlyArray<number>): number => {
  const [, settled = Number.NaN] = heap
  return (heap.at(-1) ?? Number.NaN) / settled
}

export const ofDashboard = (result: DashboardResult): ReadonlyArray<Verdict> => {
  const frame = (what: string, milliseconds: number): Verdict => ({
    what: `longest frame while ${what} ${whole(result.deliveries)} deliveries`,
    measured: `${milliseconds.toFixed(0)} ms`,
    wanted: `≤ ${floors.frame} ms`,
    verdict: passes(milliseconds <= floors.frame)
  })
  const grown = growth(result.heap)
  return judged(ledger("dashboard", result.faults), [
    {
      what: "first view of the dashboard usable, processor four times as slow",
      measured: `${result.firstView.medianMs.toFixed(0)} ms`,
      wanted: `≤ ${floors.firstView} ms`,
      verdict: passes(result.firstView.medianMs <= floors.firstView)
    },
    frame("scrolling", result.scrollMs),
    frame("filtering", result.filterMs),
    {
      what:
        `memory of an open page over ${result.minutes} minutes at ${result.perSecond} attempts/s, last ÷ after 1 minute`,
      measured: grown.toFixed(2),
      wanted: `≤ ${floors.heapGrowth}`,
      verdict: passes(grown <= floors.heapGrowth)
    }
  ])
}

export const ofAudit = ({ faults, messages, perSecond }: AuditResult): ReadonlyArray<Verdict> =>
  judged(ledger("audit", faults), [{
    what: `audit of ${whole(messages)} messages`,
    measured: `${whole(perSecond)}/s`,
    wanted: `≥ ${whole(floors.audit)}/s`,
    verdict: passes(perSecond >= floors.audit)
  }])

export const ofSlowClients = (result: SlowClientsResult): ReadonlyArray<Verdict> =>
  judged(ledger("slow clients", result.faults), [{
    what: `p99 of the API for newcomers among ${whole(result.clients)} slow clients ÷ without them`,
    measured: result.ratio.toFixed(2),
    wanted: `≤ ${floors.slowClients}`,
    verdict: passes(result.ratio <= floors.slowClients)
  }])
