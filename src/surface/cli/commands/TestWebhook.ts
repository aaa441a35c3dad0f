import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import type { Tested } from "../../api/contract/Webhooks.ts"
import { dataDirectory, idOf, json, layout, print, workspace } from "../Common.ts"
import { failed } from "../Failure.ts"
import type { ShellService } from "../Shell.ts"
import { fields } from "../Table.ts"
import { duration } from "../Text.ts"
import { dataFrom } from "./Publish.ts"

export const test = Command.make("test", {
  id: idOf("webhook"),
  event: Options.text("event").pipe(
    Options.withPseudoName("type"),
    Options.withDescription("The event type; when not given, the first that the webhook subscribes to."),
    Options.optional
  ),
  given: Options.text("data").pipe(
    Options.withDescription("The event's data, a JSON object; the catalogue's example when not given."),
    Options.optional
  ),
  file: Options.text("file").pipe(
    Options.withAlias("f"),
    Options.withDescription("A file with the event's data; - is standard input."),
    Options.optional
  ),
  data: dataDirectory,
  json,
  workspace
}, (input) =>
  Effect.gen(function*() {
    const { test } = yield* Effect.promise(() => import("../Client.ts"))
    const source = { data: input.given, file: input.file, example: false }
    const some = Option.isSome(input.given) || Option.isSome(input.file)
    const tested = yield* test(input, input.id, body(input.event, some ? yield* dataFrom(source) : undefined))
    yield* print(input.json, tested, shown)
    const { error, status } = tested.attempt
    if (tested.attempt.class !== "success") return yield* failed(error ?? `the endpoint answered ${status}`)
  })).pipe(
    Command.withDescription(
      "Send a test event now, also while the webhook is disabled or paused, and print what came of it. Exit code 1 when the endpoint did not take it."
    )
  )

/** The request's body around `data` as it is. */
const body = (type: Option.Option<string>, data: Uint8Array | undefined): Uint8Array => {
  const event = Option.map(type, (type) => Buffer.from(`"event":${JSON.stringify(type)}`))
  const members = [
    ...Option.toArray(event),
    ...(data === undefined ? [] : [Buffer.concat([Buffer.from(`"data":`), data])])
  ]
  return Buffer.from(`{${members.map((member) => member.toString("utf8")).join(",")}}`)
}

const shown = (shell: ShellService, { attempt, event, id, recorded, request }: typeof Tested.Type): string =>
  fields([
    ["test event", `${id} ${event}`],
    ["sent to", request.url],
    ["answer", attempt.status],
    ["error", attempt.error],
    ["took", duration(attempt.latency_ms)],
    ["address", attempt.address],
    ["response", attempt.response],
    ["note", recorded ? undefined : "the record of it could not be stored"]
  ], layout(shell).bold)
