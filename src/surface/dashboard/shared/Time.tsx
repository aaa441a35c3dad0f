import { ago, moment } from "./Times.ts"
import { useNow } from "./useNow.ts"

/** A time relative to now, kept true; the exact one is its title. */
export const Time = ({ at }: { readonly at: string }) => {
  const now = useNow()
  const time = Date.parse(at)
  return <time dateTime={at} title={moment(time)}>{ago(time, now)}</time>
}
