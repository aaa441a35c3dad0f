/** The keys of programs, and the signatures of what they receive. */
import { createHmac } from "node:crypto"
import { Webhook } from "standardwebhooks"
import { describe, expect, it } from "vitest"
import { stage } from "./support/stage.ts"

/** The vector that Standard Webhooks publishes. */
const vector = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  timestamp: 1_614_265_330,
  body: "{\"test\": 2432232314}",
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
}

describe("API keys and signatures", () => {
  const { hookline, newWorkspace, run, visit } = stage()

  it("a key is made, shown once, works, and is revoked", async () => {
    const workspace = newWorkspace()
    const page = await visit({ workspace, at: "/api-keys" })
    await page.getByRole("button", { name: "Create API key" }).click()
    const question = page.getByRole("dialog", { name: "Create an API key" })
    await question.getByRole("button", { name: "Create key" }).click()
    await question.getByText("Say what it is for").waitFor()
    await question.getByLabel("Name").fill("Billing <b>service</b>")
    await question.getByRole("radio", { name: "Read" }).check()
    await question.getByRole("button", { name: "Create key" }).click()
    const answer = page.getByRole("dialog", { name: "The new API key" })
    const key = await answer.getByLabel("Secret", { exact: true }).textContent() ?? ""
    expect(key).toMatch(/^hk_/)
    await answer.getByRole("button", { name: "I have stored it" }).click()
    await answer.waitFor({ state: "detached" })
    const row = page.getByRole("row").filter({ hasText: "Billing <b>service</b>" })
    await row.getByText("read", { exact: true }).waitFor()
    expect(await page.locator("body").innerText()).not.toContain(key)

    const ask = () => fetch(`${hookline().url()}/v1/webhooks`, { headers: { authorization: `Bearer ${key}` } })
    expect((await ask()).status).toBe(200)
    await row.getByRole("button", { name: /^Revoke/ }).click()
    await page.getByRole("dialog", { name: "Revoke this API key?" }).getByRole("button", { name: "Revoke key" }).click()
    await row.waitFor({ state: "detached" })
    await expect.poll(async () => (await ask()).status).toBe(401)
    expect((await run(hookline().api("GET", "/v1/api-keys", undefined, workspace))).body.data).toHaveLength(1)
  })

  it("a request is checked in the browser: the published vector, a fresh one, and one that was changed", async () => {
    const workspace = newWorkspace()
    const page = await visit({ workspace, at: "/verify" })
    const box = page.getByRole("region", { name: "Check a request" })
    const asked: Array<string> = []
    await box.getByLabel("Secret").waitFor()
    page.on("request", (request) => void asked.push(`${request.url()} ${request.postData() ?? ""}`))
    const check = async (
      id: string,
      timestamp: number,
      signature: string,
      hex: string,
      body: string
    ): Promise<void> => {
      await box.getByLabel("Secret").fill(vector.secret)
      await box.getByLabel("Headers").fill(
        [
          `webhook-id: ${id}`,
          `webhook-timestamp: ${timestamp}`,
          `webhook-signature: ${signature}`,
          `x-webhook-signature: ${hex}`
        ].join("\n")
      )
      await box.getByLabel("Body").fill(body)
      await box.getByRole("button", { name: "Check" }).click()
    }
    const hex = createHmac("sha256", vector.secret).update(vector.body).digest("hex")
    await check(vector.id, vector.timestamp, vector.signature, hex, vector.body)
    await box.getByText("Right, but too old").waitFor()
    await box.getByText("Right", { exact: true }).waitFor()

    const now = new Date()
    const fresh = new Webhook(vector.secret).sign(vector.id, now, vector.body)
    const seconds = Math.floor(now.getTime() / 1000)
    await check(vector.id, seconds, fresh, hex, vector.body)
    await expect.poll(() => box.getByText("Right", { exact: true }).count()).toBe(2)
    await check(vector.id, seconds, fresh, hex, `${vector.body} `)
    await expect.poll(() => box.getByText("Wrong", { exact: true }).count()).toBe(2)
    expect(asked.filter((request) => request.includes(vector.secret)), "the secret leaves no page").toEqual([])
  })

  it("there is code in six languages with this installation's header names", async () => {
    const page = await visit({ workspace: newWorkspace(), at: "/verify" })
    const languages = page.getByRole("group", { name: "Language" }).getByRole("button")
    await languages.first().waitFor()
    expect(await languages.count()).toBe(6)
    for (let index = 0; index < 6; index++) {
      await languages.nth(index).click()
      await expect.poll(() => languages.nth(index).getAttribute("aria-pressed")).toBe("true")
      const code = await page.getByRole("region", { name: "In your endpoint" }).locator("pre").first().textContent() ??
        ""
      expect(code.toLowerCase()).toMatch(/x[-_]webhook[-_]signature|webhook[-_]signature/)
    }
  })
})
