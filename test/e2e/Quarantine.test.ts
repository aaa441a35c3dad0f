/** What was published and is no event: seen, and released once the catalogue is mended. */
import { Effect } from "effect"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { bundled } from "../../src/model/Catalogue.ts"
import { natsClient } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { stage } from "./support/stage.ts"

const file = join(mkdtempSync(join(tmpdir(), "hookline-catalogue-")), "catalogue.json")
const known = Array.from(bundled.types.values()).filter(({ reserved }) => reserved !== true)
const write = (types: ReadonlyArray<object>): void => writeFileSync(file, JSON.stringify({ types }))
write(known)

describe("the quarantine", () => {
  const { hookline, newWorkspace, run, visit } = stage({ HOOKLINE_CATALOGUE: file })

  it("says why, shows what came, and releases what is an event now", async () => {
    const workspace = newWorkspace()
    const endpoint = await run(receiver())
    const added = await run(
      hookline().api("POST", "/v1/webhooks", { url: endpoint.url, events: ["*"] }, workspace)
    )
    expect(added.status).toBe(201)
    const send = (subject: string, body: string | Uint8Array): Promise<unknown> =>
      run(
        Effect.flatMap(natsClient(hookline().natsUrl()), (client) =>
          Effect.promise(() => client.jetstream().publish(`events.${workspace}.${subject}`, body)))
      )
    const page = await visit({ workspace, at: "/quarantine" })
    await page.getByText("Nothing is in quarantine").waitFor()
    await send("robot.built", "{\"id\":\"evt_robot\",\"data\":{\"name\":\"<img src=x onerror=alert(1)>\"}}")
    await send("project.created", "<script>alert(1)</script>")
    await send("project.created", Buffer.from("7b2264617461223a7b2261223a22ff227d7d", "hex"))

    const waits = page.getByText("Waits", { exact: true })
    await expect.poll(async () => {
      const more = page.getByRole("button", { name: /^Show \d new entr/ })
      if (await more.isVisible()) await more.click()
      return waits.count()
    }).toBe(3)
    await send("project.created", "[]")
    await page.getByRole("button", { name: "Show 1 new entry" }).waitFor()
    expect(await waits.count(), "announced, and not pushed in").toBe(3)
    await page.getByRole("button", { name: "Show 1 new entry" }).click()
    await expect.poll(() => waits.count()).toBe(4)
    await page.getByRole("link", { name: "Not JSON", exact: true }).click()
    const drawer = page.getByRole("dialog", { name: "Quarantined input" })
    await drawer.getByText("<script>alert(1)</script>").first().waitFor()
    await drawer.getByRole("button", { name: "Check again and release" }).click()
    await drawer.getByText("It is still no event, and stays.").waitFor()
    await page.keyboard.press("Escape")
    await page.getByRole("link", { name: "Not UTF-8" }).click()
    await drawer.getByText(/7b 22 64 61|7b226461/).first().waitFor()
    await page.keyboard.press("Escape")

    await page.getByLabel("Reason").selectOption({ label: "Unknown event type" })
    await expect.poll(() => new URL(page.url()).searchParams.get("reason")).toBe("unknown_type")
    await page.getByRole("link", { name: "Not JSON" }).waitFor({ state: "detached" })

    write([...known, { type: "robot.built", description: "A robot was built", example: { name: "R" } }])
    await run(hookline().kill)
    await run(hookline().start)
    await page.getByText("Live", { exact: true }).waitFor()
    await page.getByRole("link", { name: "Unknown event type" }).click()
    await drawer.getByText("<img src=x onerror=alert(1)>").first().waitFor()
    await drawer.getByRole("button", { name: "Check again and release" }).click()
    await drawer.getByText("It is an event now.").first().waitFor()
    await expect.poll(() => endpoint.arrivals.map(({ id }) => id)).toEqual(["evt_robot"])
    await drawer.getByRole("link", { name: "see what became of it" }).click()
    await page.getByRole("heading", { name: "robot.built" }).waitFor()
    await page.getByText("1 of 1 webhook was owed it, 1 has it.").waitFor()
  })
})
