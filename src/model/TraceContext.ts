/**
 * Where a publisher's trace goes on: `traceparent` and `tracestate` of W3C Trace Context, checked strictly, because they are passed on to
 * customers' endpoints. What is not valid is dropped, never repaired.
 */
export interface TraceContext {
  /** In the form of version 00. */
  readonly traceparent: string
  readonly tracestate?: string
}

const shape = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]*)?$/
const zeros = /^0+$/

/** tracestate's limits (W3C Trace Context 3.3.1.5): 32 members, and 512 characters are what everybody has to pass on. */
const mostMembers = 32
const mostCharacters = 512
const member =
  /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** A version above 00 is read by the fields of 00 and written as 00, as the specification tells (2.2.2, versioning). */
const parentOf = (text: string): string | undefined => {
  const [, version, traceId = "", spanId = "", flags, rest] = shape.exec(text) ?? []
  if (version === undefined || version === "ff" || (version === "00" && rest !== undefined)) return undefined
  return zeros.test(traceId) || zeros.test(spanId) ? undefined : `00-${traceId}-${spanId}-${flags}`
}

const stateOf = (text: string): string | undefined => {
  if (text.length > mostCharacters) return undefined
  const members = text.split(",").map((one) => one.trim()).filter((one) => one !== "")
  const keys = new Set(members.map((one) => one.slice(0, one.indexOf("="))))
  const valid = members.length > 0 && members.length <= mostMembers && keys.size === members.length
  return valid && members.every((one) => member.test(one)) ? members.join(",") : undefined
}

/** Undefined without a valid `traceparent`; a `tracestate` that is not valid is left out. */
export const traceContext = (
  traceparent: string | undefined,
  tracestate: string | undefined
): TraceContext | undefined => {
  if (traceparent === undefined) return undefined
  const parent = parentOf(traceparent)
  if (parent === undefined) return undefined
  const state = tracestate === undefined ? undefined : stateOf(tracestate)
  return state === undefined ? { traceparent: parent } : { traceparent: parent, tracestate: state }
}

/** The headers of a message or a request that carry it, to be sent under these names. */
export const traceHeaders = (trace: TraceContext | undefined): Readonly<Record<string, string>> =>
  trace === undefined
    ? {}
    : trace.tracestate === undefined
    ? { traceparent: trace.traceparent }
    : { traceparent: trace.traceparent, tracestate: trace.tracestate }
