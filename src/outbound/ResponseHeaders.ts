/** What is kept of a response's headers, in characters, names included. */
const kept = 4_096

/** Of no use to a reader of the history, or the endpoint's secret. */
const passedOver = new Set(["set-cookie", "connection", "keep-alive"])

/** A response's headers for the history: the first 4 KiB; undefined when there is nothing to keep. */
export const responseHeaders = (headers: Record<string, unknown>): Readonly<Record<string, string>> | undefined => {
  let room = kept
  let result: Record<string, string> | undefined
  for (const name in headers) {
    if (passedOver.has(name)) continue
    const given = headers[name]
    const value = Array.isArray(given) ? given.join(", ") : String(given)
    room -= name.length + value.length
    if (room < 0) break
    result ??= {}
    result[name] = value
  }
  return result
}
