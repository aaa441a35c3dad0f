import { defineConfig } from "vitest/config"

/** In a real browser against a started product: one file after the other, for two browsers at once make each other slow. */
export default defineConfig({
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: ["test/e2e/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    fileParallelism: false,
    expect: { poll: { timeout: 15_000 } }
  }
})
