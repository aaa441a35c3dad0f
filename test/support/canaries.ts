import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** Something that must not be seen, and what to call it. */
export interface Canary {
  readonly name: string
  readonly value: string
}

/** The characters of a base64 text that come from these bytes alone, whatever stands before and behind them. */
const within = (value: string, before: number): string => {
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(value)])
  const text = bytes.toString("base64").replaceAll("=", "")
  return text.slice(before === 0 ? 0 : before + 1, bytes.length % 3 === 0 ? undefined : -1)
}

/** Every form in which it would still be the same secret. */
const forms = (value: string): ReadonlySet<string> => {
  const base64 = [0, 1, 2].map((before) => within(value, before))
  const hex = Buffer.from(value).toString("hex")
  return new Set([
    value,
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
    hex,
    hex.toUpperCase(),
    ...base64,
    ...base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"))
  ])
}

/** All that left the product, by the place where it did. */
export class Outgoing {
  readonly #bytes = new Map<string, Array<Buffer>>()
  readonly #joined = new Map<string, Buffer>()

  readonly add = (place: string, bytes: string | Uint8Array): void => {
    const known = this.#bytes.get(place) ?? []
    const more = Buffer.from(bytes)
    // A file that has not changed since it was last looked at.
    if (known.some((part) => part.equals(more))) return
    known.push(more)
    this.#bytes.set(place, known)
    this.#joined.delete(place)
  }

  /** One after another: a socket's bytes may be cut anywhere. */
  readonly #whole = (place: string): Buffer => {
    const joined = this.#joined.get(place) ?? Buffer.concat(this.#bytes.get(place) ?? [])
    this.#joined.set(place, joined)
    return joined
  }

  /** Each file below a directory, as it is now. */
  readonly addFiles = (directory: string, except: (name: string) => boolean = () => false): void => {
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || except(entry.name)) continue
      const path = join(entry.parentPath, entry.name)
      this.add(`file ${path.slice(directory.length + 1)}`, readFileSync(path))
    }
  }

  readonly size = (): number => [...this.#bytes.values()].flat().reduce((sum, bytes) => sum + bytes.length, 0)

  readonly places = (): ReadonlyArray<string> => [...this.#bytes.keys()]

  /** Where a canary was seen, and what stood around it; `allowed` places are where it has to be. */
  readonly seen = ({ name, value }: Canary, allowed: (place: string) => boolean): ReadonlyArray<string> =>
    this.places().filter((place) => !allowed(place)).flatMap((place) => {
      const bytes = this.#whole(place)
      return [...forms(value)].flatMap((form) => {
        const at = bytes.indexOf(form)
        return at < 0
          ? []
          : [`${name} in ${place}: …${bytes.subarray(Math.max(0, at - 60), at + 20).toString("latin1")}…`]
      })
    })
}
