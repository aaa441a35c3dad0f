import { Context, Effect, Either } from "effect"
import { readFile } from "node:fs/promises"
import { type HooklineConfig, InvalidSetting, settings } from "../Config.ts"
import { bundled, type Catalogue, decode } from "../model/Catalogue.ts"

/** The event types in force: the bundled ones, or the operator's file (HOOKLINE_CATALOGUE). */
export class EventCatalogue extends Context.Tag("hookline/surface/EventCatalogue")<EventCatalogue, Catalogue>() {}

/** The catalogue that the settings name. */
export const catalogueOf = (config: HooklineConfig): Effect.Effect<Catalogue, InvalidSetting> => {
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
