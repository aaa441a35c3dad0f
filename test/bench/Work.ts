/**
 * The work of every run: events of 1 KB, numbered, that the sink recognises. Event n of a round goes to webhook n mod `webhooks`, which is at
 * the port of the same number.
 */
export interface Round {
  /** `[a-z0-9]+`, unique in a run of the bench. */
  readonly name: string
  readonly count: number
  /** 1 or 100: webhooks, each in a workspace and at a port of its own. */
  readonly webhooks: number
}

export const eventType = "project.created"
/** Of every webhook, so that the sink can verify, and the ceiling sign. Any other than a `whsec_` one has its own bytes as the key of both signatures. */
export const secret = "the-secret-of-the-bench"
/** Attempts in flight: of the product a webhook's, of the ceiling all. */
export const concurrency = 100
const bodyBytes = 1024
const digits = 7

export const workspaceOf = (webhooks: number, index: number): string => `ws_bench_${webhooks}_${index}`

const idPrefix = (round: string): string => `evt_${round}_`

export const idOf = (round: string, number: number): string =>
  `${idPrefix(round)}${String(number).padStart(digits, "0")}`

/** The number of an event of this round; -1 for any other. */
export const numberOf = (round: string, id: string): number => {
  const prefix = idPrefix(round)
  const number = id.startsWith(prefix) && id.length === prefix.length + digits ? Number(id.slice(prefix.length)) : -1
  return Number.isInteger(number) ? number : -1
}

/** An envelope as an endpoint gets it, 1,024 bytes; what is published is the same, so that the ceiling need not make one. */
export const bodyOf = (round: Round, number: number): string => {
  const id = idOf(round.name, number)
  const workspace = workspaceOf(round.webhooks, number % round.webhooks)
  const head = `{"id":"${id}","event":"${eventType}","timestamp":"2025-03-23T14:35:21Z","workspace_id":"${workspace}",`
    + `"data":{"id":"proj_${number}","name":"Website Redesign","slug":"website-redesign","description":"`
  const tail = `","created_at":"2025-03-23T14:35:21Z"}}`
  return `${head}${"Modernize our web presence. ".repeat(40).slice(0, bodyBytes - head.length - tail.length)}${tail}`
}
