import { configDefaults, defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/**/*.test.ts"],
    // They want a browser, or take long: vitest.config.ts there.
    exclude: [...configDefaults.exclude, "test/e2e/**", "test/fault/**"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    poolOptions: { forks: { maxForks: 2 } }
  }
})
