import { Options } from "@effect/cli"
import { Clock, Effect, Option } from "effect"
import { parseDuration } from "../../Config.ts"
import { wrong } from "./Failure.ts"
import type { CommandFailed } from "./Failure.ts"

/** A point in time as somebody types it, in milliseconds. */
export type Moment = { readonly ago: number } | { readonly at: number }

/** Undefined: it is none. */
export const momentOf = (text: string): Moment | undefined => {
  const ago = parseDuration(text)
  if (ago !== undefined) return { ago }
  const at = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : { at }
}

/** An option that takes a time, a day, or how long ago. */
export const moment = (name: string, text: string): Options.Options<Option.Option<Moment>> =>
  Options.text(name).pipe(
    Options.withPseudoName("time"),
    Options.filterMap(
      (value) => Option.fromNullable(momentOf(value)),
      `--${name} takes a time such as 2025-03-23T14:35:21Z, a day such as 2025-03-23, or how long ago, such as 2h`
    ),
    Options.withDescription(`${text} A time such as 2025-03-23T14:35:21Z, or how long ago, such as 2h or 7d.`),
    Options.optional
  )

/** Of what is longer ago than there is time, the beginning of time: it is written as a date. */
export const timeOf = (moment: Moment, now: number): number =>
  "at" in moment ? moment.at : Math.max(0, now - moment.ago)

/** Of the events' publication. */
export const period = {
  from: moment("from", "Only events published from then on."),
  to: moment("to", "Only events published before then.")
}

/** `from` and `to` by this machine's clock, as query parameters. */
export const periodOf = (
  input: { readonly from: Option.Option<Moment>; readonly to: Option.Option<Moment> }
): Effect.Effect<{ readonly from?: number; readonly to?: number }, CommandFailed> =>
  Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const at = (moment: Option.Option<Moment>) =>
      Option.getOrUndefined(Option.map(moment, (moment) => timeOf(moment, now)))
    const [from, to] = [at(input.from), at(input.to)]
    if (from !== undefined && to !== undefined && from >= to) return yield* wrong("--from must be before --to")
    return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
  })
