import { defineConfig } from "vitest/config"

/** A started product that is hurt: one scenario after the other, for what is measured is time, too. */
export default defineConfig({
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: ["test/fault/*.test.ts"],
    globalSetup: ["test/fault/support/table.ts"],
    testTimeout: 360_000,
    hookTimeout: 60_000,
    pool: "forks",
    fileParallelism: false,
    reporters: ["verbose"]
  }
})
