import { Command, Options } from "@effect/cli"
import { Effect, Redacted } from "effect"
import { dataDirectory, json, print } from "../Common.ts"
import { failed } from "../Failure.ts"
import { Shell } from "../Shell.ts"

export const natsUrl = Command.make("nats-url", {
  data: dataDirectory.pipe(Options.withAlias("data")),
  json,
  publisher: Options.boolean("publisher").pipe(
    Options.withDescription("The user that may publish events and nothing else.")
  )
}, (input) =>
  Effect.gen(function*() {
    const { directoryOf } = yield* Effect.promise(() => import("../Target.ts"))
    const { natsUrl } = yield* Effect.promise(() => import("../../../broker/BrokerFile.ts"))
    const directory = directoryOf(yield* Shell, input.data)
    const url = yield* natsUrl(directory, { publisher: input.publisher }).pipe(
      Effect.mapError(({ message }) => failed(message))
    )
    // The only place where these credentials are printed.
    yield* print(input.json, { url: Redacted.value(url) }, (_, { url }) => url)
  })).pipe(
    Command.withDescription(
      "Print the embedded broker's address with credentials, for the nats CLI and for publishers."
    )
  )
