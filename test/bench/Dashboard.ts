/**
 * The dashboard in the machine's Chromium: how soon the first view can be used on a processor four times as slow, whether a long history scrolls and
 * filters without a frame that is seen to be late, and whether the memory of a page that is left open stays what it was.
 */
import { Effect, type Scope } from "effect"
import { existsSync } from "node:fs"
import { type BrowserContext, type CDPSession, chromium, type Page } from "playwright-core"
import { BenchFailed } from "./Child.ts"
import {
  createWebhooks,
  embeddedBroker,
  get,
  historyCaughtUp,
  operatorKey,
  type Product,
  type Site,
  withProduct
} from "./Product.ts"
import { faultsOf, median, type Stage } from "./Stage.ts"
import { workspaceOf } from "./Work.ts"

export interface DashboardResult {
  /** Milliseconds from the beginning of the navigation until the list of webhooks stands there and the page is idle. */
  readonly firstView: { readonly medianMs: number; readonly mostMs: number }
  readonly deliveries: number
  /** The longest frame, in milliseconds; 0: none was over 50. */
  readonly scrollMs: number
  readonly filterMs: number
  readonly perSecond: number
  readonly minutes: number
  /** MiB of JavaScript, garbage collected, at the beginning of each minute and at the end. */
  readonly heap: ReadonlyArray<number>
  readonly faults: ReadonlyArray<string>
}

const workspace = workspaceOf(1, 0)
const slowDown = 4
const firstViews = 10
const perSecond = 500
const screens = 60
const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
const flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

/** In the page before its own scripts: when the list is there and nothing is left to do, and every frame over 50 ms. */
const watching = `
  globalThis.frames_ = [];
  new PerformanceObserver((list) => frames_.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "long-animation-frame" });
  globalThis.usable_ = new Promise((resolve) => {
    const look = () => document.querySelector("tbody a") === null
      ? requestAnimationFrame(look)
      : requestIdleCallback(() => resolve(performance.now()));
    requestAnimationFrame(look);
  });
`

const asked = <A>(what: string, ask: () => Promise<A>): Effect.Effect<A, BenchFailed> =>
  Effect.tryPromise({ try: ask, catch: (cause) => new BenchFailed({ message: `${what}: ${String(cause)}` }) })

const browser: Effect.Effect<
  (product: Product) => Effect.Effect<BrowserContext, BenchFailed>,
  BenchFailed,
  Scope.Scope
> = Effect.gen(function*() {
  const executablePath = process.env["CHROMIUM"] ?? places.find((place) => existsSync(place))
  if (executablePath === undefined) {
    return yield* new BenchFailed({ message: "no Chromium was found: CHROMIUM names the program of one" })
  }
  const started = yield* Effect.acquireRelease(
    asked("a browser", () => chromium.launch({ executablePath, args: flags })),
    (browser) => Effect.promise(() => browser.close())
  )
  return ({ api }: Product) =>
    asked("signing in", async () => {
      const context = await started.newContext({ viewport: { width: 1280, height: 800 } })
      await context.addInitScript(watching)
      const answer = await context.request.post(`${api}/v1/session`, {
        data: { api_key: operatorKey },
        headers: { origin: api }
      })
      if (answer.status() !== 200) throw new Error(`${answer.status()} ${await answer.text()}`)
      return context
    })
})

const debugger_ = (page: Page): Promise<CDPSession> => page.context().newCDPSession(page)

/** With an empty cache, as a person comes for the first time. */
const firstView = (context: BrowserContext, { api }: Product): Effect.Effect<number, BenchFailed> =>
  asked("the first view", async () => {
    const page = await context.newPage()
    const session = await debugger_(page)
    await session.send("Network.enable")
    await session.send("Network.clearBrowserCache")
    await session.send("Emulation.setCPUThrottlingRate", { rate: slowDown })
    await page.goto(`${api}/webhooks?workspace=${workspace}`, { waitUntil: "commit" })
    const milliseconds = Number(await page.evaluate("usable_"))
    await page.close()
    return milliseconds
  })

const longest = async (page: Page): Promise<number> => {
  // An entry comes with the frame after it.
  await page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
  return Number(await page.evaluate("Math.max(0, ...frames_.splice(0))"))
}

