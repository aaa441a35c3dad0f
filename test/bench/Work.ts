/**
 * The work of every run: numbered events that the sink recognises. Each webhook is at a port of its own; `fanOut` of them, one after the other, are in
 * one workspace and get each of its events. Event n of a round is in workspace n mod (`webhooks` / `fanOut`).
 */
export interface Shape {
  readonly webhooks: number
  /** Webhooks that an event matches. */
  readonly fanOut: number
  /** Of each body. */
  readonly bytes: number
}

export interface Round extends Shape {
  /** `[a-z0-9]+`, unique in a run of the bench. */
  readonly name: string
  /** Events. */
  readonly count: number
}

/** 1 KB, and each event to one webhook. */
export const plain = (webhooks: number): Shape => ({ webhooks, fanOut: 1, bytes: 1024 })

export const eventType = "project.created"
/** Of the catalogue; no event of the bench is of it. */
export const otherType = "project.deleted"
/** Of every webhook, so that the sink can verify, and the ceiling sign. Any other than a `whsec_` one has its own bytes as the key of both signatures. */
export const secret = "the-secret-of-the-bench"
/** Attempts in flight: of the ceiling all; of the product a webhook's, and all where HOOKLINE_MAX_IN_FLIGHT says so. */
export const concurrency = 100
const digits = 7

export const workspaceOf = (workspaces: number, index: number): string => `ws_bench_${workspaces}_${index}`

const workspacesOf = ({ fanOut, webhooks }: Shape): number => webhooks / fanOut

/** The first of the ports that an event goes to; the others follow it. */
export const firstPort = (shape: Shape, number: number): number => (number % workspacesOf(shape)) * shape.fanOut

export const workspaceOfEvent = (shape: Shape, number: number): string =>
  workspaceOf(workspacesOf(shape), number % workspacesOf(shape))

export const deliveriesOf = ({ count, fanOut }: Round): number => count * fanOut

const idPrefix = (round: string): string => `evt_${round}_`

export const idOf = (round: string, number: number): string =>
  `${idPrefix(round)}${String(number).padStart(digits, "0")}`

/** The number of an event of this round; -1 for any other. */
export const numberOf = (round: string, id: string): number => {
  const prefix = idPrefix(round)
  const number = id.startsWith(prefix) && id.length === prefix.length + digits ? Number(id.slice(prefix.length)) : -1
  return Number.isInteger(number) ? number : -1
}

const sentence = "Modernize our web presence. "

/** An envelope as an endpoint gets it, `bytes` long; what is published is the same, so that the ceiling need not make one. */
export const bodyOf = (round: Round, number: number): string => {
  const id = idOf(round.name, number)
  const head =
    `{"id":"${id}","event":"${eventType}","timestamp":"2025-03-23T14:35:21Z","workspace_id":"${
      workspaceOfEvent(round, number)
    }",`
    + `"data":{"id":"proj_${number}","name":"Website Redesign","slug":"website-redesign","description":"`
  const tail = `","created_at":"2025-03-23T14:35:21Z"}}`
  const room = round.bytes - head.length - tail.length
  return `${head}${sentence.repeat(Math.ceil(room / sentence.length)).slice(0, room)}${tail}`
}
