import { useEffect, useRef, useState } from "react"
import uPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import styles from "./Chart.module.css"
import { count } from "./Numbers.ts"

interface ChartProps {
  /** What it shows, in words, for those who do not see it. */
  readonly label: string
  /** Where each step begins, in milliseconds. */
  readonly starts: ReadonlyArray<number>
  readonly succeeded: ReadonlyArray<number>
  readonly failed: ReadonlyArray<number>
}

/** Pixels; whoever waits for the chart holds the same place. */
const height = 184

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

const when = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" })

const bars = (): uPlot.Series.PathBuilder => {
  const paths = uPlot.paths.bars
  if (paths === undefined) throw new Error("uPlot has no bars")
  return paths({ size: [0.8, 24], align: 1 })
}

const options = (width: number, onPoint: (place: number | null) => void): uPlot.Options => {
  const axis = { stroke: colour("--soft"), font: "12px system-ui, sans-serif", ticks: { show: false } }
  const grid = { stroke: colour("--line"), width: 1 }
  const bar = (name: string): uPlot.Series => ({
    fill: colour(name),
    width: 0,
    paths: bars(),
    points: { show: false }
  })
  return {
    width,
    height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      // The last bar begins at the last time, and needs its width.
      x: { range: ({ data: [[first = 0, second = 0]] }, from, to) => [from, to + second - first] },
      y: { range: (_, __, most) => [0, Math.max(4, most * 1.05)] }
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 72,
        values: [
          [86_400, "{DD} {MMM}", null, null, null, null, null, null, 1],
          [60, "{HH}:{mm}", "\n{DD} {MMM}", null, "\n{DD} {MMM}", null, null, null, 1]
        ]
      },
      {
        ...axis,
        grid,
        size: 48,
        space: 28,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000],
        values: (_, splits) => splits.map(count)
      }
    ],
    // The failed stand before all of them, at the foot.
    series: [{}, bar("--bar"), bar("--bar-bad")],
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] }
  }
}

/** Attempts over time: a bar a step, what failed in red at its foot. Under the pointer a step is told in words. */
export const Chart = ({ failed, label, starts, succeeded }: ChartProps) => {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const data = useRef<uPlot.AlignedData>([[], [], []])
  const [pointed, setPointed] = useState<number | null>(null)

  useEffect(() => {
    data.current = [
      starts.map((start) => start / 1000),
      succeeded.map((number, index) => number + (failed[index] ?? 0)),
      [...failed]
    ]
    plot.current?.setData(data.current)
  }, [starts, succeeded, failed])

  useEffect(() => {
    const element = place.current
    if (element === null) return undefined
    const draw = (): void => {
      plot.current?.destroy()
      plot.current = new uPlot(options(element.clientWidth, setPointed), data.current, element)
    }
    draw()
    const size = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }))
    size.observe(element)
    const dark = window.matchMedia("(prefers-color-scheme: dark)")
    dark.addEventListener("change", draw)
    return () => {
      size.disconnect()
      dark.removeEventListener("change", draw)
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [])

  const start = pointed === null ? undefined : starts[pointed]
  return (
    <figure className={styles["chart"]}>
      <figcaption className={styles["said"]}>
        {start === undefined
          ? (
            <>
              <span className={styles["good"]}>Succeeded</span>
              <span className={styles["bad"]}>Failed</span>
            </>
          )
          : (
            <>
              <span>{when.format(start)}</span>
              <span className={styles["good"]}>{count(succeeded[pointed ?? 0] ?? 0)} succeeded</span>
              <span className={styles["bad"]}>{count(failed[pointed ?? 0] ?? 0)} failed</span>
            </>
          )}
      </figcaption>
      <div ref={place} role="img" aria-label={label} className={styles["plot"]} />
    </figure>
  )
}
