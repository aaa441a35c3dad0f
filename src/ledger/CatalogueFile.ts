import { Effect, Either } from "effect"
import { readFile } from "node:fs/promises"
import { type HooklineConfig, InvalidSetting, settings } from "../Config.ts"
import { bundled, type Catalogue, decode } from "../model/Catalogue.ts"

/** The event types in force: those of the file that the settings name (HOOKLINE_CATALOGUE), else the bundled ones. */
export const catalogueOf = (
  config: Pick<HooklineConfig, "catalogue">
): Effect.Effect<Catalogue, InvalidSetting> => {
  const path = config.catalogue
  if (path === undefined) return Effect.succeed(bundled)
  const wrong = (detail: string) =>
    new InvalidSetting({
      setting: settings.catalogue.env,
      value: `${JSON.stringify(path)} (${detail})`,
      accepts: "a catalogue file, see docs/publishing.md"
    })
  return Effect.tryPromise({
    try: async () => JSON.parse(await readFile(path, "utf8")) as unknown,
    catch: (cause) => wrong(cause instanceof Error ? cause.message : String(cause))
  }).pipe(Effect.flatMap((json) => Either.mapLeft(decode(json), (error) => wrong(error.message))))
}
