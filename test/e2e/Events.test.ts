/** What was published and who got it; what can be published. */
import { describe, expect, it } from "vitest"
import { receiver } from "../support/receiver.ts"
import { publish } from "../support/until.ts"
import { stage } from "./support/stage.ts"

describe("events", () => {
  const { hookline, newWorkspace, run, visit } = stage({ HOOKLINE_RETRY_SCHEDULE: "0s,24h" })
  const api = (method: string, path: string, workspace: string, body?: unknown) =>
    run(hookline().api(method, path, body, workspace))

  it("stand there with what became of them, and each explains who got it and who did not, and why", async () => {
    const workspace = newWorkspace()
    const well = await run(receiver())
    const ill = await run(receiver((response) => void response.writeHead(503).end("later")))
    const webhooks = [
      { url: well.url, events: ["task.*"] },
      { url: ill.url, events: ["*"] },
      { url: "http://127.0.0.1:9/projects", events: ["project.*"] }
    ]
    for (const webhook of webhooks) expect((await api("POST", "/v1/webhooks", workspace, webhook)).status).toBe(201)
    await run(publish(hookline(), "evt_explained", "task.created", workspace))
    await expect.poll(() => [well.seen.size, ill.seen.size]).toEqual([1, 1])

    const page = await visit({ workspace })
    await page.getByRole("link", { name: "Events", exact: true }).click()
    const row = page.getByRole("table", { name: "Events" }).getByRole("row").filter({ hasText: "evt_explained" })
    await row.getByText("1 succeeded").waitFor()
    await row.getByText("1 retrying").waitFor()

    await page.getByText("Live", { exact: true }).waitFor()
    await run(publish(hookline(), "evt_newer", "member.joined", workspace))
    await page.getByRole("button", { name: /Show.* new event/ }).click()
    await page.getByRole("row").filter({ hasText: "evt_newer" }).waitFor()

    await page.getByLabel("Type", { exact: true }).selectOption("task.created")
    await page.getByRole("row").filter({ hasText: "evt_newer" }).waitFor({ state: "detached" })
    expect(new URL(page.url()).searchParams.get("type")).toBe("task.created")
    await row.getByRole("link", { name: "task.created" }).click()

    const explained = page.getByRole("region", { name: "Who got it, and who did not" })
    await explained.getByText("2 of 3 webhooks were owed it, 1 has it.").waitFor()
    const entry = (url: string) => explained.getByRole("listitem").filter({ hasText: url }).first()
    await entry(well.url).getByText("succeeded", { exact: true }).waitFor()
    await entry(ill.url).getByText("retrying", { exact: true }).waitFor()
    await entry(ill.url).getByText(/last answered 503/).waitFor()
    await entry("http://127.0.0.1:9/projects").getByText("not owed", { exact: true }).waitFor()
    await entry("http://127.0.0.1:9/projects").getByText("project.*").first().waitFor()
    const body = page.getByRole("region", { name: "Body" })
    await body.getByText("evt_explained").first().waitFor()

    await entry(ill.url).getByRole("link", { name: "Delivery" }).click()
    await page.getByRole("dialog", { name: "task.created" }).getByText("answered 503").first().waitFor()
  })

  it("is found by its id, and what is not there is said not to be", async () => {
    const workspace = newWorkspace()
    await run(publish(hookline(), "evt_found", "task.created", workspace))
    const page = await visit({ workspace, at: "/events" })
    await page.getByLabel("Event id").fill("evt_found")
    await page.getByRole("button", { name: "Open" }).click()
    await page.getByText("The workspace had no webhook then: nobody was owed it.").waitFor()
    await page.goto(`${hookline().url()}/events/evt_nobody`)
    await page.getByText("The event could not be loaded.").waitFor()
  })

  it("have a catalogue of their types with examples, which can be searched", async () => {
    const workspace = newWorkspace()
    const catalogue = (await api("GET", "/v1/event-types", workspace)).body.data
    const created = catalogue.find(({ type }: { readonly type: string }) => type === "project.created")
    const page = await visit({ workspace, at: "/event-types" })
    await page.getByText(`${catalogue.length} types`).waitFor()
    await page.getByRole("searchbox", { name: "Find an event type" }).fill("project.created")
    await page.getByText(`1 of ${catalogue.length} types`).waitFor()
    await page.getByText(created.description, { exact: true }).click()
    const example = page.getByRole("region", { name: "Example of the data of project.created" })
    expect(JSON.parse(await example.textContent() ?? "")).toEqual(created.example)
    await page.getByRole("searchbox", { name: "Find an event type" }).fill("no such thing")
    await page.getByRole("button", { name: "Show all" }).click()
    await page.getByText(`${catalogue.length} types`).waitFor()
  })
})
