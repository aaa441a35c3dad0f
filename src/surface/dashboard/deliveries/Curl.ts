import type { HeaderNames } from "../verify/Request.ts"

/** A delivery's request as a command for a POSIX shell. */

export interface Request {
  readonly url: string
  readonly eventId: string
  /** The body to the byte. */
  readonly body: string
  /** The names of the webhook's extra headers; their values are not known here. */
  readonly ownHeaders: ReadonlyArray<string>
  /** How this installation calls the headers of a delivery. */
  readonly names: HeaderNames
}

/** Within single quotes nothing means anything to a shell but the closing one. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

/**
 * The same request with what a page cannot know left to be filled in: the signatures, for the API never gives a secret, and the values of the
 * webhook's own headers.
 */
export const curl = ({ body, eventId, names, ownHeaders, url }: Request): string => {
  const { hex, standardPrefix: prefix } = names
  const headers = [
    "content-type: application/json",
    `${prefix}-id: ${eventId}`,
    `${prefix}-timestamp: UNIX_SECONDS`,
    `${prefix}-signature: v1,BASE64_SIGNATURE`,
    `${hex}: HEX_SIGNATURE`,
    ...ownHeaders.map((name) => `${name}: VALUE`)
  ]
  const comment = [
    "# Fill in before you run it; the webhook's secret is never shown here, so the signatures have to be made by you:",
    "#   UNIX_SECONDS      the time now, as `date +%s` prints it",
    `#   BASE64_SIGNATURE  HMAC-SHA256 of \`<${prefix}-id>.<${prefix}-timestamp>.<body>\` by the secret, in base64`,
    "#   HEX_SIGNATURE     HMAC-SHA256 of the body by the secret, in lower-case hex",
    ...(ownHeaders.length === 0
      ? []
      : [`#   VALUE             the value of ${ownHeaders.join(", ")}, which is masked here`])
  ]
  const lines = [
    `curl -X POST ${quoted(url)}`,
    ...headers.map((header) => `  -H ${quoted(header)}`),
    `  --data-binary ${quoted(body)}`
  ]
  return `${comment.join("\n")}\n${lines.join(" \\\n")}\n`
}
