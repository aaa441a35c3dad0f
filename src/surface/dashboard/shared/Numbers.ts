const counts = new Intl.NumberFormat("en")
const rates = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 })

/** `12,034`. */
export const count = (value: number): string => counts.format(value)

/** `1 attempt`, `12,034 attempts`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`

/** 0 to 1 as `99.8%`; never `100%` when it is less. */
export const percent = (rate: number): string => rate < 1 && rate > 0.999 ? "99.9%" : rates.format(rate)

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
