import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes
} from "@opentelemetry/resources"
import { Effect, Runtime } from "effect"
import { version } from "../Version.ts"

/** Loaded only where something is exported: 0.1 s and 30 MB of memory [measured]. */

export const scope = { name: "hookline", version }

/** Who we are in what is exported: `hookline`, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say otherwise. */
export const resource = (): Resource =>
  defaultResource()
    .merge(resourceFromAttributes({ "service.name": "hookline", "service.version": version }))
    .merge(detectResources({ detectors: [envDetector] }))

/** At the end the last export gets so long; what takes longer is lost. It has to fit into the 10 s of a stop. */
export const lastExport = "500 millis"

/** Tells the log when exports begin to fail and when they succeed again, and is silent between: one line a change, not one an export. */
export const exportLog = (what: string) =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const log = Runtime.runFork(runtime)
    let failing = false
    return (error: Error | string | undefined) => {
      if (failing === (error !== undefined)) return
      failing = error !== undefined
      log(
        failing
          ? Effect.logWarning(`${what} cannot be exported: ${error instanceof Error ? error.message : error}`)
          : Effect.logInfo(`${what} are exported again`)
      )
    }
  })
