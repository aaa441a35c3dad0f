/** Adding, changing and removing webhooks, as a person does it. */
import { Deferred } from "effect"
import { createHmac } from "node:crypto"
import type { Page } from "playwright-core"
import { describe, expect, it } from "vitest"
import { receiver } from "../support/receiver.ts"
import { publish } from "../support/until.ts"
import { stage } from "./support/stage.ts"

const fromMenu = async (page: Page, name: string): Promise<void> => {
  await page.getByRole("button", { name: "More", exact: true }).click()
  await page.getByRole("menuitem", { name }).click()
}

describe("webhooks", () => {
  const { hookline, newWorkspace, run, visit } = stage()
  const api = (method: string, path: string, workspace: string, body?: unknown) =>
    run(hookline().api(method, path, body, workspace))
  const newWebhook = async (workspace: string, settings: object = {}): Promise<string> => {
    const made = await api("POST", "/v1/webhooks", workspace, {
      url: "http://127.0.0.1:9/hook",
      events: ["*"],
      ...settings
    })
    expect(made.status).toBe(201)
    return String(made.body.id)
  }

  it("an empty list teaches; a webhook is added with the server's reasons in place, and its secret is shown once", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(receiver())
    const page = await visit({ workspace })
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor()
    const shown = page.getByRole("region", { name: "Example of a payload" }).filter({ hasText: workspace })
    const example = await shown.textContent()
    expect(JSON.parse(example ?? "")).toMatchObject({ workspace_id: workspace, data: expect.any(Object) })
    await page.getByRole("link", { name: "Add webhook" }).click()

    const url = page.getByLabel("Endpoint URL")
    await page.getByRole("button", { name: "Add webhook" }).click()
    await page.getByText("Enter the URL that receives the events.").waitFor()
    await page.getByText("Choose at least one event type.").waitFor()
    for (const bad of ["ftp://example.com/", "http://user:password@127.0.0.1/"]) {
      const refused = await api("POST", "/v1/webhooks", workspace, { url: bad, events: ["*"] })
      expect([bad, refused.status, refused.body.error.field]).toEqual([bad, 422, "url"])
      await url.fill(bad)
      await page.getByText(String(refused.body.error.message).replace(/^url: /, "")).waitFor()
      expect(await url.getAttribute("aria-invalid")).toBe("true")
    }
    await url.fill(endpoint.url)
    await page.getByText("This URL can be used.").waitFor()

    // The catalogue's groups, and what is chosen as a whole.
    await page.getByRole("checkbox", { name: "project.created" }).check()
    await page.getByRole("checkbox", { name: "All task events" }).check()
    expect(await page.getByRole("checkbox", { name: "task.deleted" }).isChecked()).toBe(true)
    expect(await page.getByRole("checkbox", { name: "task.deleted" }).isDisabled()).toBe(true)
    for (const { description } of (await api("GET", "/v1/event-types", workspace)).body.data.slice(0, 17)) {
      await page.getByText(description, { exact: true }).first().waitFor()
    }
    await page.getByLabel("Description").fill("Into the warehouse")
    await page.getByLabel("Secret").fill("short")
    await page.getByText("Advanced: rate limit, concurrency, headers").click()
    await page.getByLabel("Rate limit").fill("50")
    await page.getByLabel("Concurrency").fill("300")
    await page.getByRole("button", { name: "Add a header" }).click()
    await page.getByLabel("Name of header 1").fill("x-from")
    await page.getByLabel("Value of header 1").fill("a value that is a secret")

    for (const [label, good] of [["Concurrency", "4"], ["Secret", ""]] as const) {
      await page.getByRole("button", { name: "Add webhook" }).click()
      await expect.poll(() => page.getByLabel(label).getAttribute("aria-invalid"), { message: label }).toBe("true")
      expect(await page.getByRole("dialog").count()).toBe(0)
      await page.getByLabel(label).fill(good)
    }
    await page.getByRole("button", { name: "Add webhook" }).click()

    const dialog = page.getByRole("dialog", { name: "Webhook added" })
    const secret = await dialog.getByLabel("Secret", { exact: true }).textContent() ?? ""
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    await page.keyboard.press("Escape")
    expect(await dialog.isVisible(), "nobody loses it by a slip").toBe(true)
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"])
    await dialog.getByRole("button", { name: "Copy secret" }).click()
    await dialog.getByText("Copied").waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret)
    await dialog.getByRole("button", { name: "I have stored it" }).click()
    await page.getByRole("heading", { name: endpoint.url }).waitFor()
    await page.getByText("50 attempts a second").waitFor()
    await page.getByText("x-from").waitFor()
    const text = await page.locator("body").innerText()
    expect(text).not.toContain(secret)
    expect(text).not.toContain("a value that is a secret")

    // It is that secret which signs, and those events that come.
    await run(publish(hookline(), "evt_no", "project.updated", workspace))
    await run(publish(hookline(), "evt_yes", "task.created", workspace))
    await expect.poll(() => endpoint.arrivals.map(({ id }) => id)).toEqual(["evt_yes"])
    const [arrival] = endpoint.arrivals
    expect(arrival?.headers["x-from"]).toBe("a value that is a secret")
    expect(arrival?.headers["x-webhook-signature"])
      .toBe(createHmac("sha256", secret).update(arrival?.body ?? "").digest("hex"))

    // What the list is to show stands in the history a moment later, and the list looks again by itself.
    await page.getByRole("link", { name: "Webhooks" }).first().click()
    const row = page.getByRole("row").filter({ hasText: endpoint.url })
    for (const shown of ["Into the warehouse", "Enabled", "project.created", "task.*", "100%"]) {
      await row.getByText(shown).first().waitFor()
    }
  })

  it("is changed, and what it is changed to holds for the next event", async () => {
    const workspace = newWorkspace()
    const [former, latter] = [await run(receiver()), await run(receiver())]
    const id = await newWebhook(workspace, { url: former.url, events: ["task.*"], headers: { "x-kept": "kept" } })
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await page.getByRole("link", { name: "Edit" }).click()
    const url = page.getByLabel("Endpoint URL")
    await expect.poll(() => url.inputValue()).toBe(former.url)
    await url.fill("http://user:password@127.0.0.1/")
    await page.getByRole("button", { name: "Save" }).click()
    await expect.poll(() => url.getAttribute("aria-invalid")).toBe("true")
    await url.fill(latter.url)
    await page.getByLabel("Every event").check()
    await page.getByRole("button", { name: "Save" }).click()
    await page.getByText("Saved.").first().waitFor()
    await page.getByRole("heading", { name: latter.url }).waitFor()
    await run(publish(hookline(), "evt_changed", "member.joined", workspace))
    await expect.poll(() => latter.arrivals.map(({ headers, id }) => [id, headers["x-kept"]])).toEqual([[
      "evt_changed",
      "kept"
    ]])
    expect(former.arrivals).toEqual([])
  })

  it("paused holds, and says how many; resumed it sends them", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(receiver())
    const id = await newWebhook(workspace, { url: endpoint.url })
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await page.getByRole("button", { name: "Pause" }).click()
    await page.getByText("Paused.", { exact: true }).waitFor()
    for (const event of ["evt_1", "evt_2", "evt_3"]) await run(publish(hookline(), event, "task.created", workspace))
    await page.getByText("3 are held now.").waitFor()
    expect(endpoint.arrivals).toEqual([])
    await page.getByRole("button", { name: "Resume" }).click()
    const dialog = page.getByRole("dialog", { name: "Resume this webhook?" })
    await dialog.getByText("3 held deliveries will be sent.").waitFor()
    await dialog.getByLabel("At most").fill("nonsense")
    await dialog.getByText("Enter a number above 0, up to 10,000.").waitFor()
    expect(await dialog.getByRole("button", { name: "Resume" }).isDisabled()).toBe(true)
    await dialog.getByLabel("At most").fill("100")
    await dialog.getByRole("button", { name: "Resume" }).click()
    await page.getByRole("button", { name: "Pause" }).waitFor()
    await expect.poll(() => endpoint.seen.size).toBe(3)
  })

  it("what happened between its first answers and the beginning of its stream is shown", async () => {
    const workspace = newWorkspace()
    const id = await newWebhook(workspace)
    expect((await api("POST", `/v1/webhooks/${id}/pause`, workspace)).status).toBe(200)
    const page = await visit({ workspace, at: "/verify" })
    const begin = await run(Deferred.make<void>())
    await page.route("**/v1/deliveries/stream", async (route) => {
      await run(Deferred.await(begin))
      await route.continue()
    })
    const look = () => page.waitForResponse((response) => response.url().endsWith(`/v1/webhooks/${id}`))
    const first = look()
    await page.goto(`${hookline().url()}/webhooks/${id}`)
    await first
    await look()
    await run(publish(hookline(), "evt_1", "task.created", workspace))
    await expect.poll(async () => (await api("GET", `/v1/webhooks/${id}`, workspace)).body.held).toBe(1)
    expect(await page.getByText("held now.").count()).toBe(0)
    await run(Deferred.succeed(begin, undefined))
    await page.getByText("1 is held now.").waitFor()
  })

  it("disabled suppresses, and says why and how many; enabled it goes on", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(receiver())
    const id = await newWebhook(workspace, { url: endpoint.url })
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await fromMenu(page, "Disable")
    const dialog = page.getByRole("dialog", { name: "Disable this webhook?" })
    await dialog.getByLabel("Reason").fill("<i>moving house</i>")
    await dialog.getByRole("button", { name: "Disable" }).click()
    await page.getByText("<i>moving house</i>").waitFor()
    for (const event of ["evt_1", "evt_2"]) await run(publish(hookline(), event, "task.created", workspace))
    await page.getByText("2 deliveries were suppressed so far").waitFor()
    await page.getByRole("button", { name: "Enable" }).click()
    await page.getByRole("button", { name: "Pause" }).waitFor()
    await run(publish(hookline(), "evt_3", "task.created", workspace))
    await expect.poll(() => endpoint.arrivals.map(({ id }) => id)).toEqual(["evt_3"])
  })

  it("has its secret rotated with an overlap, which can be ended", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(receiver())
    const id = await newWebhook(workspace, { url: endpoint.url })
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await fromMenu(page, "Rotate secret")
    const question = page.getByRole("dialog", { name: "Rotate the secret?" })
    await question.getByLabel("New secret").fill("short")
    await question.getByRole("button", { name: "Rotate secret" }).click()
    await expect.poll(() => question.getByLabel("New secret").getAttribute("aria-invalid")).toBe("true")
    await question.getByLabel("New secret").fill("")
    await question.getByLabel("Overlap").selectOption("3600")
    await question.getByRole("button", { name: "Rotate secret" }).click()
    const answer = page.getByRole("dialog", { name: "The new secret" })
    expect(await answer.getByLabel("Secret", { exact: true }).textContent()).toMatch(/^whsec_/)
    await answer.getByText("deliveries are signed with both").waitFor()
    await answer.getByRole("button", { name: "I have stored it" }).click()
    await page.getByText("Two secrets are valid until").waitFor()
    await run(publish(hookline(), "evt_both", "task.created", workspace))
    await expect.poll(() => String(endpoint.arrivals[0]?.headers["webhook-signature"])).toMatch(/^v1,\S+ v1,\S+$/)
    await page.getByRole("button", { name: "End the overlap now" }).click()
    await page.getByText("Two secrets are valid until").waitFor({ state: "detached" })
    await run(publish(hookline(), "evt_one", "task.created", workspace))
    await expect.poll(() => String(endpoint.arrivals[1]?.headers["webhook-signature"])).toMatch(/^v1,\S+$/)
  })

  it("is deleted only when the word was typed", async () => {
    const workspace = newWorkspace()
    const id = await newWebhook(workspace)
    await run(publish(hookline(), "evt_before", "task.created", workspace))
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await page.getByRole("row").filter({ hasText: "evt_before" }).getByText("Retrying").waitFor()
    await fromMenu(page, "Delete")
    const dialog = page.getByRole("dialog", { name: "Delete this webhook?" })
    const remove = dialog.getByRole("button", { name: "Delete webhook" })
    expect(await remove.isDisabled()).toBe(true)
    await dialog.getByLabel("Type “delete” to confirm").fill("delet")
    expect(await remove.isDisabled()).toBe(true)
    await page.keyboard.press("Escape")
    await dialog.waitFor({ state: "detached" })
    expect((await api("GET", `/v1/webhooks/${id}`, workspace)).body.state).toBe("enabled")
    await fromMenu(page, "Delete")
    expect(await dialog.getByLabel("Type “delete” to confirm").inputValue()).toBe("")
    await dialog.getByLabel("Type “delete” to confirm").fill("delete")
    await remove.click()
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor()
    await page.getByText("The webhook is deleted. Its history stays.").first().waitFor()

    // The history stays, and with it each delivery.
    await page.goto(`${hookline().url()}/events/evt_before`)
    await page.getByRole("link", { name: "Delivery", exact: true }).click()
    const drawer = page.getByRole("dialog", { name: "task.created" })
    await drawer.getByText("Its webhook was deleted: it cannot be retried.").waitFor()
    await drawer.getByRole("region", { name: "Attempts" }).getByText("No connection").first().waitFor()
    expect(await drawer.getByRole("button", { name: "Retry now" }).count()).toBe(0)
    await page.keyboard.press("Escape")
    await page.getByText("This webhook was deleted.").waitFor()
    await page.getByRole("row").filter({ hasText: "evt_before" }).getByText("Cancelled").waitFor()
    await page.goto(`${hookline().url()}/webhooks/wh_never`)
    await page.getByText("There is no such webhook").waitFor()
  })

  it("is found in a long list by what it is for, and the address keeps the question", async () => {
    const workspace = newWorkspace()
    for (let number = 1; number <= 9; number++) {
      await newWebhook(workspace, { url: `http://127.0.0.1:9/${number}`, description: `Number ${number}` })
    }
    const page = await visit({ workspace })
    const find = page.getByRole("searchbox", { name: "Find a webhook" })
    await find.fill("number 7")
    await page.getByText("1 of 9 webhooks").waitFor()
    expect(await page.getByRole("table", { name: "Webhooks" }).getByRole("link").allTextContents()).toEqual([
      "http://127.0.0.1:9/7"
    ])
    await page.reload()
    await expect.poll(() => find.inputValue()).toBe("number 7")
    await page.getByText("1 of 9 webhooks").waitFor()
  })

  it("shows how it fares over an hour, a day and a week", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(
      receiver((response, { count }) => void response.writeHead(count === 1 ? 200 : 503).end())
    )
    const id = await newWebhook(workspace, { url: endpoint.url })
    for (const event of ["evt_1", "evt_2"]) {
      await run(publish(hookline(), event, "task.created", workspace))
      await expect.poll(() => endpoint.seen.has(event)).toBe(true)
    }
    const page = await visit({ workspace, at: `/webhooks/${id}` })
    await page.getByText("of 2 attempts").waitFor()
    await page.getByText("50%").first().waitFor()
    await page.getByText("answered 503").first().waitFor()
    for (const [range, label] of [["1h", "1 hour"], ["7d", "7 days"]] as const) {
      await page.getByRole("radio", { name: label }).check({ force: true })
      await page.getByRole("img", { name: /1 succeeded, 1 failed/ }).waitFor()
      expect(new URL(page.url()).searchParams.get("range")).toBe(range)
    }
    await page.reload()
    await expect.poll(() => page.getByRole("radio", { name: "7 days" }).isChecked()).toBe(true)
  })

  it("that could not be moved is shown as it was, with the reason", async () => {
    const workspace = newWorkspace()
    const id = await newWebhook(workspace)
    // A view that is got ready beforehand cannot be, meanwhile.
    const page = await visit({ workspace, at: `/webhooks/${id}`, excused: /Unable to preload/ })
    const pause = page.getByRole("button", { name: "Pause" })
    await page.getByRole("img", { name: /succeeded/ }).waitFor()
    await page.context().setOffline(true)
    await pause.click()
    await page.getByText("The webhook was not paused, and is shown as it was").first().waitFor()
    await page.context().setOffline(false)
    await pause.click()
    await page.getByText("Paused.", { exact: true }).waitFor()
  })
})
