/**
 * The extra headers that a customer may have sent with every delivery (CONTRACT 5). What would change the meaning of the request, or could
 * pass for ours, is refused.
 */

import { testHeader } from "./TestAttempt.ts"

/** Name and value. */
export type StaticHeader = readonly [name: string, value: string]

const maxHeaders = 20
const maxValue = 4096

/** RFC 9110 token. */
const tokenName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
/** Printable ASCII that neither begins nor ends with a space (RFC 9110 field-content without obs-text and tabs). */
const plainValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

const refusedNames = new Set([
  "host",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "cookie",
  "user-agent",
  "accept-encoding",
  "traceparent",
  "tracestate",
  testHeader
])
const refusedPrefixes = ["content-", "proxy-", "webhook-"]

/** The brand's own names, in lower case. */
export interface BrandHeaders {
  readonly signatureHeader: string
  /** Covers every name that starts with it and a dash. */
  readonly standardPrefix: string
}

/** Why these headers cannot be sent, with the header it is about; undefined when they can. Never holds a value. */
export const headersProblem = (
  headers: ReadonlyArray<StaticHeader>,
  brand: BrandHeaders
): { readonly field: string; readonly message: string } | undefined => {
  if (headers.length > maxHeaders) return { field: "headers", message: `at most ${maxHeaders} headers` }
  const seen = new Set<string>()
  const prefixes = [...refusedPrefixes, `${brand.standardPrefix}-`]
  for (const [index, [name, value]] of headers.entries()) {
    if (!tokenName.test(name)) {
      return {
        field: `headers[${index}]`,
        message: "a header's name is 1 to 128 letters, digits and - _ . and the like"
      }
    }
    const folded = name.toLowerCase()
    const field = `headers.${name}`
    const own = refusedNames.has(folded) || folded === brand.signatureHeader
    if (own || prefixes.some((prefix) => folded.startsWith(prefix))) {
      return { field, message: `${name} cannot be set: it belongs to the request itself` }
    }
    if (seen.has(folded)) return { field, message: `${name} is given twice` }
    seen.add(folded)
    if (value.length > maxValue || !plainValue.test(value)) {
      return {
        field,
        message: `the value is 1 to ${maxValue} printable ASCII characters without a space at either end`
      }
    }
  }
  return undefined
}
