import { counted } from "./Numbers.ts"
import styles from "./Sparkline.module.css"

export interface Step {
  readonly succeeded: number
  readonly failed: number
}

const barWidth = 4
const gap = 1
const height = 24

/** A bar for each step, the oldest first: what failed stands red at its foot. Its words are for those who do not see it. */
export const Sparkline = ({ span, steps }: { readonly steps: ReadonlyArray<Step>; readonly span: string }) => {
  const most = Math.max(1, ...steps.map(({ failed, succeeded }) => failed + succeeded))
  const succeeded = steps.reduce((sum, step) => sum + step.succeeded, 0)
  const failed = steps.reduce((sum, step) => sum + step.failed, 0)
  const width = steps.length * (barWidth + gap) - gap
  // Whatever there was is seen: at least a pixel and a half.
  const tall = (value: number): number => value === 0 ? 0 : Math.max(1.5, (value / most) * (height - 1))
  return (
    <svg
      role="img"
      aria-label={`${span}: ${counted(succeeded, "attempt")} succeeded, ${failed} failed`}
      className={styles["sparkline"]}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
    >
      <rect className={styles["floor"]} x={0} y={height - 1} width={width} height={1} />
      {steps.map((step, index) => {
        const x = index * (barWidth + gap)
        const bad = tall(step.failed)
        const good = Math.min(tall(step.succeeded), height - bad)
        return step.failed + step.succeeded === 0 ? null : (
          <g key={index}>
            <rect className={styles["bad"]} x={x} y={height - bad} width={barWidth} height={bad} />
            <rect className={styles["good"]} x={x} y={height - bad - good} width={barWidth} height={good} />
          </g>
        )
      })}
    </svg>
  )
}
