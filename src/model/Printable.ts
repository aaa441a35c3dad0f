/** How a secret of ours begins: API keys, portal tokens, generated secrets. */
const secrets = /\b(hk|pl|whsec)_[^\s/?#"]+/g

/** Text without what may be a secret that somebody put where none belongs: in a path, in the name of a workspace. */
export const withoutSecrets = (text: string): string => text.replaceAll(secrets, "$1_…")

/** Long enough for a secret, and no type, which is of two parts. */
const maybeSecret = /^[^.]*[\w+/=-]{20}[^.]*$/

/** A value that is no event type, quoted; not what may be a secret that was pasted into the wrong field. */
export const quotedType = (text: string): string =>
  maybeSecret.test(text) ? "this" : `"${printable(withoutSecrets(text))}"`

/**
 * Foreign text in a message of ours: printable ASCII and short, because it goes on into message headers, terminals
 * and log lines. Everything else is written as `\uXXXX`; what is beyond `limit` characters is cut off with `...`.
 */
export const printable = (text: string, limit = 64): string => {
  const cut = text.length > limit ? text.slice(0, limit) : text
  const safe = cut.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
  return cut === text ? safe : `${safe}...`
}
