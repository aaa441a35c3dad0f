/** A flame graph: each stack a column, the roots below, as wide as its part of the whole. */
import { picture, rectangle, rounded, text } from "./Svg.ts"

export interface Frame {
  readonly name: string
  /** Where its code is. */
  readonly place: string
  /** With what it calls. */
  readonly total: number
  readonly children: ReadonlyMap<string, Frame>
}

const width = 1200
const row = 16
/** Pixels; narrower ones are left out. */
const least = 0.5
const letter = 6.6

/** Own code, the packages, node and native code, and what V8 does between. */
const lookOf = (place: string): string => {
  if (place === "ceiling" || place.startsWith("hookline ")) return "flame1"
  if (place.startsWith("(")) return "flame3"
  return place.startsWith("native ") || place.startsWith("node") ? "flame0" : "flame2"
}

const depthOf = (frame: Frame, scale: number): number =>
  frame.total * scale < least
    ? 0
    : 1 + Math.max(0, ...[...frame.children.values()].map((below) => depthOf(below, scale)))

/** `told` says a width in words; it is shown when a frame is pointed at. */
export const flames = (title: string, root: Frame, told: (value: number) => string): string => {
  const scale = width / (root.total > 0 ? root.total : 1)
  const height = depthOf(root, scale) * row + 60
  const parts = ["node", "own code", "packages", "collecting garbage and other"].flatMap((name, index) => [
    rectangle(8 + index * 120, 32, 12, 12, `flame${index}`),
    text(26 + index * 120, 42, name, `class="quiet"`)
  ])
  const draw = (frame: Frame, x: number, depth: number): void => {
    const wide = frame.total * scale
    if (wide < least) return
    const y = height - (depth + 1) * row
    parts.push(
      rectangle(x, y, Math.max(least, wide - 0.5), row - 1, lookOf(frame.place), `${frame.name}: ${told(frame.total)}`)
    )
    const letters = Math.floor((wide - 6) / letter)
    if (letters > 3) {
      const name = frame.name.length > letters ? `${frame.name.slice(0, letters - 1)}…` : frame.name
      parts.push(text(x + 3, y + 11, name, `class="frame"`))
    }
    let at = x
    for (const below of [...frame.children.values()].sort((left, right) => right.total - left.total)) {
      draw(below, at, depth + 1)
      at += below.total * scale
    }
  }
  draw(root, 0, 0)
  return picture(title, width, Number(rounded(height)), parts)
}
