/**
 * Foreign text in a message of ours: printable ASCII and short, because it goes on into message headers, terminals
 * and log lines. Everything else is written as `\uXXXX`; what is beyond `limit` characters is cut off with `...`.
 */
export const printable = (text: string, limit = 64): string => {
  const cut = text.length > limit ? text.slice(0, limit) : text
  const safe = cut.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
  return cut === text ? safe : `${safe}...`
}
