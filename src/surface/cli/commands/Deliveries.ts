import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import type { DeliveryView } from "../../api/contract/Deliveries.ts"
import { layout, print, where } from "../Common.ts"
import { page } from "../Help.ts"
import { table } from "../Table.ts"
import { duration, shortTime } from "../Text.ts"
import { tail } from "./Tail.ts"

const list = Command.make("list", {
  webhook: Options.text("webhook").pipe(
    Options.withPseudoName("id"),
    Options.withDescription("The webhook's id. Required.")
  ),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* Effect.promise(() => import("../Client.ts"))
    const found = yield* callIn(
      input,
      (api, request) => api.deliveries.list({ ...request, urlParams: { webhook_id: input.webhook } })
    )
    yield* print(input.json, found, (shell, { data }) =>
      data.length === 0 ? "no deliveries" : table<DeliveryView>(
        [
          { title: "ID", value: ({ id }) => id },
          { title: "EVENT", value: ({ event_type }) => event_type },
          { title: "EVENT ID", value: ({ event_id }) => event_id },
          { title: "STATUS", value: ({ status }) => status },
          { title: "TRIES", value: ({ attempts }) => attempts, align: "right" },
          { title: "LAST ANSWER", value: answer, shrinks: true },
          {
            title: "TOOK",
            value: ({ last_latency_ms }) => last_latency_ms === null ? "" : duration(last_latency_ms),
            align: "right"
          },
          { title: "NEXT (UTC)", value: next },
          { title: "UPDATED (UTC)", value: ({ updated_at }) => shortTime(updated_at) }
        ],
        data,
        layout(shell)
      ))
  })).pipe(Command.withDescription("List a webhook's last 50 deliveries, newest first."))

const answer = ({ last_error, last_status }: DeliveryView): string =>
  [last_status, last_error].filter((part) => part !== null).join(" ")

const next = ({ held_reason, next_attempt_at }: DeliveryView): string =>
  next_attempt_at !== null ? shortTime(next_attempt_at) : held_reason === null ? "" : `held: ${held_reason}`

export const deliveries = Command.make("deliveries").pipe(
  Command.withDescription("See what became of the events owed to a webhook."),
  Command.withSubcommands([list, tail])
)

export const deliveriesPage = page("deliveries", deliveries, [page("list", list), page("tail", tail)])
