/**
 * The pictures of README.md and docs/dashboard.md. Each run takes them and looks whether they are fit to be shown; only `UPDATE_SCREENSHOTS=1` writes
 * them, for the times in them are of the moment.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Page } from "playwright-core"
import { beforeAll, describe, expect, it } from "vitest"
import { receiver } from "../support/receiver.ts"
import { publish, until } from "../support/until.ts"
import { overflow } from "./support/browser.ts"
import { stage } from "./support/stage.ts"

const folder = new URL("../../docs/images", import.meta.url).pathname
/** Of a picture, in bytes: they lie in the repository. */
const most = 150 * 1024

interface Listed {
  readonly health: { readonly last_attempt_at: string | null } | null
}

const take = async (page: Page, name: string): Promise<void> => {
  await page.mouse.move(0, 0)
  const picture = await page.screenshot({ animations: "disabled", caret: "hide", scale: "css" })
  expect([name, await overflow(page)]).toEqual([name, 0])
  expect(picture.length, `${name} in bytes`).toBeLessThan(most)
  expect(picture.length, `${name} shows something`).toBeGreaterThan(10_000)
  if (process.env["UPDATE_SCREENSHOTS"] === "1") {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${name}.png`), picture)
  }
}

describe("pictures", () => {
  const { hookline, run, visit } = stage({ HOOKLINE_RETRY_SCHEDULE: "0s,24h" })
  const workspace = "ws_craftdesk"
  let orders = ""

  beforeAll(async () => {
    const well = await run(receiver())
    const ill = await run(receiver((response, { count }) => {
      const status = count % 5 === 0 ? 503 : 200
      response.writeHead(status, { "content-type": "application/json" })
      response.end(status === 200 ? "{\"taken\":true}" : "{\"error\":\"the warehouse is being counted\"}")
    }))
    const dead = await run(receiver((response) => void response.writeHead(500).end("Internal Server Error")))
    const add = async (
      url: string,
      path: string,
      events: ReadonlyArray<string>,
      description: string
    ): Promise<string> => {
      const at = new URL(path, url)
      at.hostname = "localhost"
      const made = await run(hookline().api("POST", "/v1/webhooks", { url: at.href, events, description }, workspace))
      if (made.status !== 201) throw new Error(JSON.stringify(made.body))
      return String(made.body.id)
    }
    await add(dead.url, "/legacy/notify", ["member.*"], "The former intranet")
    const paused = await add(well.url, "/chat/hooks", ["member.joined", "member.removed"], "Welcomes in the team chat")
    await add(well.url, "/billing/events", ["subscription.*"], "Invoices")
    orders = await add(ill.url, "/warehouse", ["project.*", "task.created", "task.completed"], "Into the warehouse")
    await run(hookline().api("POST", `/v1/webhooks/${paused}/pause`, undefined, workspace))
    const types = ["project.created", "task.created", "task.completed", "member.joined", "subscription.upgraded"]
    for (let number = 1; number <= 40; number++) {
      await run(publish(hookline(), `evt_${1000 + number}`, types[number % types.length], workspace))
    }
    await run(until(
      "three webhooks with attempts",
      hookline().api("GET", "/v1/webhooks?include=health", undefined, workspace),
      ({ body }) => body.data.filter((one: Listed) => (one.health?.last_attempt_at ?? null) !== null).length === 3
    ))
  })

  it("of the list, a webhook, a delivery and an event, and of a phone", async () => {
    const page = await visit({ workspace })
    await page.getByText("Into the warehouse").waitFor()
    await page.getByText("Live", { exact: true }).waitFor()
    await take(page, "webhooks")

    await page.goto(`${hookline().url()}/webhooks/${orders}`)
    await page.getByRole("img", { name: /succeeded/ }).waitFor()
    const rows = page.getByRole("table", { name: "Deliveries" }).getByRole("row")
    await rows.nth(5).waitFor()
    await take(page, "webhook")
    await page.getByRole("search", { name: "Filter the deliveries" }).scrollIntoViewIfNeeded()
    await rows.filter({ hasText: "503" }).first().getByRole("link").click()
    const drawer = page.getByRole("dialog")
    await drawer.getByText("the warehouse is being counted").first().waitFor()
    await take(page, "delivery")

    await page.goto(`${hookline().url()}/events/evt_1005`)
    await page.getByText(/webhooks? (?:was|were) owed it/).waitFor()
    await take(page, "event")

    const phone = await visit({
      workspace,
      at: `/webhooks/${orders}`,
      browser: { viewport: { width: 390, height: 844 }, isMobile: true }
    })
    await phone.getByRole("img", { name: /succeeded/ }).waitFor()
    await phone.getByRole("table", { name: "Deliveries" }).getByRole("row").nth(1).waitFor()
    await take(phone, "phone")
  })
})
