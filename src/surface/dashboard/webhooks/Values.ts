import type { Body, Webhook } from "../api/Contract.ts"

/** What stands in the form: text as it was typed. */
export interface Values {
  readonly url: string
  readonly events: ReadonlyArray<string>
  readonly description: string
  /** Of a new webhook only. */
  readonly secret: string
  readonly concurrency: string
  readonly rateLimit: string
  /** null: the headers stay as they are, for their values are not known here. */
  readonly headers: ReadonlyArray<Header> | null
}

export interface Header {
  readonly key: number
  readonly name: string
  readonly value: string
}

export const emptyValues: Values = {
  url: "",
  events: [],
  description: "",
  secret: "",
  concurrency: "",
  rateLimit: "",
  headers: []
}

export const valuesOf = (webhook: Webhook): Values => ({
  url: webhook.url,
  events: webhook.events,
  description: webhook.description,
  secret: "",
  concurrency: webhook.concurrency === null ? "" : String(webhook.concurrency),
  rateLimit: webhook.rate_limit === null ? "" : String(webhook.rate_limit),
  headers: null
})

const number = (text: string): number | null => text.trim() === "" ? null : Number(text)

const headersOf = (headers: ReadonlyArray<Header>): Record<string, string> =>
  Object.fromEntries(
    headers.filter(({ name, value }) => name !== "" || value !== "").map(({ name, value }) => [name, value])
  )

const settings = (values: Values) => ({
  url: values.url.trim(),
  events: values.events,
  description: values.description,
  concurrency: number(values.concurrency),
  rate_limit: number(values.rateLimit),
  ...(values.headers === null ? {} : { headers: headersOf(values.headers) })
})

export const creation = (values: Values): Body<"webhooks.create"> => ({
  ...settings(values),
  ...(values.secret === "" ? {} : { secret: values.secret })
})

export const change = (values: Values): Body<"webhooks.change"> => settings(values)

/** What is missing; all else the server judges. By the names that the API gives its fields. */
export const flaws = (values: Values): Readonly<Record<string, string>> => ({
  ...(values.url.trim() === "" ? { url: "Enter the URL that receives the events." } : {}),
  ...(values.events.length === 0 ? { events: "Choose at least one event type." } : {}),
  ...(Number.isNaN(number(values.concurrency)) ? { concurrency: "Enter a number from 1 to 256." } : {}),
  ...(Number.isNaN(number(values.rateLimit)) ? { rate_limit: "Enter a number above 0, up to 10,000." } : {})
})
