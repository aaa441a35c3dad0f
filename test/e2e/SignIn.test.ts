/** Who may open the dashboard, and for how long. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { stage } from "./support/stage.ts"

describe("signing in", () => {
  const { hookline, newKey, newWorkspace, run, visit } = stage()

  it("with a key: a wrong one is told so, the right one opens what was asked for, signing out closes it", async () => {
    const workspace = newWorkspace()
    const key = await newKey(workspace)
    const page = await visit({ at: "/webhooks/new" })
    const field = page.getByLabel("API key")
    const signIn = page.getByRole("button", { name: "Sign in" })

    await signIn.click()
    await page.getByText("Paste your API key.").waitFor()
    await field.fill("not a key")
    await signIn.click()
    await page.getByText("An API key looks like hk_<id>_<secret>; this does not.").waitFor()
    await field.fill(`${key}x`)
    await signIn.click()
    await page.getByText("This key is not valid: it may have been revoked, or its time is over.").waitFor()
    expect(await field.getAttribute("aria-invalid")).toBe("true")

    await field.fill(key)
    await signIn.click()
    await page.getByRole("heading", { name: "Add webhook" }).waitFor()
    expect(new URL(page.url()).pathname).toBe("/webhooks/new")
    await page.getByText(workspace, { exact: true }).waitFor()
    expect(await page.evaluate(() => document.cookie), "no script reads the session").toBe("")
    const [cookie] = await page.context().cookies()
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" })
    expect(JSON.stringify(await page.context().storageState()), "the key stays nowhere").not.toContain(key)

    await page.getByRole("button", { name: "Sign out" }).click()
    await page.getByRole("heading", { name: "Sign in" }).waitFor()
    await page.reload()
    await page.getByRole("heading", { name: "Sign in" }).waitFor()
  })

  it("lasts when the product is started anew, and ends with the key", async () => {
    const workspace = newWorkspace()
    const page = await visit({ workspace })
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor()
    await run(hookline().kill)
    await run(hookline().start)
    await page.reload()
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor()

    const keys = await run(hookline().api("GET", "/v1/api-keys", undefined, workspace))
    for (const { id } of keys.body.data) {
      const revoked = await run(hookline().api("DELETE", `/v1/api-keys/${id}`, undefined, workspace))
      expect(revoked.status).toBeLessThan(300)
    }
    await page.getByRole("heading", { name: "Sign in" }).waitFor()
  })

  it("as the operator chooses a workspace, which stands in the address", async () => {
    const workspace = newWorkspace()
    const made = await run(
      hookline().api("POST", "/v1/webhooks", { url: "http://127.0.0.1:9/", events: ["*"] }, workspace)
    )
    expect(made.status).toBe(201)
    const page = await visit()
    await page.getByLabel("API key").fill(readFileSync(join(hookline().data, "operator.key"), "utf8").trim())
    await page.getByRole("button", { name: "Sign in" }).click()
    await page.getByRole("heading", { name: "Choose a workspace" }).waitFor()
    const prefix = page.getByRole("main").getByRole("textbox", { name: "Workspace" })
    await prefix.fill("no such workspace")
    await page.getByText("An id has 1 to 64 letters, digits, _ and -.").waitFor()
    await prefix.fill(workspace)
    await page.getByRole("list", { name: "Workspaces" }).getByRole("button", { name: workspace }).click()
    await page.getByRole("link", { name: "http://127.0.0.1:9/" }).click()
    await page.getByRole("heading", { name: "http://127.0.0.1:9/" }).waitFor()
    expect(new URL(page.url()).search).toBe(`?workspace=${workspace}`)
    await page.goBack()
    await page.getByRole("link", { name: "Add webhook" }).waitFor()
  })

  it("may look but not touch with a key that only reads", async () => {
    const workspace = newWorkspace()
    const made = await run(
      hookline().api("POST", "/v1/webhooks", { url: "http://127.0.0.1:9/read", events: ["*"] }, workspace)
    )
    const page = await visit({ workspace, role: "read", at: `/webhooks/${made.body.id}` })
    await page.getByRole("heading", { name: "http://127.0.0.1:9/read" }).waitFor()
    await page.getByRole("heading", { name: "Settings" }).waitFor()
    for (const name of ["Edit", "Pause", "More", "Send test event", "Recover"]) {
      const touching = page.getByRole("button", { name }).or(page.getByRole("link", { name, exact: true }))
      expect([name, await touching.count()]).toEqual([name, 0])
    }
  })
})
