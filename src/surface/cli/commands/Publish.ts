import { Args, Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { readFile } from "node:fs/promises"
import { dataDirectory, json, print, workspace } from "../Common.ts"
import { wrong } from "../Failure.ts"
import type { CommandFailed } from "../Failure.ts"
import { Shell } from "../Shell.ts"
import { printable } from "../Text.ts"

/** Twice what the API takes: a larger input is refused there, with its reason. */
const inputLimit = 1024 * 1024

export interface Source {
  readonly data: Option.Option<string>
  readonly file: Option.Option<string>
  readonly example: boolean
}

export const publish = Command.make("publish", {
  type: Args.text({ name: "type" }).pipe(Args.withDescription("The event type, such as project.created.")),
  event: Options.text("data").pipe(Options.withDescription("The event's data, a JSON object."), Options.optional),
  file: Options.text("file").pipe(
    Options.withAlias("f"),
    Options.withDescription("A file with the event's data; - is standard input."),
    Options.optional
  ),
  example: Options.boolean("example").pipe(Options.withDescription("Take the catalogue's example as data.")),
  id: Options.text("id").pipe(
    Options.withDescription("The event's id; publishing it again within 24 hours makes no second delivery."),
    Options.optional
  ),
  data: dataDirectory,
  json,
  workspace
}, (input) =>
  Effect.gen(function*() {
    const { call, publish } = yield* Effect.promise(() => import("../Client.ts"))
    const source = { data: input.event, file: input.file, example: input.example }
    const data = source.example && only(source)
      ? yield* call(input, (client) => client.eventTypes.list({})).pipe(
        Effect.flatMap(({ data }) => exampleOf(input.type, data))
      )
      : yield* dataFrom(source)
    const published = yield* publish(input, envelope(input.type, Option.getOrUndefined(input.id), data))
    yield* print(input.json, published, (_, { duplicate, id }) =>
      duplicate ? `${id} was published before: nothing new is stored` : `${id} ${printable(input.type)} published`)
  })).pipe(
    Command.withDescription(
      "Publish an event: its data from --data, --file, --example or standard input, passed on byte for byte."
    )
  )

const only = (source: Source): boolean =>
  [Option.isSome(source.data), Option.isSome(source.file), source.example].filter(Boolean).length === 1

const exampleOf = (
  type: string,
  types: ReadonlyArray<{ readonly type: string; readonly example: unknown }>
): Effect.Effect<Uint8Array, CommandFailed> => {
  const found = types.find((one) => one.type === type)
  return found === undefined
    ? wrong(`there is no event type ${printable(type)}; there are ${types.map((one) => one.type).join(", ")}`)
    : Effect.succeed(Buffer.from(JSON.stringify(found.example)))
}

/** The event's data from where the command line says, byte for byte. */
export const dataFrom = (source: Source): Effect.Effect<Uint8Array, CommandFailed, Shell> =>
  Effect.gen(function*() {
    const shell = yield* Shell
    const none = Option.isNone(source.data) && Option.isNone(source.file) && !source.example
    if (none && shell.interactive) return yield* wrong("give the event's data with --data, --file or --example")
    if (!none && !only(source)) return yield* wrong("give one of --data, --file and --example")
    const file = Option.getOrElse(source.file, () => "-")
    const bytes = Option.isSome(source.data)
      ? Buffer.from(source.data.value)
      : file === "-"
      ? yield* shell.input(inputLimit)
      : yield* Effect.tryPromise({
        try: () => readFile(file),
        catch: (cause) => wrong(`cannot read --file: ${cause instanceof Error ? cause.message : cause}`)
      })
    return yield* checked(bytes)
  })

/** Text that is not one JSON object would change the envelope around it. */
const checked = (bytes: Uint8Array): Effect.Effect<Uint8Array, CommandFailed> =>
  Effect.try({
    try: () => JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)) as unknown,
    catch: (cause) =>
      wrong(`the event's data is not JSON: ${printable(cause instanceof Error ? cause.message : String(cause))}`)
  }).pipe(
    Effect.filterOrFail(
      (value) => typeof value === "object" && value !== null && !Array.isArray(value),
      () => wrong("the event's data must be a JSON object")
    ),
    Effect.as(bytes)
  )

/** The body of `POST /v1/events` around `data` as it is. */
const envelope = (type: string, id: string | undefined, data: Uint8Array): Uint8Array => {
  const head = JSON.stringify({ ...(id === undefined ? {} : { id }), event: type }).slice(0, -1)
  return Buffer.concat([Buffer.from(`${head},"data":`), data, Buffer.from("}")])
}
