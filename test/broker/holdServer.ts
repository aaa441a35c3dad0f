/*
 * A process of its own that runs an embedded broker on the data directory in its arguments, says so in a line, and stays; for tests that
 * kill it. Ctrl-C does not end it.
 */
import { Effect, Layer } from "effect"
import { DataDirectory } from "../../src/broker/DataDirectory.ts"
import { EmbeddedServer } from "../../src/broker/EmbeddedServer.ts"
import { Config, load } from "../../src/Config.ts"

const flags = { data: process.argv[2], "nats-port": "0", sync: "2m" }

process.on("SIGINT", () => process.stdout.write("interrupted\n"))

const hold = Effect.flatMap(
  EmbeddedServer,
  ({ address }) => Effect.zipRight(Effect.sync(() => process.stdout.write(`${address}\n`)), Effect.never)
)

Effect.runFork(
  hold.pipe(
    Effect.provide(Layer.provideMerge(EmbeddedServer.layer, DataDirectory.layer)),
    Effect.provideServiceEffect(Config, load({ flags, env: {}, dev: true }))
  )
)
