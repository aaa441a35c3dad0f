/** Bytes as one reads them: an offset, sixteen bytes in hex, and what of them is ASCII; at most `atMost` bytes. */
export const hexDump = (base64: string, atMost: number): string => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const lines: Array<string> = []
  for (let at = 0; at < Math.min(bytes.length, atMost); at += 16) {
    const row = [...bytes.subarray(at, Math.min(at + 16, atMost))]
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ")
    const ascii = row.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".").join("")
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${ascii}`)
  }
  if (bytes.length > atMost) lines.push(`and ${bytes.length - atMost} bytes more`)
  return lines.join("\n")
}
