#!/usr/bin/env node
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { banner } from "./surface/cli/Banner.ts"
import * as Cli from "./surface/cli/Cli.ts"
import type { StartProgram } from "./surface/cli/commands/Start.ts"
import * as Shell from "./surface/cli/Shell.ts"
import { version } from "./Version.ts"

/** The product is loaded only where it is run: the other commands start without it. */
const start: StartProgram = (config) =>
  Effect.gen(function*() {
    // `runMain` hears one signal and leaves the next to Node, which would end the process in the middle of its drain.
    // A second one comes with the first under `npm start`: the terminal sends it, and npm passes it on.
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined)
    const shell = yield* Shell.Shell
    const application = yield* Effect.promise(() => import("./Application.ts"))
    return yield* application.run(config, (running) =>
      shell.out(banner({ ...running, dev: config.dev, data: config.data })))
  }).pipe(Effect.provide(Shell.layer))

Cli.run(process.argv.slice(2), { version, start }).pipe(
  Effect.tap((code) =>
    Effect.sync(() => {
      process.exitCode = code
    })
  ),
  Effect.provide(Shell.layer),
  (program) => NodeRuntime.runMain(program, { disableErrorReporting: true, disablePrettyLogger: true })
)
