import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import type { EventSourceMessage } from "eventsource-parser"
import type { AttemptView, DeliveryView } from "../../api/contract/Deliveries.ts"
import { where } from "../Common.ts"
import { Shell } from "../Shell.ts"
import type { ShellService } from "../Shell.ts"
import { duration, printable } from "../Text.ts"

export const tail = Command.make("tail", {
  webhook: Options.text("webhook").pipe(
    Options.withPseudoName("id"),
    Options.withDescription("Only this webhook's."),
    Options.optional
  ),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const shell = yield* Shell
    const { follow } = yield* Effect.promise(() => import("../Live.ts"))
    return yield* follow(input, input.webhook, (event) => {
      const text = input.json ? jsonLine(event) : line(shell, event)
      return text === undefined ? Effect.void : shell.out(text)
    })
  })).pipe(
    Command.withDescription(
      "Print each attempt as it happens, and what waits or is given up without one, until Ctrl-C. A connection that breaks is made again where it was."
    )
  )

/** What the server sends in `data`, by the name of its event. */
interface Live {
  readonly delivery?: DeliveryView
  readonly attempt?: AttemptView
  readonly webhook_id?: string
  readonly event_id?: string
  readonly event_type?: string
  readonly message?: string
}

const jsonLine = ({ data, event, id }: EventSourceMessage): string =>
  JSON.stringify({ event, id, ...JSON.parse(data) as Live })

const green = 32
const red = 31
const yellow = 33

const row = (at: string, ...parts: ReadonlyArray<string | undefined>): string =>
  [at.slice(11, 19), ...parts].filter((part) => part !== undefined).join("  ")

/** Undefined of events that a newer server sends. */
const line = (shell: ShellService, { data, event }: EventSourceMessage): string | undefined => {
  const live = JSON.parse(data) as Live
  const { attempt, delivery } = live
  const coloured = (code: number, text: string) => shell.colour ? `\u001b[${code}m${text}\u001b[39m` : text
  switch (event) {
    case "attempt":
      return attempt && delivery && row(
        delivery.updated_at,
        ...names(delivery),
        `attempt ${attempt.attempt}`,
        coloured(attempt.class === "success" ? green : red, outcome(attempt)),
        next(delivery)
      )
    case "delivery":
      return delivery && row(delivery.updated_at, ...names(delivery), coloured(yellow, waiting(delivery)))
    case "test":
      return attempt && row(
        attempt.started_at,
        ...[live.webhook_id, live.event_type, live.event_id].map((text) => printable(text ?? "")),
        "test",
        coloured(attempt.class === "success" ? green : red, outcome(attempt))
      )
    case "gap":
      return coloured(yellow, `gap: ${printable(live.message ?? "")}`)
    default:
      return undefined
  }
}

const names = ({ event_id, event_type, webhook_id }: DeliveryView) =>
  [webhook_id, event_type, event_id].map((text) => printable(text))

const outcome = ({ class: kind, error, latency_ms, status }: AttemptView): string =>
  `${kind === "success" ? status : printable(error ?? kind)} in ${duration(latency_ms)}`

const next = ({ next_attempt_at, status }: DeliveryView): string | undefined =>
  next_attempt_at !== null ? `next ${next_attempt_at.slice(11, 19)}` : status === "failed" ? "given up" : undefined

const waiting = ({ held_reason, last_error, status }: DeliveryView): string =>
  status === "held"
    ? `held: ${held_reason}`
    : status === "failed"
    ? printable(`given up: ${last_error}`)
    : status === "retrying"
    ? "retried by hand"
    : status
