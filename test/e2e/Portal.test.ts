/** The dashboard as a platform puts it before its customers: opened by a link, with the platform's brand, also in a frame of another site. */
import { Effect } from "effect"
import { createServer } from "node:http"
import { describe, expect, it } from "vitest"
import { lastingPort } from "../support/port.ts"
import { stage } from "./support/stage.ts"

/** A page of the platform, `http://localhost:<port>`, that shows the address behind its `?` in a frame: to a browser another site than 127.0.0.1. */
const platform = (port: number) =>
  Effect.acquireRelease(
    Effect.async<() => void>((resume) => {
      const server = createServer((request, response) => {
        const src = decodeURIComponent(new URL(request.url ?? "", "http://localhost").search.slice(1)).replaceAll(
          "\"",
          ""
        )
        response.setHeader("content-type", "text/html")
        response.end(`<!doctype html><title>Platform</title><iframe src="${src}" width="1000" height="700"></iframe>`)
      })
      server.listen(port, "127.0.0.1", () =>
        resume(Effect.succeed(() => {
          server.close()
          server.closeAllConnections()
        })))
    }),
    (close) => Effect.sync(close)
  )

const allowed = await Effect.runPromise(lastingPort)
const stranger = await Effect.runPromise(lastingPort)
const onePixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
const brand = { name: "CraftDesk", accent_color: "#b3261e", logo: onePixel }

const framed = (port: number, address: string): string => `http://localhost:${port}/?${encodeURIComponent(address)}`

describe("portal links", () => {
  const { hookline, newContext, newWorkspace, run, visit } = stage({
    HOOKLINE_FRAME_ANCESTORS: `http://localhost:${allowed}`
  })
  const newLink = async (workspace: string, rights: ReadonlyArray<string>): Promise<string> => {
    const made = await run(hookline().api("POST", "/v1/portal-links", { rights, brand }, workspace))
    expect(made.status).toBe(201)
    return String(made.body.url)
  }
  const newWebhook = async (workspace: string): Promise<void> => {
    const made = await run(
      hookline().api("POST", "/v1/webhooks", { url: "http://127.0.0.1:9/hook", events: ["*"] }, workspace)
    )
    expect(made.status).toBe(201)
  }

  it("open the dashboard once, in the platform's name and colour, with the rights that they give", async () => {
    const workspace = newWorkspace()
    await newWebhook(workspace)
    const link = await newLink(workspace, ["read"])
    const page = await (await newContext()).newPage()
    await page.goto(link)
    await page.getByRole("link", { name: "http://127.0.0.1:9/hook" }).click()
    await page.getByRole("heading", { name: "Settings" }).waitFor()
    await page.getByText("CraftDesk").first().waitFor()
    expect(page.url(), "the token is out of the address").not.toContain("pl_")
    const logo = page.getByRole("banner").locator("img")
    await expect.poll(() => logo.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(1)
    const accent = await page.evaluate(() => document.documentElement.style.cssText)
    expect(accent).toMatch(/--accent: (?:#b3261e|rgb\(179,? 38,? 30\))/)
    for (const name of ["Edit", "Pause", "More", "Send test event", "Recover", "Sign out"]) {
      const touching = page.getByRole("button", { name }).or(page.getByRole("link", { name, exact: true }))
      expect([name, await touching.count()]).toEqual([name, 0])
    }
    await page.reload()
    await page.getByRole("heading", { name: "Settings" }).waitFor()

    const second = await (await newContext()).newPage()
    await second.goto(link)
    await second.getByText("This link has been used already").waitFor()
    expect(await second.getByLabel("API key").count(), "nobody who came by a link has a key").toBe(0)
  })

  it("work in a frame of another site, where a session of a key does not", async () => {
    await run(platform(allowed))
    const workspace = newWorkspace()
    await newWebhook(workspace)
    const page = await visit({ workspace })
    await page.getByRole("link", { name: "http://127.0.0.1:9/hook" }).waitFor()
    const frame = page.frameLocator("iframe")

    await page.goto(framed(allowed, `${hookline().url()}/webhooks`))
    await frame.getByRole("heading", { name: "Sign in" }).waitFor()

    await page.goto(framed(allowed, await newLink(workspace, ["read", "send", "manage"])))
    await frame.getByRole("link", { name: "http://127.0.0.1:9/hook" }).click()
    await frame.getByRole("button", { name: "Pause" }).click()
    await frame.getByText("Paused.", { exact: true }).waitFor()
    await expect.poll(async () =>
      (await run(hookline().api("GET", "/v1/webhooks", undefined, workspace))).body.data[0].state
    )
      .toBe("paused")
    const cookies = await page.context().cookies()
    expect(cookies.find(({ name }) => name === "__Host-hookline_portal")).toMatchObject({
      httpOnly: true,
      secure: true,
      sameSite: "None",
      partitionKey: "http://localhost"
    })

    await page.goto(framed(allowed, `${hookline().url()}/webhooks`))
    await frame.getByRole("link", { name: "http://127.0.0.1:9/hook" }).waitFor()
    await frame.getByText("Live", { exact: true }).waitFor()

    const other = await (await newContext()).newPage()
    await other.goto(framed(allowed, await newLink(workspace, ["read"])))
    await other.frameLocator("iframe").getByRole("link", { name: "http://127.0.0.1:9/hook" }).waitFor()
    await other.goto(`${hookline().url()}/webhooks`)
    await other.getByRole("heading", { name: "Sign in" }).waitFor()
  })

  it("are shown in no frame of a site that the operator has not named", async () => {
    await run(platform(stranger))
    const page = await (await newContext({}, /frame-ancestors/)).newPage()
    const refused = page.context().waitForEvent("console", (message) => message.text().includes("frame-ancestors"))
    const link = await newLink(newWorkspace(), ["read"])
    await page.goto(framed(stranger, link))
    await refused
    expect(await page.frameLocator("iframe").getByRole("heading").count()).toBe(0)

    // It has not been used up.
    const direct = await (await newContext()).newPage()
    await direct.goto(link)
    await direct.getByRole("heading", { name: "No webhooks yet" }).waitFor()
  })
})
