import { existsSync } from "node:fs"
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core"

/** Where Debian, Ubuntu, Fedora and Alpine put it. */
const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** The system's own Chromium, or the one that `CHROMIUM` names, with a profile of its own that goes with it. */
export const launch = (): Promise<Browser> => {
  const executablePath = process.env["CHROMIUM"] ?? places.find((place) => existsSync(place))
  if (executablePath === undefined) {
    throw new Error(
      "no Chromium was found: `apt-get install -y chromium` installs it, or CHROMIUM names the program of one that is there"
    )
  }
  return chromium.launch({ executablePath, args: flags, headless: true })
}

/** The browser says so of every answer that is an error; what the page makes of it is what is tested. */
const isAnswer = (text: string): boolean => text.startsWith("Failed to load resource: ")

/**
 * Keeps what no page of a context may ever do, whatever it shows: break its own Content-Security-Policy, open an alert, throw, or complain on the
 * console. `excused`: what the test provokes.
 */
export const watchFaults = async (context: BrowserContext, excused?: RegExp): Promise<ReadonlyArray<string>> => {
  const faults: Array<string> = []
  await context.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", ({ blockedURI, violatedDirective }) =>
      // oxlint-disable-next-line no-console -- the way out of the page
      console.error(`policy broken: ${violatedDirective} ${blockedURI}`))
  )
  context.on("weberror", (error) => void faults.push(`threw: ${error.error().stack ?? error.error().message}`))
  context.on("dialog", (dialog) => {
    faults.push(`alert: ${dialog.message()}`)
    void dialog.dismiss()
  })
  context.on("console", (message) => {
    const bad = message.type() === "error" || message.type() === "warning"
    const known = isAnswer(message.text()) || excused?.test(message.text()) === true
    if (bad && !known) faults.push(`console: ${message.text()}`)
  })
  return faults
}

/** A page that is wider than its window scrolls sideways: by so many pixels. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => Math.max(0, (document.scrollingElement?.scrollWidth ?? 0) - window.innerWidth))

/** What foreign text can make of a page when it is taken for markup. */
export const foreignElements = (page: Page): Promise<number> =>
  page.evaluate(() => document.querySelectorAll("body script, iframe, object, embed, main img, marquee, base").length)
