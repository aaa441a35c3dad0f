/** One audit, in a process of its own: so that what delivers loses no time to it. Ends when it has answered, or when its parent goes. */
import { Effect, Layer } from "effect"
import { constants, setPriority } from "node:os"
import { Connection } from "../../broker/Connection.ts"
import * as JetStreamStreams from "../../broker/JetStreamStreams.ts"
import { ownInboxes } from "../../broker/Subjects.ts"
import { catalogueOf } from "../CatalogueFile.ts"
import { audit, AuditProgress } from "./Audit.ts"
import type { Examine, Examined } from "./Protocol.ts"

const examined = ({ catalogue: path, from, most, natsUrl, to }: Examine): Effect.Effect<Examined> =>
  Effect.gen(function*() {
    const catalogue = yield* catalogueOf({ catalogue: path })
    const report = yield* audit({ from, to, most, catalogue }, new AuditProgress())
    return { type: "report", report } as const
  }).pipe(
    Effect.provide(
      Layer.provideMerge(
        JetStreamStreams.layer,
        Connection.layer({ url: natsUrl, name: "hookline audit", inboxes: ownInboxes })
      )
    ),
    Effect.catchAll(({ _tag, message }) =>
      Effect.succeed({ type: _tag === "AuditImpossible" ? "impossible" as const : "unavailable" as const, message })
    )
  )

setPriority(constants.priority.PRIORITY_LOW)
// Ctrl-C reaches all processes of a terminal; this one ends with its parent.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined)
process.on("disconnect", () => process.exit(0))
process.once("message", (message: Examine) => {
  Effect.runFork(
    Effect.flatMap(examined(message), (answer) =>
      Effect.async<void>((resume) => {
        process.send?.(answer, () => resume(Effect.void))
      })).pipe(Effect.ensuring(Effect.sync(() => process.exit(0))))
  )
})
