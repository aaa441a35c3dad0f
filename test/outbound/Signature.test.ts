import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { spawnSync } from "node:child_process"
import { createHmac } from "node:crypto"
import { Webhook as StandardWebhook } from "standardwebhooks"
import { Webhook as SvixWebhook } from "svix"
import { newSecret } from "../../src/model/Secret.ts"
import { brandOf, keyOf, signedHeaders } from "../../src/outbound/Signature.ts"
import { config } from "./support.ts"

const brand = brandOf(config(), "1.2.3")

const headersOf = (flat: ReadonlyArray<string>): Record<string, string> =>
  Object.fromEntries(flat.flatMap((name, index) => index % 2 === 0 ? [[name, flat[index + 1] ?? ""]] : []))

const sign = (
  attempt: { body: string | Uint8Array; current: string; previous?: string; at?: number; eventId?: string }
) =>
  headersOf(signedHeaders({
    eventId: attempt.eventId ?? "evt_1",
    timestampSeconds: attempt.at ?? Math.floor(new Date().getTime() / 1000),
    body: Buffer.from(attempt.body),
    current: attempt.current,
    previous: attempt.previous,
    brand
  }))

const hmac = (key: Uint8Array, ...parts: ReadonlyArray<Uint8Array>) =>
  createHmac("sha256", key).update(Buffer.concat(parts))

const body = "{\"id\":\"evt_1\",\"event\":\"project.created\",\"data\":{\"name\":\"Größe \u{1f600}\",\"price\":1.0}}"

describe("Signature", () => {
  it("reproduces the published vector of Standard Webhooks", () => {
    const headers = sign({
      eventId: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      at: 1614265330,
      body: "{\"test\": 2432232314}",
      current: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    })
    expect(headers["webhook-signature"]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    expect(headers["webhook-id"]).toBe("msg_p5jXN8AQM9LWM0D4loKWxJek")
    expect(headers["webhook-timestamp"]).toBe("1614265330")
  })

  it("the hex signature is keyed by the secret's text, also for whsec_", () => {
    for (const current of ["my own secret", "пароль пароль", newSecret()]) {
      expect(sign({ body, current })["x-webhook-signature"]).toBe(
        createHmac("sha256", Buffer.from(current, "utf8")).update(body, "utf8").digest("hex")
      )
    }
  })

  it("the key of Standard Webhooks is what whsec_ encodes, else the text's bytes", () => {
    expect(Buffer.from(keyOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).toString("hex")).toBe(
      Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64").toString("hex")
    )
    expect(Buffer.from(keyOf("größe der Macht")).toString()).toBe("größe der Macht")
  })

  it("the packages standardwebhooks and svix accept, and refuse another body", () => {
    const current = newSecret()
    const headers = sign({ body, current })
    const named = {
      "webhook-id": headers["webhook-id"] ?? "",
      "webhook-timestamp": headers["webhook-timestamp"] ?? "",
      "webhook-signature": headers["webhook-signature"] ?? ""
    }
    for (const verifier of [new StandardWebhook(current), new SvixWebhook(current)]) {
      expect(() => verifier.verify(body, named)).not.toThrow()
      expect(() => verifier.verify(`${body} `, named)).toThrow()
    }
  })

  it("they accept a customer's own secret by its bytes", () => {
    const current = "a secret of my own"
    const headers = sign({ body, current })
    const verifier = new StandardWebhook(Buffer.from(current), { format: "raw" })
    expect(verifier.verify(body, headers)).toEqual(JSON.parse(body))
  })

  it("during an overlap both secrets verify, the new one stands first, and the hex signature stays on the old", () => {
    const [current, previous] = [newSecret(), newSecret()]
    const at = Math.floor(new Date().getTime() / 1000)
    const headers = sign({ body, current, previous, at })
    const alone = (secret: string) => sign({ body, current: secret, at })
    expect(headers["webhook-signature"]).toBe(
      `${alone(current)["webhook-signature"]} ${alone(previous)["webhook-signature"]}`
    )
    expect(headers["x-webhook-signature"]).toBe(alone(previous)["x-webhook-signature"])
    for (const secret of [current, previous]) {
      expect(() => new StandardWebhook(secret).verify(body, headers)).not.toThrow()
      expect(() => new SvixWebhook(secret).verify(body, headers)).not.toThrow()
    }
  })

  it("the brand names the headers and the user agent", () => {
    const headers = headersOf(signedHeaders({
      eventId: "evt_1",
      timestampSeconds: 1,
      body: Buffer.from(body),
      current: "12345678",
      brand: brandOf({ signatureHeader: "x-acme", standardPrefix: "acme", userAgent: "Acme/<version>" }, "9")
    }))
    expect(Object.keys(headers)).toEqual([
      "content-type",
      "user-agent",
      "x-acme",
      "acme-id",
      "acme-timestamp",
      "acme-signature"
    ])
    expect(headers["user-agent"]).toBe("Acme/9")
    expect(sign({ body, current: "12345678" })["user-agent"]).toBe("CraftDesk-Webhooks/1.2.3")
  })

  it("holds for any body and secret, and no secret is in a header", () => {
    fc.assert(fc.property(
      fc.uint8Array({ maxLength: 2_000 }),
      fc.string({ minLength: 8, maxLength: 60, unit: "grapheme" }),
      (bytes, secret) => {
        const headers = sign({ body: bytes, current: secret, at: 7 })
        expect(headers["x-webhook-signature"]).toBe(hmac(Buffer.from(secret), bytes).digest("hex"))
        expect(headers["webhook-signature"]).toBe(
          `v1,${hmac(keyOf(secret), Buffer.from("evt_1.7."), bytes).digest("base64")}`
        )
        expect(Object.values(headers).some((value) => value.includes(secret))).toBe(false)
      }
    ))
  })

  const python = spawnSync("python3", ["--version"]).status === 0

  /** The function of the platform's page, word for word; the body arrives as text. */
  const page = `
import hmac
import hashlib
import sys
import json
def verify_webhook(payload_body, signature, secret):
    """Verify that a webhook came from CraftDesk."""
    expected_signature = hmac.new(
        secret.encode(),
        payload_body.encode(),
        hashlib.sha256
    ).hexdigest()
    return hmac.compare_digest(signature, expected_signature)
given = json.load(sys.stdin)
print(json.dumps([verify_webhook(*each) for each in given]))
`

  it.skipIf(!python)("the Python function of the platform's page accepts, and refuses another body or secret", () => {
    const secrets = ["a secret of my own", newSecret(), "ключ ключ"]
    const given = secrets.flatMap((current) => {
      const signature = sign({ body, current })["x-webhook-signature"]
      return [[body, signature, current], [`${body} `, signature, current], [body, signature, `${current}!`]]
    })
    const run = spawnSync("python3", ["-c", page], {
      input: JSON.stringify(given),
      env: { ...process.env, PYTHONIOENCODING: "utf-8", PYTHONUTF8: "1" }
    })
    expect(run.stderr.toString()).toBe("")
    expect(JSON.parse(run.stdout.toString())).toEqual(secrets.flatMap(() => [true, false, false]))
  })
})
