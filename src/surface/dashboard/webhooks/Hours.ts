import type { Step } from "../shared/Sparkline.tsx"

const hour = 3_600_000

/** The last 24 hours with those in which nothing happened, the oldest first; the running one is the last. Milliseconds. */
export const lastHours = (
  steps: ReadonlyArray<Step & { readonly start: string }>,
  now: number
): ReadonlyArray<Step & { readonly start: number }> => {
  const known = new Map(steps.map((step) => [Date.parse(step.start), step]))
  const running = Math.floor(now / hour) * hour
  return Array.from({ length: 24 }, (_, index) => {
    const start = running - (23 - index) * hour
    const step = known.get(start)
    return { start, succeeded: step?.succeeded ?? 0, failed: step?.failed ?? 0 }
  })
}
