/**
 * Numbers in English words. Not by `Intl`: the browser loads a language's data when it is first used, which takes a tenth of the time until the first
 * view can be used.
 */

/** A whole number: `12,034`. */
export const count = (value: number): string => String(value).replace(/\B(?=(?:\d{3})+$)/g, ",")

/** `1 attempt`, `12,034 attempts`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`

/** 0 to 1 as `99.8%`; never `100%` when it is less. */
export const percent = (rate: number): string =>
  rate < 1 && rate > 0.999 ? "99.9%" : `${Number((rate * 100).toFixed(1))}%`

/** Milliseconds as `85 ms`, `1.2 s`, `30 s`. */
export const latency = (milliseconds: number): string =>
  milliseconds < 1000
    ? `${Math.round(milliseconds)} ms`
    : `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`

/** `812 B`, `3.4 KiB`, `1.2 MiB`. */
export const bytes = (value: number): string =>
  value < 1024
    ? `${value} B`
    : value < 1024 ** 2
    ? `${(value / 1024).toFixed(1)} KiB`
    : `${(value / 1024 ** 2).toFixed(1)} MiB`
