import type { Rejection } from "../../model/Event.ts"
import { BadRequest, TooLarge, Unprocessable } from "./Errors.ts"

export type Refusal = BadRequest | TooLarge | Unprocessable

/** A fault of the text is 400, of its size 413, of what it says 422. */
const kinds: Readonly<Record<string, new(problem: { type: string; message: string; field?: string }) => Refusal>> = {
  not_json: BadRequest,
  bom: BadRequest,
  invalid_utf8: BadRequest,
  too_large: TooLarge
}

/** Why it is no event, as the API answers it. `place` is an element's index in brackets. */
export const notAnEvent = (rejection: Rejection, place = ""): Refusal => {
  const field = rejection.field === undefined ? place : place === "" ? rejection.field : `${place}.${rejection.field}`
  const message = /^(is|begins|has) /.test(rejection.message) ? `the event ${rejection.message}` : rejection.message
  const Kind = kinds[rejection.reason] ?? Unprocessable
  return new Kind({
    type: rejection.reason,
    message: place === "" ? message : `${place}: ${message}`,
    ...(field === "" ? {} : { field })
  })
}
