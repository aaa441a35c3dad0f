/** What the dashboard is for, as somebody does it who has read nothing about it: only what stands on the page is used. */
import { describe, expect, it } from "vitest"
import { receiver } from "../support/receiver.ts"
import { publish } from "../support/until.ts"
import { stage } from "./support/stage.ts"

describe("a new customer", () => {
  const { hookline, newKey, newWorkspace, run, visit } = stage({ HOOKLINE_RETRY_SCHEDULE: "0s,24h" })

  it("adds a webhook, sends a test event, sees it fail, mends the endpoint, retries, and sees it succeed", async () => {
    const workspace = newWorkspace()
    let mended = false
    const endpoint = await run(receiver((response) => {
      response.writeHead(mended ? 200 : 500, { "content-type": "text/plain" })
      response.end(mended ? "thank you" : "TypeError: order is undefined")
    }))
    const page = await visit({ browser: { viewport: { width: 390, height: 844 } } })
    await page.getByLabel("API key").fill(await newKey(workspace))
    await page.getByRole("button", { name: "Sign in" }).click()
    await page.getByRole("link", { name: "Add webhook" }).click()
    await page.getByLabel("Endpoint URL").fill(endpoint.url)
    await page.getByLabel("Every event").check()
    await page.getByRole("button", { name: "Add webhook" }).click()
    await page.getByRole("button", { name: "I have stored it" }).click()

    await page.getByRole("button", { name: "Send test event" }).click()
    const test = page.getByRole("dialog", { name: "Send a test event" })
    const payload = test.getByLabel("Payload")
    await payload.fill("{ not JSON")
    await test.getByText(/^Line 1, column 3/).waitFor()
    expect(await test.getByRole("button", { name: "Send", exact: true }).isDisabled()).toBe(true)
    await payload.fill("{\"order\": 12345678901234567890}")
    await test.getByRole("button", { name: "Send", exact: true }).click()
    const result = test.getByRole("region", { name: "Result" })
    await result.getByText("The endpoint did not accept it").waitFor()
    await result.getByText("answered 500").waitFor()
    await result.getByText("TypeError: order is undefined").waitFor()
    // Nobody has to look for it below what was typed.
    await expect.poll(() =>
      result.evaluate((element) => {
        const { bottom, top } = element.getBoundingClientRect()
        return top >= 0 && Math.min(bottom, top + 200) <= window.innerHeight
      })
    ).toBe(true)
    expect(endpoint.arrivals[0]?.headers["x-webhook-test"]).toBe("true")
    expect(endpoint.arrivals[0]?.body.toString()).toContain("12345678901234567890")
    await test.getByRole("button", { name: "Close" }).last().click()

    // A real one fails too, before anybody has looked into it.
    await run(publish(hookline(), "evt_real", "task.created", workspace))
    const row = page.getByRole("row").filter({ hasText: "evt_real" })
    await row.getByText("Retrying").waitFor()
    await row.getByText(/^in (?:23 hr|1 day)/).waitFor()

    mended = true
    await row.getByRole("link").click()
    const drawer = page.getByRole("dialog", { name: "task.created" })
    await drawer.getByText("TypeError: order is undefined").waitFor()
    await drawer.getByRole("button", { name: "Retry now" }).click()
    await drawer.getByText("Delivered. Nothing more is sent.").waitFor()
    await drawer.getByText("thank you").waitFor()
    await page.keyboard.press("Escape")
    await row.getByText("Succeeded").waitFor()

    await page.getByRole("button", { name: "Send test event" }).click()
    await test.getByRole("button", { name: "Send", exact: true }).click()
    await result.getByText("The endpoint accepted it").waitFor()
    expect(endpoint.seen.get("evt_real")).toBe(2)
  })

  it("sends again what failed in a time, knowing before how many that are, and sees how far it is", async () => {
    const workspace = newWorkspace()
    let mended = false
    const endpoint = await run(
      receiver((response) => void response.writeHead(mended ? 200 : 410).end(), { keepArrivals: false })
    )
    const added = await run(
      hookline().api("POST", "/v1/webhooks", { url: endpoint.url, events: ["*"] }, workspace)
    )
    const id = String(added.body.id)
    // The first answer, 410, disables it: what comes then is suppressed.
    await run(publish(hookline(), "evt_0", "task.created", workspace))
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await page.getByText(/^Disabled/).first().waitFor()
    const events = Array.from(
      { length: 30 },
      (_, number) => ({ id: `evt_${number + 1}`, event: "task.created", data: {} })
    )
    expect((await run(hookline().api("POST", "/v1/events/batch", events, workspace))).status).toBe(202)
    await page.getByText(/deliveries were suppressed so far/).waitFor()
    await expect.poll(async () =>
      (await run(hookline().api("GET", `/v1/webhooks/${id}`, undefined, workspace))).body.suppressed
    ).toBeGreaterThanOrEqual(30)
    mended = true
    await page.getByRole("button", { name: "Enable" }).click()
    await page.getByRole("button", { name: "Deliver them…" }).click()

    const question = page.getByRole("dialog", { name: "Recover deliveries" })
    await question.getByText(/^3[01] deliveries will be sent again\.$/).waitFor()
    await question.getByRole("radio", { name: "What failed" }).check()
    await question.getByText(/nothing to send again|1 delivery will be sent again/).waitFor()
    await question.getByRole("radio", { name: "What was suppressed" }).check()
    await question.getByRole("radio", { name: "From … to …" }).check()
    await question.getByText("Enter the day and the time where it begins.").waitFor()
    expect(await question.getByRole("button", { name: "Send again" }).isDisabled()).toBe(true)
    await question.getByRole("radio", { name: "All that is kept" }).check()
    await question.getByText(/^3[01] deliveries will be sent again\.$/).waitFor()
    await question.getByRole("button", { name: "Send again" }).click()
    await question.getByText(/^Sent again 3[01] of 3[01] deliveries$/).waitFor()
    expect(await question.getByRole("progressbar", { name: "Progress of the recovery" }).count()).toBe(1)
    await expect.poll(() => endpoint.seen.size).toBe(31)
    await question.getByRole("button", { name: "Close" }).last().click()
  })
})
