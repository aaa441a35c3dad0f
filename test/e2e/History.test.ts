/** A webhook's deliveries: live, filtered, and one of them with all that belongs to it. */
import type { Page } from "playwright-core"
import { describe, expect, it } from "vitest"
import { receiver } from "../support/receiver.ts"
import { publish } from "../support/until.ts"
import { stage } from "./support/stage.ts"

/** The event ids of the rows that are in the document, from the top. */
const rows = (page: Page): Promise<ReadonlyArray<string>> =>
  page.getByRole("table", { name: "Deliveries" }).getByText(/^evt_/).allTextContents()

describe("the history of deliveries", () => {
  const { hookline, newWorkspace, run, visit } = stage({
    HOOKLINE_RETRY_SCHEDULE: "0s,24h",
    HOOKLINE_SIGNATURE_HEADER: "x-acme-signature"
  })
  const newWebhook = async (workspace: string, url: string): Promise<string> => {
    const made = await run(hookline().api("POST", "/v1/webhooks", { url, events: ["*"] }, workspace))
    expect(made.status).toBe(201)
    return String(made.body.id)
  }
  /** Published, and in the history with that status. */
  const settled = async (workspace: string, id: string, type: string, status: string): Promise<void> => {
    await run(publish(hookline(), id, type, workspace))
    await expect.poll(async () =>
      (await run(hookline().api("GET", `/v1/deliveries?event_id=${id}`, undefined, workspace))).body.data[0]?.status
    ).toBe(status)
  }

  it("shows the first by itself, and announces those that come then without moving anything", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(receiver())
    const id = await newWebhook(workspace, endpoint.url)
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await page.getByText("No deliveries yet").waitFor()
    await page.getByText("Live", { exact: true }).waitFor()
    await settled(workspace, "evt_first", "task.created", "succeeded")
    await expect.poll(() => rows(page)).toEqual(["evt_first"])

    const before = await page.getByText("evt_first").boundingBox()
    await settled(workspace, "evt_second", "task.updated", "succeeded")
    const announced = page.getByRole("button", { name: "1 new delivery" })
    await announced.waitFor()
    expect(await rows(page)).toEqual(["evt_first"])
    expect(await page.getByText("evt_first").boundingBox(), "nothing moves under the cursor").toEqual(before)
    await settled(workspace, "evt_third", "task.updated", "succeeded")
    await page.getByRole("button", { name: "2 new deliveries" }).press("Enter")
    await expect.poll(() => rows(page)).toEqual(["evt_third", "evt_second", "evt_first"])
    await page.keyboard.press("Tab")
    expect(
      await page.evaluate(() => document.activeElement?.closest("[role=row]")?.textContent),
      "the focus is not lost"
    )
      .toContain("evt_third")
  })

  it("is filtered by the address, which can be linked", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(
      receiver((response, { id }) => void response.writeHead(id.includes("bad") ? 500 : 200).end("said"))
    )
    const id = await newWebhook(workspace, endpoint.url)
    await settled(workspace, "evt_good", "task.created", "succeeded")
    await settled(workspace, "evt_bad", "task.created", "retrying")
    await settled(workspace, "evt_other", "member.joined", "succeeded")
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await expect.poll(() => rows(page)).toEqual(["evt_other", "evt_bad", "evt_good"])
    const filters = page.getByRole("search", { name: "Filter the deliveries" })

    await filters.getByLabel("Status").selectOption("retrying")
    await expect.poll(() => rows(page)).toEqual(["evt_bad"])
    expect(new URL(page.url()).searchParams.get("status")).toBe("retrying")
    await page.reload()
    await expect.poll(() => rows(page)).toEqual(["evt_bad"])
    expect(await filters.getByLabel("Status").inputValue()).toBe("retrying")

    await filters.getByLabel("Event type").selectOption("member.joined")
    await page.getByText("No delivery fits").waitFor()
    await filters.getByLabel("Status").selectOption("")
    await expect.poll(() => rows(page)).toEqual(["evt_other"])
    await filters.getByRole("button", { name: "Clear" }).click()
    await expect.poll(() => rows(page)).toEqual(["evt_other", "evt_bad", "evt_good"])
    expect(new URL(page.url()).search).toBe("")

    await filters.getByLabel("Event id").fill("not an id")
    await page.getByText("An id has letters, digits, _ and - only, at most 64.").waitFor()
    await filters.getByLabel("Event id").fill("evt_good")
    await expect.poll(() => rows(page)).toEqual(["evt_good"])
    await filters.getByLabel("Event id").fill("")
    await filters.getByLabel("Until").fill("2020-01-01T00:00")
    await page.getByText("No delivery fits").waitFor()
  })

  it("has all of a delivery in a drawer: its attempts, its payload as it was sent, and the way to send it again", async () => {
    const workspace = newWorkspace()
    let well = false
    const endpoint = await run(receiver((response) => {
      response.writeHead(well ? 200 : 503, { "content-type": "text/plain", "x-reason": "counting" })
      response.end(well ? "taken" : "<b>the warehouse is being counted</b>")
    }))
    const id = await newWebhook(workspace, endpoint.url)
    // More than a page's number can hold: it is shown as it came.
    const data = "{\"number\": 12345678901234567890, \"name\":\"It's\"}"
    const published = await run(
      hookline().api(
        "POST",
        "/v1/events",
        `{"id":"evt_drawer","event":"task.created","data":${data}}`,
        workspace
      )
    )
    expect(published.status).toBe(202)
    await expect.poll(() => endpoint.arrivals.length).toBe(1)
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"])
    const copied = () => page.evaluate(() => navigator.clipboard.readText())
    await page.getByRole("row").filter({ hasText: "evt_drawer" }).getByRole("link", { name: "task.created" }).click()
    const drawer = page.getByRole("dialog", { name: "task.created" })
    await drawer.waitFor()
    expect(new URL(page.url()).searchParams.get("delivery")).toMatch(/^dlv_/)

    const attempts = drawer.getByRole("region", { name: "Attempts" })
    await attempts.getByText("answered 503").waitFor()
    await attempts.getByText("<b>the warehouse is being counted</b>").waitFor()
    await attempts.getByText(/^Response headers/).click()
    await attempts.getByText("x-reason").waitFor()
    await attempts.getByText("counting", { exact: true }).waitFor()
    await drawer.getByText("Next attempt:").waitFor()

    const payload = drawer.getByRole("region", { name: "Payload", exact: true })
    await payload.getByText("12345678901234567890").waitFor()
    await payload.getByRole("tab", { name: "Raw" }).click()
    expect(await payload.getByRole("region", { name: "Payload, as sent" }).textContent())
      .toBe(endpoint.arrivals[0]?.body.toString())
    await payload.getByRole("button", { name: "Copy" }).click()
    await expect.poll(copied).toBe(endpoint.arrivals[0]?.body.toString())
    await drawer.getByRole("button", { name: "Copy as curl" }).click()
    await expect.poll(copied).toContain(`curl -X POST '${endpoint.url}'`)
    expect(await copied()).toContain(String.raw`It'\''s`)
    // Under the names that this installation gives them.
    expect(endpoint.arrivals[0]?.headers["x-acme-signature"]).toMatch(/^[0-9a-f]{64}$/)
    expect(await copied()).toContain("-H 'x-acme-signature: HEX_SIGNATURE'")

    well = true
    await drawer.getByRole("button", { name: "Retry now" }).click()
    await drawer.getByText("Succeeded").first().waitFor()
    await attempts.getByText("taken").waitFor()
    expect(await attempts.getByRole("listitem").count()).toBe(2)
    expect(endpoint.arrivals[1]?.body.equals(endpoint.arrivals[0]?.body ?? Buffer.alloc(0))).toBe(true)

    await page.keyboard.press("Escape")
    await drawer.waitFor({ state: "detached" })
    expect(new URL(page.url()).search).toBe("")
    await page.getByRole("row").filter({ hasText: "evt_drawer" }).getByText("Succeeded").waitFor()
    await page.goBack()
    await drawer.waitFor()
  })

  it("does not retry what a disabled webhook would get, and says so", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(receiver((response) => void response.writeHead(500).end()))
    const id = await newWebhook(workspace, endpoint.url)
    await settled(workspace, "evt_late", "task.created", "retrying")
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await page.getByRole("link", { name: "task.created" }).click()
    await run(hookline().api("POST", `/v1/webhooks/${id}/disable`, {}, workspace))
    await page.getByRole("dialog").getByRole("button", { name: "Retry now" }).click()
    await page.getByText("Not retried: the webhook is disabled. Enable it first.").waitFor()
    expect(endpoint.arrivals).toHaveLength(1)
  })

  it("goes as far back as one scrolls, with no more than what is seen in the document", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(receiver(undefined, { keepArrivals: false }))
    const id = await newWebhook(workspace, endpoint.url)
    const events = Array.from(
      { length: 400 },
      (_, number) => ({ id: `evt_${1000 + number}`, event: "task.created", data: {} })
    )
    const answer = await run(hookline().api("POST", "/v1/events/batch", events, workspace))
    expect(answer.status).toBe(202)
    await expect.poll(() => endpoint.seen.size).toBe(400)
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await page.getByRole("table", { name: "Deliveries" }).waitFor()
    await expect.poll(async () => {
      await page.mouse.wheel(0, 4000)
      return (await rows(page)).includes("evt_1000")
    }, { timeout: 30_000 }).toBe(true)
    expect((await rows(page)).length).toBeLessThan(100)
  })
})
