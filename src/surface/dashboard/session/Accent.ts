/** Contrast as WCAG 2.2 defines it, and what it asks of text (1.4.3). */
const enough = 4.5

type Colour = readonly [red: number, green: number, blue: number]

const parse = (text: string): Colour | undefined => {
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text)
  return found === null
    ? undefined
    : [Number.parseInt(found[1] ?? "", 16), Number.parseInt(found[2] ?? "", 16), Number.parseInt(found[3] ?? "", 16)]
}

const luminance = (colour: Colour): number => {
  const [red = 0, green = 0, blue = 0] = colour.map((value) => {
    const part = value / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

const contrast = (one: Colour, other: Colour): number => {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

const black: Colour = [0, 0, 0]
const white: Colour = [255, 255, 255]

const mix = (colour: Colour, other: Colour, share: number): Colour => [
  Math.round(colour[0] + (other[0] - colour[0]) * share),
  Math.round(colour[1] + (other[1] - colour[1]) * share),
  Math.round(colour[2] + (other[2] - colour[2]) * share)
]

const css = ([red, green, blue]: Colour): string => `rgb(${red} ${green} ${blue})`

/** The colour, moved towards black or white until it can be read on all of `grounds`. */
const readable = (colour: Colour, towards: Colour, grounds: ReadonlyArray<Colour>): Colour => {
  for (let share = 0; share < 1; share += 0.05) {
    const tried = mix(colour, towards, share)
    if (grounds.every((ground) => contrast(tried, ground) >= enough)) return tried
  }
  return towards
}

/** The lightest and darkest grounds that accented text stands on, as tokens.css has them. */
const grounds = {
  light: [[255, 255, 255], [236, 238, 243]],
  dark: [[16, 18, 21], [38, 42, 54]]
} as const satisfies Record<string, ReadonlyArray<Colour>>

/** The custom properties of a brand's accent: the colour itself, text on it, and itself as text. */
export const accentProperties = (accent: string, dark: boolean): Readonly<Record<string, string>> => {
  const colour = parse(accent)
  if (colour === undefined) return {}
  return {
    "--accent": css(colour),
    "--on-accent": css(contrast(colour, white) >= contrast(colour, black) ? white : black),
    "--accent-ink": css(dark ? readable(colour, white, grounds.dark) : readable(colour, black, grounds.light))
  }
}
