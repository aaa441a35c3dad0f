/**
 * How long attempts took, counted in classes: each 2^(1/4) times as wide as the one before, from 1 ms up, so that a percentile is right to within a
 * tenth. 64 classes reach 65 s; what is longer is in the last.
 */
const classes = 64
const perDoubling = 4

const classOf = (milliseconds: number): number =>
  milliseconds <= 1 ? 0 : Math.min(classes - 1, 1 + Math.floor(Math.log2(milliseconds) * perDoubling))

/** The middle of a class, milliseconds. */
const middle = (index: number): number => index === 0 ? 1 : 2 ** ((index - 0.5) / perDoubling)

export const empty = (): Uint32Array => new Uint32Array(classes)

export const count = (latencies: Uint32Array, milliseconds: number): void => {
  const index = classOf(milliseconds)
  latencies[index] = (latencies[index] ?? 0) + 1
}

export const add = (latencies: Uint32Array, more: Uint32Array): void => {
  for (let index = 0; index < classes; index++) latencies[index] = (latencies[index] ?? 0) + (more[index] ?? 0)
}

/** For a column; the last class that counts anything is the last one written. */
export const toBytes = (latencies: Uint32Array): Uint8Array => {
  let length = classes
  while (length > 0 && latencies[length - 1] === 0) length--
  const bytes = Buffer.alloc(length * 4)
  for (let index = 0; index < length; index++) bytes.writeUInt32LE(latencies[index] ?? 0, index * 4)
  return bytes
}

export const fromBytes = (bytes: Uint8Array): Uint32Array => {
  const latencies = empty()
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let index = 0; index * 4 < view.length; index++) latencies[index] = view.readUInt32LE(index * 4)
  return latencies
}

/** The latency that a part of all attempts did not exceed, milliseconds; undefined when there were none. */
export const percentile = (latencies: Uint32Array, part: number): number | undefined => {
  const total = latencies.reduce((sum, one) => sum + one, 0)
  if (total === 0) return undefined
  let below = Math.max(1, Math.ceil(total * part))
  for (const [index, one] of latencies.entries()) {
    below -= one
    if (below <= 0) return Math.round(middle(index) * 10) / 10
  }
  return undefined
}
