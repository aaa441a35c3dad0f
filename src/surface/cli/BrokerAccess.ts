import { Effect, Either, Layer, Option, Redacted } from "effect"
import type { Scope } from "effect"
import { natsUrl } from "../../broker/BrokerFile.ts"
import { Connection } from "../../broker/Connection.ts"
import * as JetStreamStreams from "../../broker/JetStreamStreams.ts"
import type { Streams } from "../../broker/Streams.ts"
import { guestReaders, ownInboxes } from "../../broker/Subjects.ts"
import { type HooklineConfig, load, settings } from "../../Config.ts"
import { wrong } from "./Failure.ts"
import type { CommandFailed } from "./Failure.ts"
import { Shell } from "./Shell.ts"

/**
 * The broker of this machine's settings, for commands that read streams themselves, beside hookline, running or not: the one in
 * HOOKLINE_NATS_URL, else the embedded one of the data directory. Whatever is not there is exit code 2: nothing can be told.
 */
export const brokerAccess = (
  data: Option.Option<string>,
  name: string
): Effect.Effect<
  { readonly config: HooklineConfig; readonly layer: Layer.Layer<Streams | Connection, CommandFailed> },
  CommandFailed,
  Shell | Scope.Scope
> =>
  Effect.gen(function*() {
    const { env } = yield* Shell
    const loaded = load({ flags: { [settings.data.flag]: Option.getOrUndefined(data) }, env, dev: false })
    if (Either.isLeft(loaded)) return yield* wrong(loaded.left.message)
    const config = loaded.right
    const url = config.natsUrl ?? Redacted.value(
      yield* natsUrl(config.data, { publisher: false }).pipe(Effect.mapError(({ message }) => wrong(message)))
    )
    const access = { url, name, readers: guestReaders }
    // Where everybody is answered, which an auditor may hear; and hookline's own users, whom nats.conf keeps to theirs, there.
    const connection = Connection.layer(access).pipe(
      Layer.catchAll((failed) =>
        failed.deaf === true ? Connection.layer({ ...access, inboxes: ownInboxes }) : Layer.fail(failed)
      )
    )
    const layer = JetStreamStreams.layer.pipe(
      Layer.provideMerge(connection),
      Layer.mapError((error) => wrong(`the broker cannot be asked: ${error.message}`))
    )
    return { config, layer }
  })
