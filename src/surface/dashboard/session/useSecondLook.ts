import { type QueryKey, useQueryClient } from "@tanstack/react-query"
import { useEffect } from "react"
import { isBehind } from "../api/Queries.ts"
import { after } from "../shared/Clock.ts"
import { useIsLive } from "./Session.tsx"

/** The history says within half a second how far it is behind: by then it has what happened just before the view was opened, or says so. */
export const secondLook = 1000
/** While it is behind, in milliseconds. */
export const lookWhileBehind = 5000

/**
 * Asks once more for whatever begins with `key`, a moment after the view was opened and a moment after the stream began, and on as long as an
 * answer is behind: what happened just before may not have been in the history yet, and the stream tells of what comes later alone.
 */
export const useSecondLook = (key: QueryKey): void => {
  const queries = useQueryClient()
  const name = JSON.stringify(key)
  const isLive = useIsLive()
  useEffect(() => {
    const queryKey: QueryKey = JSON.parse(name)
    let left = false
    const look = async (): Promise<void> => {
      // A first answer that takes longer is waited for.
      await queries.invalidateQueries({ queryKey }, { cancelRefetch: false })
      const answers = queries.getQueriesData({ queryKey, type: "active" })
      if (!left && answers.some(([, answer]) => isBehind(answer))) stop = after(lookWhileBehind, () => void look())
    }
    let stop = after(secondLook, () => void look())
    return () => {
      left = true
      stop()
    }
  }, [queries, name, isLive])
}
