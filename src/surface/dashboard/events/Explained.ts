import type { Answer } from "../api/Contract.ts"
import { counted } from "../shared/Numbers.ts"

type Explained = Answer<"events.explain">["webhooks"][number]

/** Those that one looks for first stand first: what failed, what waits, what succeeded, and then who was not owed it. */
const places: ReadonlyArray<NonNullable<Explained["delivery"]>["status"]> = [
  "failed",
  "retrying",
  "held",
  "suppressed",
  "cancelled",
  "succeeded"
]

const placeOf = ({ delivery, reason }: Explained): number =>
  delivery !== null ? places.indexOf(delivery.status) : reason === "deleted" ? places.length + 1 : places.length

/** Of the same place in the order in which they were given. */
export const inOrder = (webhooks: ReadonlyArray<Explained>): ReadonlyArray<Explained> =>
  [...webhooks].sort((one, other) => placeOf(one) - placeOf(other))

/** All of it in a sentence. */
export const summary = (webhooks: ReadonlyArray<Explained>): string => {
  if (webhooks.length === 0) return "The workspace had no webhook then: nobody was owed it."
  const owed = webhooks.filter(({ delivery }) => delivery !== null)
  const got = owed.filter(({ delivery }) => delivery?.status === "succeeded").length
  const of = counted(webhooks.length, "webhook")
  if (owed.length === 0) return `Nobody was owed it, of ${of}.`
  return `${owed.length} of ${of} ${owed.length === 1 ? "was" : "were"} owed it, ${
    got === 0 ? "none has" : got === 1 ? "1 has" : `${got} have`
  } it.`
}
