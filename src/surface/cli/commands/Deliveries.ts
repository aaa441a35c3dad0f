import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { statuses } from "../../../ledger/history/Status.ts"
import { given, idOf, idOption, print, where } from "../Common.ts"
import { deliveriesTable, deliveryShown } from "../DeliveryText.ts"
import { page } from "../Help.ts"
import { period, periodOf } from "../Moment.ts"
import { command, listed, pages, paging, warnBehind } from "../Pages.ts"
import { tail } from "./Tail.ts"

const client = Effect.promise(() => import("../Client.ts"))

const id = idOf("delivery")

const list = Command.make("list", {
  ...paging,
  event: idOption("event", "Only this event's."),
  ...period,
  status: Options.choice("status", statuses).pipe(
    Options.withDescription(`Only those with this status: ${statuses.join(", ")}.`),
    Options.optional
  ),
  type: Options.text("type").pipe(
    Options.withDescription("Only events of this type, such as project.created."),
    Options.optional
  ),
  webhook: idOption("webhook", "Only this webhook's."),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const filters = {
      ...given("webhook_id", input.webhook),
      ...given("status", input.status),
      ...given("event_type", input.type),
      ...given("event_id", input.event),
      ...(yield* periodOf(input))
    }
    const found = yield* pages(input, (place) =>
      callIn(input, (api, request) => api.deliveries.list({ ...request, urlParams: { ...filters, ...place } })))
    yield* print(input.json, found, (shell, found) =>
      listed(found, Object.keys(filters).length === 0 ? "no deliveries" : "no deliveries that fit", (data) =>
        deliveriesTable(shell, data, [
          ...(Option.isSome(input.webhook) ? ["WEBHOOK" as const] : []),
          ...(Option.isSome(input.event) ? ["EVENT" as const, "EVENT ID" as const] : [])
        ])))
    yield* warnBehind(found)
  })).pipe(
    Command.withDescription(
      "List deliveries, those of the newest events first. A narrow terminal leaves columns out."
    )
  )

const show = Command.make("show", {
  id,
  body: Options.boolean("body").pipe(Options.withDescription("Also the body that every attempt sends.")),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const delivery = yield* callIn(input, (api, request) => api.deliveries.show({ ...request, path: { id: input.id } }))
    yield* print(input.json, delivery, (shell) => deliveryShown(shell, delivery, input.body))
  })).pipe(Command.withDescription("Show a delivery with every attempt; --json has the whole responses and the body."))

const retry = Command.make("retry", { id, ...where }, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const retried = yield* callIn(input, (api, request) => api.deliveries.retry({ ...request, path: { id: input.id } }))
    yield* print(input.json, retried, () =>
      [
        `${input.id}: the retry is recorded, and the attempt comes next`,
        "",
        "What became of it:",
        `  ${command(input, "deliveries", "show", input.id)}`
      ].join("\n"))
  })).pipe(
    Command.withDescription(
      "Make an attempt now and, should it fail, the retry schedule anew. Also of a delivery that succeeded; one that waits is moved to now."
    )
  )

export const deliveries = Command.make("deliveries").pipe(
  Command.withDescription("See what became of the events owed to webhooks, and retry."),
  Command.withSubcommands([list, show, retry, tail])
)

export const deliveriesPage = page("deliveries", deliveries, [
  page("list", list),
  page("show", show),
  page("retry", retry),
  page("tail", tail)
])