/** Down through the history, a screen at a time, as fast as it is shown; then through its filters. */
const frames = (page: Page) =>
  asked("scrolling and filtering", async () => {
    await page.getByRole("table").first().waitFor()
    await longest(page)
    await page.mouse.move(640, 600)
    for (let screen = 0; screen < screens; screen++) {
      await page.mouse.wheel(0, 700)
      await page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
    }
    const scrollMs = await longest(page)
    await page.evaluate("scrollTo(0, 0)")
    const status = page.getByLabel("Status").first()
    for (const value of ["failed", "succeeded", "retrying", ""]) {
      await Promise.all([
        page.waitForResponse((response) => response.url().includes("/v1/deliveries?")),
        status.selectOption(value)
      ])
    }
    return { scrollMs, filterMs: await longest(page) }
  })

const heapOf = (session: CDPSession) =>
  asked("the page's memory", async () => {
    await session.send("HeapProfiler.collectGarbage")
    const { usedSize } = await session.send("Runtime.getHeapUsage")
    return usedSize / 2 ** 20
  })

export const dashboard = (stage: Stage): Effect.Effect<DashboardResult, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const { options, publisher, sink } = stage
    const site: Site = {
      main: options.main,
      directory: stage.room("dashboard"),
      settings: { HOOKLINE_SYNC: "2m" },
      profiles: undefined
    }
    const newContext = yield* browser
    return yield* withProduct(site, (product) =>
      Effect.gen(function*() {
        yield* product.ready
        yield* createWebhooks(product, stage.ports.slice(0, 1))
        const broker = yield* embeddedBroker(site, "publisher")
        const context = yield* newContext(product)
        const views: Array<number> = []
        for (let run = 0; run < firstViews; run++) views.push(yield* firstView(context, product))
        yield* stage.say(`first view usable after ${median(views).toFixed(0)} ms at a ${slowDown}th of the speed`)

        const filled = stage.round(options.history, 1)
        yield* stage.say(`history of ${filled.count} deliveries`)
        yield* sink.call("expect", { round: filled, status: 200, verifyEvery: 0 }, "10 seconds")
        yield* publisher.call("backlog", { natsUrl: broker.url, round: filled }, "15 minutes")
        yield* sink.call("complete", undefined, 60_000 + filled.count * 2)
        const { data: [webhook] } = yield* get<{ data: ReadonlyArray<{ readonly id: string }> }>(
          product,
          "/v1/webhooks",
          workspace
        )
        yield* historyCaughtUp(product, "15 minutes")
        const page = yield* asked("a page", async () => {
          const page = await context.newPage()
          await page.goto(`${product.api}/webhooks/${webhook?.id}?workspace=${workspace}`)
          return page
        })
        const seen = yield* frames(page)
        yield* stage.say(`  longest frame: scrolling ${seen.scrollMs} ms, filtering ${seen.filterMs} ms`)

        const session = yield* asked("the debugger", () => debugger_(page))
        const round = stage.round(options.minutes * 60 * perSecond, 1)
        const heap: Array<number> = []
        const look = Effect.flatMap(heapOf(session), (mebibytes) => {
          heap.push(mebibytes)
          return stage.say(`  ${mebibytes.toFixed(1)} MiB`)
        })
        yield* stage.say(`a page open for ${options.minutes} minutes at ${perSecond} attempts/s`)
        yield* sink.call("expect", { round, status: 200, verifyEvery: 0 }, "10 seconds")
        yield* Effect.raceFirst(
          publisher.call("pace", { natsUrl: broker.url, perSecond, round }, options.minutes * 60_000 + 60_000),
          Effect.forever(Effect.zipRight(look, Effect.sleep("1 minute")))
        )
        yield* sink.call("complete", undefined, "60 seconds")
        yield* look
        const tally = yield* sink.call("tally", undefined, "10 seconds")
        return {
          firstView: { medianMs: median(views), mostMs: Math.max(...views) },
          deliveries: filled.count,
          ...seen,
          perSecond,
          minutes: options.minutes,
          heap,
          faults: faultsOf(tally, false)
        }
      }))
  }))
