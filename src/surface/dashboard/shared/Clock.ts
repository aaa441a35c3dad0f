/** The page's clock and timers, the only ones: everything else takes time from here. Milliseconds. */

export const now = (): number => Date.now()

/** Runs once after `delay`; the answer ends the wait. */
export const after = (delay: number, run: () => void): () => void => {
  const timer = setTimeout(run, delay)
  return () => clearTimeout(timer)
}

/** Runs every `period` until the answer is called. */
export const every = (period: number, run: () => void): () => void => {
  const timer = setInterval(run, period)
  return () => clearInterval(timer)
}

/** Between 0 and 1, to spread out what many pages would else do at once. */
export const chance = (): number => Math.random()
