import { Clock, Effect, Exit, Scope } from "effect"
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, expect } from "vitest"
import { lastingPort } from "../../support/port.ts"
import { type Product, product } from "../../support/product.ts"
import { launch, watchFaults } from "./browser.ts"

/** How long a page may take for what it does after a click, in milliseconds: with two slow processors beside a broker and a product. */
const patience = 15_000

/** A person at a browser, signed in where there is a workspace. */
interface Visitor {
  readonly workspace?: string
  readonly role?: "read" | "send" | "manage"
  readonly browser?: BrowserContextOptions
  /** Where the page is opened; the list of webhooks unless told otherwise. */
  readonly at?: string
  /** What the browser says on the console because the test provokes it. */
  readonly excused?: RegExp
}

export interface Stage {
  readonly hookline: () => Product
  /** In the scope of the file's tests: a receiver stays until the last has run. */
  readonly run: <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Promise<A>
  /** Of no other test. */
  readonly newWorkspace: () => string
  readonly newKey: (workspace: string, role?: Visitor["role"]) => Promise<string>
  readonly visit: (visitor?: Visitor) => Promise<Page>
  readonly newContext: (options?: BrowserContextOptions, excused?: RegExp) => Promise<BrowserContext>
}

/**
 * A started product and a browser for the tests of a file. Each test has its own workspace and its own browser context, which end with it; then none
 * of its pages may have done what no page may do (`watchFaults`).
 */
export const stage = (env: Readonly<Record<string, string>> = {}): Stage => {
  let scope: Scope.CloseableScope
  let hookline: Product
  let browser: Browser
  let workspaces = 0
  const open: Array<{ readonly context: BrowserContext; readonly faults: ReadonlyArray<string> }> = []

  const run: Stage["run"] = (effect) =>
    Effect.runPromise(effect.pipe(Scope.extend(scope), Effect.withClock(Clock.make())))

  beforeAll(async () => {
    scope = await Effect.runPromise(Scope.make())
    const port = await Effect.runPromise(lastingPort)
    ;[hookline, browser] = await Promise.all([
      run(product({ port, env: { HOOKLINE_SYNC: "2m", HOOKLINE_API_RATE: "10000", ...env } })),
      launch()
    ])
  })
  afterEach(async () => {
    const ended = open.splice(0)
    await Promise.all(ended.map(({ context }) => context.close()))
    expect(ended.flatMap(({ faults }) => faults), "what no page may do").toEqual([])
  })
  afterAll(async () => {
    await browser?.close()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })

  const newContext: Stage["newContext"] = async (options, excused) => {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      locale: "en-GB",
      reducedMotion: "reduce",
      ...options
    })
    context.setDefaultTimeout(patience)
    open.push({ context, faults: await watchFaults(context, excused) })
    return context
  }
  const newKey: Stage["newKey"] = async (workspace, role = "manage") => {
    const made = await run(hookline.api("POST", "/v1/api-keys", { name: "browser", role }, workspace))
    expect(made.status).toBe(201)
    return String(made.body.key)
  }
  return {
    hookline: () => hookline,
    run,
    newWorkspace: () => `ws_${++workspaces}`,
    newKey,
    newContext,
    visit: async ({ at = "/webhooks", browser: options, excused, role, workspace } = {}) => {
      const context = await newContext(options, excused)
      if (workspace !== undefined) {
        const signedIn = await context.request.post(`${hookline.url()}/v1/session`, {
          data: { api_key: await newKey(workspace, role) },
          headers: { origin: hookline.url() }
        })
        expect(signedIn.status()).toBe(200)
      }
      const page = await context.newPage()
      await page.goto(`${hookline.url()}${at}`)
      return page
    }
  }
}
