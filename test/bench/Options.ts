/** What the bench can be asked for. */
import { tmpdir } from "node:os"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import type { Sync } from "./Broker.ts"

const parts = [
  "start",
  "W1",
  "W2",
  "W3",
  "W4",
  "W5",
  "W6",
  "W7",
  "W8",
  "W9",
  "history",
  "audit",
  "slow-clients",
  "dashboard"
] as const
export type Part = (typeof parts)[number]

const profiled = ["W1", "W2", "W3", "W9"] as const

export const usage = `npm run bench -- [options]
  --only W2,W6             some parts only, of: ${parts.join(", ")}
                           (default: all but dashboard, which needs Chromium; about four hours on two cores, W5 and W7 more than half of them)
  --sync 2m,always         of the broker: W1 to W9 run at each
  --pairs 5                W1 to W6, W8, W9, history: the two that are compared in turns, so often
  --events 40000           deliveries of a drain: W1 to W3, W9 (half as many at always), W6, W8, history
  --seconds 60             W4
  --step-seconds 10        W5, each rate; W6, the rate at which latency is looked at
  --waiting 100000,1000000 W7, deliveries
  --over 15                W7, minutes over which they are due
  --webhooks 10,1000,10000,100000   W8
  --history 1000000        deliveries in the history
  --audit 300000           deliveries that are audited
  --minutes 10             that a page of the dashboard stays open
  --json <file>            the results as JSON, written after each part
  --pictures <directory>   the results as SVG files
  --from <file>            no run: the tables and pictures of results that --json has written; may be given more than once
  --profile ${
  profiled.join("|")
}     that part alone, once, with CPU and allocation profiles and flame graphs of ceiling and hookline
  --profiles <directory>   where they go (default: a new one in the temporary directory; its name is told)
  --directory <path>       where the stores are (default: the temporary directory)
  --main dist/main.js      the hookline that is measured
`

export interface Options {
  readonly parts: ReadonlyArray<Part>
  readonly syncs: ReadonlyArray<Sync>
  readonly pairs: number
  readonly events: number
  readonly seconds: number
  readonly stepSeconds: number
  readonly waiting: ReadonlyArray<number>
  readonly over: number
  readonly webhooks: ReadonlyArray<number>
  readonly history: number
  readonly audit: number
  readonly minutes: number
  readonly json: string | undefined
  readonly pictures: string | undefined
  readonly from: ReadonlyArray<string>
  readonly main: string
  /** Of the stores. */
  readonly directory: string
  /** Where profiles go, if any are wanted. */
  readonly profiles: string | undefined
  readonly help: boolean
}

const number = (name: string, text: string, least: number, most: number): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Error(`--${name}: ${text} is not ${least} to ${most}\n\n${usage}`)
  }
  return value
}

const numbers = (name: string, text: string, least: number, most: number) =>
  text.split(",").map((one) => number(name, one, least, most))

const choice = <A extends string>(name: string, text: string, known: ReadonlyArray<A>): ReadonlyArray<A> =>
  text.split(",").map((one) => {
    const found = known.find((value) => value === one)
    if (found === undefined) throw new Error(`--${name}: ${one} is none of ${known.join(", ")}\n\n${usage}`)
    return found
  })

/** Throws with the usage. `profilesIn` makes a directory for profiles that were given none. */
export const readOptions = (args: ReadonlyArray<string>, profilesIn: (directory: string) => string): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", default: parts.filter((part) => part !== "dashboard").join(",") },
      sync: { type: "string", default: "2m,always" },
      pairs: { type: "string", default: "5" },
      events: { type: "string", default: "40000" },
      seconds: { type: "string", default: "60" },
      "step-seconds": { type: "string", default: "10" },
      waiting: { type: "string", default: "100000,1000000" },
      over: { type: "string", default: "15" },
      webhooks: { type: "string", default: "10,1000,10000,100000" },
      history: { type: "string", default: "1000000" },
      audit: { type: "string", default: "300000" },
      minutes: { type: "string", default: "10" },
      json: { type: "string" },
      pictures: { type: "string" },
      from: { type: "string", multiple: true, default: [] },
      profile: { type: "string" },
      profiles: { type: "string" },
      directory: { type: "string", default: tmpdir() },
      main: { type: "string", default: "dist/main.js" },
      help: { type: "boolean", default: false }
    }
  })
  const profile = values.profile === undefined ? [] : choice("profile", values.profile, profiled)
  const syncs = choice<Sync>("sync", values.sync, ["2m", "always"])
  return {
    parts: profile.length > 0 ? profile : choice("only", values.only, parts),
    syncs: profile.length > 0 ? syncs.slice(0, 1) : syncs,
    pairs: profile.length > 0 ? 1 : number("pairs", values.pairs, 1, 100),
    events: number("events", values.events, 100, 1_000_000),
    seconds: number("seconds", values.seconds, 1, 3_600),
    stepSeconds: number("step-seconds", values["step-seconds"], 2, 600),
    waiting: numbers("waiting", values.waiting, 1_000, 1_000_000),
    over: number("over", values.over, 1, 60),
    webhooks: numbers("webhooks", values.webhooks, 10, 100_000),
    history: number("history", values.history, 1_000, 5_000_000),
    audit: number("audit", values.audit, 1_000, 5_000_000),
    minutes: number("minutes", values.minutes, 1, 240),
    json: values.json,
    pictures: values.pictures === undefined ? undefined : resolve(values.pictures),
    from: values.from,
    main: resolve(values.main),
    directory: resolve(values.directory),
    profiles: profile.length === 0 ? undefined : profilesIn(values.profiles ?? ""),
    help: values.help
  }
}

/** Minutes after which a part is given up, at one setting of the broker where it has one: far more than it takes. */
export const limitOf = (part: Part, options: Options): number => {
  const { pairs } = options
  switch (part) {
    case "W1":
    case "W2":
    case "W3":
      return 5 + 4 * pairs
    case "W9":
      return 5 + 12 * pairs
    case "W4":
      return 5 + pairs * (2 + 2 * options.seconds / 60)
    case "W5":
      return 5 + pairs * 40 * (options.stepSeconds + 20) / 60
    case "W6":
      return 5 + pairs * (8 + 2 * options.stepSeconds / 60)
    case "W7":
      return options.waiting.reduce((sum, count) => sum + 10 + options.over + count / 20_000, 0)
    case "W8":
      return options.webhooks.length * (5 + 4 * pairs)
    case "start":
    case "audit":
    case "slow-clients":
      return 30
    case "history":
      return 60 + 5 * pairs
    case "dashboard":
      return 60 + options.minutes
  }
}
