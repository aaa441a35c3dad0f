import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import type { Rewrapped } from "../../api/contract/Secrets.ts"
import { dataDirectory, json, print } from "../Common.ts"
import { failed } from "../Failure.ts"
import { page } from "../Help.ts"
import { bar, cleared } from "../Progress.ts"
import { Shell } from "../Shell.ts"

type Pass = Omit<Rewrapped, "next">

const examined = ({ already, failed, gone, rewrapped }: Pass): number => already + rewrapped + gone + failed.length

const added = (before: Pass | undefined, part: Rewrapped): Pass => ({
  sealing_key: part.sealing_key,
  webhooks: part.webhooks,
  already: (before?.already ?? 0) + part.already,
  rewrapped: (before?.rewrapped ?? 0) + part.rewrapped,
  gone: (before?.gone ?? 0) + part.gone,
  failed: [...before?.failed ?? [], ...part.failed]
})

const why = ({ key_id: keyId, reason }: Pass["failed"][number]): string =>
  reason === "key_missing"
    ? `the key ${keyId ?? ""} is not in the ring`
    : reason === "corrupt"
    ? `it does not open${keyId === null ? "" : `: the ring's ${keyId} is another key, or it was altered`}`
    : "it was changed each time; run this again"

const told = (pass: Pass): string =>
  [
    `sealed with ${pass.sealing_key}: ${pass.rewrapped} now, ${pass.already} already${
      pass.gone === 0 ? "" : `; ${pass.gone} deleted meanwhile`
    }`,
    ...pass.failed.map((one) => `not sealed anew: ${one.webhook_id} of ${one.workspace_id}: ${why(one)}`),
    pass.failed.length === 0
      ? "Other keys may leave the ring when `hookline doctor` says that they are no longer needed."
      : "The keys that these webhooks need must stay in the ring, or come back into it."
  ].join("\n")

const rewrap = Command.make(
  "rewrap",
  { data: dataDirectory.pipe(Options.withAlias("data")), json },
  (input) =>
    Effect.gen(function*() {
      const { call } = yield* Effect.promise(() => import("../Client.ts"))
      const { progress } = yield* Shell
      const pass = yield* Effect.gen(function*() {
        let part = yield* call(input, (api) => api.secrets.rewrap({ payload: {} }))
        let pass = added(undefined, part)
        while (part.next !== null) {
          const cursor = part.next
          yield* progress?.(bar(examined(pass) / Math.max(1, pass.webhooks))) ?? Effect.void
          part = yield* call(input, (api) => api.secrets.rewrap({ payload: { cursor } }))
          pass = added(pass, part)
        }
        return pass
      }).pipe(cleared)
      yield* print(input.json, pass, (_, found) => told(found))
      if (pass.failed.length > 0) {
        return yield* failed(`${pass.failed.length} of ${examined(pass)} webhooks could not be sealed anew`)
      }
    })
).pipe(
  Command.withDescription(
    "Seal all secrets and header values anew with the first key of HOOKLINE_MASTER_KEYS, so that another key can be taken out of the ring. The hookline that runs does it with its own ring; no key travels. Can be repeated, and be cut off, at any time. Exit code 1 when something could not be opened."
  )
)

export const secrets = Command.make("secrets").pipe(
  Command.withDescription("Keep what seals the webhooks' secrets."),
  Command.withSubcommands([rewrap])
)

export const secretsPage = page("secrets", secrets, [page("rewrap", rewrap)])
