import { Data, Effect, Option, Redacted, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { join, resolve } from "node:path"
import type { InvalidSetting } from "../Config.ts"
import { read, write } from "./PrivateFile.ts"

const Credentials = Schema.Struct({ user: Schema.String, password: Schema.String })

/** What is kept about the embedded broker between runs, in `broker.json` of the data directory. */
const BrokerFile = Schema.Struct({
  /** Where it listens on loopback, or last did. */
  port: Schema.Int,
  /** May do everything. */
  operator: Credentials,
  /** May publish events, nothing else. */
  publisher: Credentials,
  /** Bytes the store may take; never lowered: a smaller one would not fit the streams that exist, and the server would leave them out. */
  maxStore: Schema.Int
})
export type BrokerFile = typeof BrokerFile.Type

const BrokerJson = Schema.parseJson(BrokerFile)

const fileIn = (directory: string): string => join(resolve(directory), "broker.json")

const load = (directory: string): Effect.Effect<Option.Option<BrokerFile>, InvalidSetting> =>
  Effect.map(read(fileIn(directory)), Option.flatMap((text) => Schema.decodeOption(BrokerJson)(text)))

export const save = (directory: string, broker: BrokerFile): Effect.Effect<void, InvalidSetting> =>
  write(fileIn(directory), Schema.encodeSync(BrokerJson)(broker))

const newPassword = (): string => randomBytes(32).toString("base64url")

/** The broker of a data directory, with new credentials if it has none yet; its store has room for `store` bytes at least. */
export const loadOrMake = (
  directory: string,
  wanted: { readonly port: number; readonly store: number }
): Effect.Effect<BrokerFile, InvalidSetting> =>
  Effect.map(load(directory), (known) => ({
    port: wanted.port,
    operator: Option.match(known, {
      onNone: () => ({ user: "hookline", password: newPassword() }),
      onSome: ({ operator }) => operator
    }),
    publisher: Option.match(known, {
      onNone: () => ({ user: "publisher", password: newPassword() }),
      onSome: ({ publisher }) => publisher
    }),
    maxStore: Math.max(wanted.store, Option.match(known, { onNone: () => 0, onSome: ({ maxStore }) => maxStore }))
  }))

export const urlOf = (broker: BrokerFile, role: "operator" | "publisher"): Redacted.Redacted => {
  const { password, user } = broker[role]
  return Redacted.make(`nats://${user}:${password}@127.0.0.1:${broker.port}`)
}

/** No embedded broker has run on this data directory. */
export class NoEmbeddedBroker extends Data.TaggedError("NoEmbeddedBroker")<{ readonly directory: string }> {
  override get message(): string {
    return `no embedded broker has run in ${this.directory}: start hookline first, or set HOOKLINE_DATA to its directory`
      + " (with HOOKLINE_NATS_URL there is none: the credentials are those of that server)"
  }
}

/** The embedded broker's address with credentials, for the `nats` CLI; whether it runs at the moment is not asked. */
export const natsUrl = (
  directory: string,
  options: { readonly publisher: boolean }
): Effect.Effect<Redacted.Redacted, NoEmbeddedBroker | InvalidSetting> =>
  Effect.flatMap(
    load(directory),
    Option.match({
      onNone: () => Effect.fail(new NoEmbeddedBroker({ directory: resolve(directory) })),
      onSome: (broker) => Effect.succeed(urlOf(broker, options.publisher ? "publisher" : "operator"))
    })
  )
