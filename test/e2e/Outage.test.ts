/** An open page while the server is killed and started again. */
import { describe, expect, it } from "vitest"
import { receiver } from "../support/receiver.ts"
import { publish } from "../support/until.ts"
import { stage } from "./support/stage.ts"

/** What the browser and the router say of a view whose file is not there. */
const notFetched = /Unable to preload|dynamically imported|Error preloading route|could not be fetched/

describe("an open page", () => {
  const { hookline, newWorkspace, run, visit } = stage()

  it("says that the server is gone, keeps what it shows, and by itself shows what happened meanwhile", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(receiver((response) => void response.writeHead(500).end()))
    const added = await run(
      hookline().api("POST", "/v1/webhooks", { url: endpoint.url, events: ["*"] }, workspace)
    )
    const page = await visit({ workspace })
    const row = page.getByRole("row").filter({ hasText: endpoint.url })
    await row.getByText("Enabled").waitFor()
    await page.getByText("Live", { exact: true }).waitFor()

    await run(hookline().kill)
    await page.getByText("Reconnecting…: what you see may be old").waitFor()
    await page.getByText("Not live", { exact: true }).waitFor()
    expect(await row.isVisible()).toBe(true)

    await run(hookline().start)
    const disabled = await run(
      hookline().api("POST", `/v1/webhooks/${added.body.id}/pause`, undefined, workspace)
    )
    expect(disabled.status).toBe(200)
    await page.getByText("Live", { exact: true }).waitFor()
    await page.getByText("Reconnecting…").waitFor({ state: "detached" })
    await row.getByText("Paused").waitFor()

    await run(hookline().api("POST", `/v1/webhooks/${added.body.id}/resume`, {}, workspace))
    await run(publish(hookline(), "evt_after", "task.created", workspace))
    await row.getByText("answered 500").waitFor()
  })

  it("with a history announces what was delivered while it could hear nothing", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(receiver())
    const added = await run(
      hookline().api("POST", "/v1/webhooks", { url: endpoint.url, events: ["*"] }, workspace)
    )
    await run(publish(hookline(), "evt_before", "task.created", workspace))
    const page = await visit({ workspace, at: `/webhooks/${added.body.id}` })
    const row = (id: string) => page.getByRole("row").filter({ hasText: id })
    await row("evt_before").getByText("Succeeded").waitFor()
    await page.getByText("Live", { exact: true }).waitFor()
    await run(hookline().kill)
    await page.getByText("Reconnecting…: what you see may be old").waitFor()
    await run(hookline().start)
    await run(publish(hookline(), "evt_meanwhile", "task.created", workspace))
    await page.getByRole("button", { name: "1 new delivery" }).click()
    await row("evt_meanwhile").getByText("Succeeded").waitFor()
    await row("evt_before").waitFor()
  })

  it("says of a view that could not be fetched that it could not, and opens it by itself when the server is back", async () => {
    const workspace = newWorkspace()
    const page = await visit({ workspace, excused: notFetched })
    await page.getByRole("link", { name: "Add webhook" }).waitFor()
    await run(hookline().kill)
    await page.getByRole("link", { name: "Add webhook" }).click()
    await page.getByText("This view could not be shown.").waitFor()
    await page.getByText("It opens by itself as soon as the server answers.").waitFor()
    await page.getByRole("link", { name: "Webhooks", exact: true }).waitFor()
    await run(hookline().start)
    await page.getByLabel("Endpoint URL").waitFor()
    await page.getByRole("checkbox", { name: "project.created" }).check()
  })

  it("is loaded anew once when a new version has no such file any more, and then left to the reader", async () => {
    const page = await visit({ workspace: newWorkspace(), excused: notFetched })
    let loads = 0
    page.on("load", () => void (loads += 1))
    await page.route(
      /\/assets\/AddWebhookPage-[^/]*\.js$/,
      (route) => loads === 0 ? route.fulfill({ status: 404, body: "" }) : route.continue()
    )
    await page.getByRole("link", { name: "Add webhook" }).click()
    await page.getByLabel("Endpoint URL").waitFor()
    expect(loads).toBe(1)

    await page.route(/\/assets\/QuarantinePage-[^/]*\.js$/, (route) => route.fulfill({ status: 404, body: "" }))
    await page.getByRole("link", { name: "Quarantine" }).click()
    await expect.poll(() => loads).toBe(2)
    await page.getByText("This view could not be shown.").waitFor()
    await page.getByRole("button", { name: "Try again" }).waitFor()
    expect(await page.getByText("It opens by itself").count()).toBe(0)
    expect(loads).toBe(2)
  })

  it("says that it is loading while the server does not say whose it is, and that it could not be opened when it cannot", async () => {
    const page = await visit({ workspace: newWorkspace() })
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor()
    let answer: (() => void) | undefined
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    await page.route("**/v1/session", async (route) => {
      await answered
      await route.continue()
    })
    await page.reload({ waitUntil: "commit" })
    await page.getByText("Loading…").waitFor()
    answer?.()
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor()

    await page.unroute("**/v1/session")
    await page.route("**/v1/session", (route) => route.fulfill({ status: 503, body: "" }))
    await page.reload()
    await page.getByText("The dashboard could not be opened.").waitFor()
    await page.unroute("**/v1/session")
    await page.getByRole("button", { name: "Try again" }).click()
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor()
  })

  it("says of an application that could not be fetched that it could not", async () => {
    const page = await visit({ workspace: newWorkspace(), excused: notFetched })
    await page.route(/\/assets\/Application-[^/]*\.js$/, (route) => route.fulfill({ status: 404, body: "" }))
    await page.reload()
    await page.getByText("This page could not be loaded. Check your connection, and load it anew.").waitFor()
  })
})
