/** Everything with the keyboard alone. */
import type { Page } from "playwright-core"
import { describe, expect, it } from "vitest"
import { receiver } from "../support/receiver.ts"
import { publish } from "../support/until.ts"
import { stage } from "./support/stage.ts"

/** What has the focus, as it is read out: its role or element, and its name. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const element = document.activeElement
    const labels = element instanceof HTMLInputElement ? [...element.labels ?? []].map((label) => label.innerText) : []
    return [...labels, element?.getAttribute("aria-label"), element?.textContent].filter(Boolean).join(" ").trim()
  })

/** Presses Tab until what has the focus is named so. */
const tabTo = async (page: Page, name: string | RegExp, key = "Tab"): Promise<void> => {
  const seen: Array<string> = []
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press(key)
    const now = await focused(page)
    seen.push(now.slice(0, 40))
    if (typeof name === "string" ? now.startsWith(name) : name.test(now)) return
  }
  throw new Error(`Tab does not come to ${name}: ${seen.join(" | ")}`)
}

describe("with the keyboard alone", () => {
  const { hookline, newKey, newWorkspace, run, visit } = stage()

  it("one signs in, adds a webhook, pauses, resumes and deletes it", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(receiver())
    const page = await visit()
    await expect.poll(() => focused(page)).toMatch(/^API key/)
    await page.keyboard.type(await newKey(workspace))
    await page.keyboard.press("Enter")
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor()

    // The first of the page leads past the menu.
    await page.reload()
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor()
    await tabTo(page, "Skip to content", "Shift+Tab")
    await page.keyboard.press("Enter")
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("content")
    await tabTo(page, "Add webhook")
    await page.keyboard.press("Enter")
    await page.getByRole("heading", { name: "Add webhook" }).waitFor()
    expect(await focused(page), "a new view is read out from its title").toBe("Add webhook")
    await tabTo(page, "Endpoint URL")
    await page.keyboard.type(endpoint.url)
    await page.getByText("This URL can be used.").waitFor()
    await tabTo(page, /^All task events/)
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    const dialog = page.getByRole("dialog", { name: "Webhook added" })
    await dialog.waitFor()
    for (let presses = 0; presses < 5; presses++) {
      await page.keyboard.press("Tab")
      expect(await dialog.evaluate((element) => element.contains(document.activeElement))).toBe(true)
    }
    await tabTo(page, "I have stored it")
    await page.keyboard.press("Enter")
    await page.getByRole("heading", { name: endpoint.url }).waitFor()

    await tabTo(page, "Pause")
    await page.keyboard.press("Enter")
    await page.getByText("Paused.", { exact: true }).waitFor()
    await tabTo(page, /^Resume/, "Shift+Tab").catch(() => tabTo(page, /^Resume/))
    await page.keyboard.press("Enter")
    await page.getByRole("button", { name: "Pause" }).waitFor()

    // Its history: what is new is shown when one asks, a delivery opens, and the focus comes back to where it was.
    await run(publish(hookline(), "evt_one", "task.created", workspace))
    const rows = page.getByRole("table", { name: "Deliveries" }).getByRole("row")
    await rows.filter({ hasText: "evt_one" }).waitFor()
    await run(publish(hookline(), "evt_two", "task.updated", workspace))
    await page.getByRole("button", { name: "1 new delivery" }).waitFor()
    await tabTo(page, "1 new delivery")
    await page.keyboard.press("Enter")
    await rows.filter({ hasText: "evt_two" }).waitFor()
    await tabTo(page, "task.updated")
    await page.keyboard.press("ArrowDown")
    await expect.poll(() => focused(page)).toBe("task.created")
    await page.keyboard.press("Enter")
    await page.getByRole("dialog", { name: "task.created" }).waitFor()
    await tabTo(page, "Retry now")
    await page.keyboard.press("Enter")
    await expect.poll(() => endpoint.seen.get("evt_one")).toBe(2)
    await page.keyboard.press("Escape")
    await page.getByRole("dialog").waitFor({ state: "detached" })
    await expect.poll(() => focused(page)).toBe("task.created")

    await tabTo(page, /^More$/, "Shift+Tab")
    await page.keyboard.press("Enter")
    await page.getByRole("menu").waitFor()
    await page.keyboard.press("End")
    await expect.poll(() => focused(page)).toMatch(/^Delete/)
    await page.keyboard.press("Escape")
    await expect.poll(() => focused(page), { message: "the focus comes back" }).toBe("More")
    await page.keyboard.press("Enter")
    await page.getByRole("menu").waitFor()
    await page.keyboard.press("End")
    await expect.poll(() => focused(page)).toMatch(/^Delete/)
    await page.keyboard.press("Enter")
    await page.getByRole("dialog", { name: "Delete this webhook?" }).waitFor()
    await tabTo(page, "Type “delete” to confirm", "Shift+Tab")
    await page.keyboard.type("delete")
    await page.keyboard.press("Enter")
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor()
    expect((await run(hookline().api("GET", "/v1/webhooks", undefined, workspace))).body.data).toEqual([])
  })
})
