import { Layer, Logger, LogLevel } from "effect"
import type { HooklineConfig } from "./Config.ts"

const levels = { debug: LogLevel.Debug, info: LogLevel.Info, warning: LogLevel.Warning, error: LogLevel.Error }

/** Log lines on standard error, in the form and from the level that the settings say. */
export const layer = ({ logFormat, logLevel }: Pick<HooklineConfig, "logFormat" | "logLevel">): Layer.Layer<never> =>
  Layer.merge(
    Logger.replace(
      Logger.defaultLogger,
      Logger.withConsoleError(logFormat === "json" ? Logger.jsonLogger : Logger.logfmtLogger)
    ),
    Logger.minimumLogLevel(levels[logLevel])
  )
