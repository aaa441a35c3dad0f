/** Bars and lines of figures. */
import { line, picture, rectangle, text } from "./Svg.ts"

const width = 760

export interface Bar {
  /** Its colour, 0 to 3. */
  readonly series: number
  readonly value: number
  /** The least and the most of several runs. */
  readonly range?: readonly [least: number, most: number]
  readonly label: string
}

export interface Group {
  readonly label: string
  readonly bars: ReadonlyArray<Bar>
}

const legend = (series: ReadonlyArray<string>, y: number): ReadonlyArray<string> =>
  series.flatMap((name, index) => [
    rectangle(8 + index * 180, y - 10, 12, 12, `fill${index}`),
    text(26 + index * 180, y, name, `class="quiet"`)
  ])

/** Lying bars from 0 on, in groups; each says its value. */
export const bars = (title: string, series: ReadonlyArray<string>, groups: ReadonlyArray<Group>): string => {
  const [left, right, thick] = [150, 130, 14]
  const most = Math.max(...groups.flatMap(({ bars }) => bars.map(({ range, value }) => range?.[1] ?? value)))
  const scale = (value: number): number => left + (width - left - right) * value / (most > 0 ? most : 1)
  const parts: Array<string> = [...legend(series, 42)]
  let y = 58
  for (const { bars, label } of groups) {
    parts.push(text(left - 8, y + bars.length * thick / 2 + 4, label, `text-anchor="end"`))
    for (const { label, range, series, value } of bars) {
      parts.push(rectangle(left, y + 1, Math.max(1, scale(value) - left), thick - 2, `fill${series}`))
      if (range !== undefined) {
        parts.push(line([[scale(range[0]), y + thick / 2], [scale(range[1]), y + thick / 2]], "range"))
      }
      parts.push(text(scale(Math.max(value, range?.[1] ?? 0)) + 6, y + thick - 3, label, `class="quiet"`))
      y += thick
    }
    y += 10
  }
  return picture(title, width, y + 4, parts)
}

export interface Line {
  readonly series: number
  /** In order of x. */
  readonly points: ReadonlyArray<readonly [x: number, y: number]>
}

const marks = (least: number, most: number): ReadonlyArray<number> =>
  [1, 10, 100, 1_000, 10_000, 100_000].flatMap((power) => [power, 2 * power, 5 * power]).filter((mark) =>
    mark >= least && mark <= most
  )

/** Lines on two logarithmic scales; `limit` is a height that is marked. */
export const lines = (
  title: string,
  axes: { readonly x: string; readonly y: string; readonly limit: number },
  series: ReadonlyArray<string>,
  all: ReadonlyArray<Line>
): string => {
  const height = 336
  const [left, right, top, bottom] = [60, 20, 76, 50]
  const xs = all.flatMap(({ points }) => points.map(([x]) => x))
  const ys = all.flatMap(({ points }) => points.map(([, y]) => y))
  const x = { least: Math.min(...xs), most: Math.max(...xs) }
  const y = { least: Math.max(0.1, Math.min(...ys)), most: Math.max(axes.limit * 2, ...ys) }
  const part = ({ least, most }: typeof x, value: number): number =>
    most > least ? Math.log(Math.max(least, value) / least) / Math.log(most / least) : 0
  const atX = (value: number): number => left + (width - left - right) * part(x, value)
  const atY = (value: number): number => height - bottom - (height - top - bottom) * part(y, value)
  return picture(title, width, height, [
    ...legend(series, 42),
    ...marks(x.least, x.most).flatMap((mark) => [
      line([[atX(mark), top], [atX(mark), height - bottom]], "grid"),
      text(atX(mark), height - bottom + 16, mark.toLocaleString("en-US"), `class="quiet" text-anchor="middle"`)
    ]),
    ...marks(y.least, y.most).flatMap((mark) => [
      line([[left, atY(mark)], [width - right, atY(mark)]], "grid"),
      text(left - 6, atY(mark) + 4, mark.toLocaleString("en-US"), `class="quiet" text-anchor="end"`)
    ]),
    line([[left, atY(axes.limit)], [width - right, atY(axes.limit)]], "limit"),
    ...all.map(({ points, series }) => line(points.map(([x, y]) => [atX(x), atY(y)]), `line${series}`)),
    text(width / 2, height - 12, axes.x, `class="quiet" text-anchor="middle"`),
    text(8, top - 10, axes.y, `class="quiet"`)
  ])
}
