import { readFileSync } from "node:fs"

/** Files besides the connections of attempts: the broker's, the API's, the store's of the process itself. */
const others = 256

/** How many attempts the process's limit of open files has room for; undefined where the system does not tell. */
export const placesWithinFileLimit = (): number | undefined => {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]
    return soft === undefined ? undefined : Math.max(1, Number(soft) - others)
  } catch {
    return undefined
  }
}
