import { Data, Either } from "effect"
import type { Catalogue } from "./Catalogue.ts"
import { validateSubscription } from "./Matching.ts"
import { type BrandHeaders, headersProblem, type StaticHeader } from "./StaticHeaders.ts"

/** What a customer sets on a webhook. Absent: left as it is; null: back to the default. */
export interface WebhookSettings {
  readonly url?: string
  readonly events?: ReadonlyArray<string>
  readonly description?: string
  /** All of them: they replace those before. */
  readonly headers?: ReadonlyArray<StaticHeader>
  /** Attempts in flight, 1 to 256. */
  readonly concurrency?: number | null
  /** Attempts a second, above 0 up to 10,000. */
  readonly rateLimit?: number | null
}

/** A command that cannot be carried out as it is: trying again changes nothing. 422: the input; 409: the webhook's state. */
export class WebhookRefused extends Data.TaggedError("WebhookRefused")<{
  readonly status: 409 | 422
  readonly type: "invalid" | "webhook_disabled" | "webhook_paused" | "webhook_exists"
  /** The API's name of the field, e.g. `events[0]` or `headers.x-team`. */
  readonly field?: string
  readonly message: string
}> {}

export const invalid = (field: string, message: string): WebhookRefused =>
  new WebhookRefused({ status: 422, type: "invalid", field, message })

export interface SettingsRules extends BrandHeaders {
  readonly catalogue: Catalogue
}

const refuse = (field: string, message: string) => Either.left(invalid(field, message))

const maxUrl = 2048
const maxDescription = 1024

const within = (value: number | null | undefined, fits: (value: number) => boolean): boolean =>
  value === undefined || value === null || fits(value)

/**
 * The settings if they are in order, event types without repetitions. The URL's scheme and address are not judged here: that is the
 * policy of outbound/.
 */
export const checkSettings = <S extends WebhookSettings>(
  settings: S,
  rules: SettingsRules
): Either.Either<S, WebhookRefused> => {
  const { concurrency, description, events, headers, rateLimit, url } = settings
  if (url !== undefined && (url === "" || url.length > maxUrl)) return refuse("url", `1 to ${maxUrl} characters`)
  if (description !== undefined && description.length > maxDescription) {
    return refuse("description", `at most ${maxDescription} characters`)
  }
  if (!within(concurrency, (value) => Number.isInteger(value) && value >= 1 && value <= 256)) {
    return refuse("concurrency", "a whole number from 1 to 256, or null for the default")
  }
  if (!within(rateLimit, (value) => value > 0 && value <= 10_000)) {
    return refuse("rate_limit", "attempts a second, above 0 up to 10000, or null for no limit")
  }
  const problem = headers === undefined ? undefined : headersProblem(headers, rules)
  if (problem !== undefined) return refuse(problem.field, problem.message)
  if (events === undefined) return Either.right(settings)
  return validateSubscription(events, rules.catalogue).pipe(
    Either.mapBoth({
      onLeft: ({ field, message }) => invalid(field, message),
      onRight: (distinct) => ({ ...settings, events: distinct })
    })
  )
}
