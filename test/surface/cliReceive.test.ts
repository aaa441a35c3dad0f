import { describe, expect, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import * as fc from "fast-check"
import { createHmac } from "node:crypto"
import { connect } from "node:net"
import { Webhook } from "standardwebhooks"
import { pretty } from "../../src/surface/cli/Received.ts"
import { verify } from "../../src/surface/cli/Verification.ts"
import { type, typeOn } from "../support/shell.ts"

const secret = "a secret of one's own, ünïcode"
const expected = { signatureHeader: "x-webhook-signature", standardPrefix: "webhook" }
const body =
  `{"id":"evt_1","event":"project.created","timestamp":"2025-03-23T14:35:21Z","workspace_id":"ws_1","data":{"x": 1.0}}`

/** What a sender puts on, with the reference implementation where the secret is a `whsec_` one. */
const signed = (text: string, key: string, seconds: number): Record<string, string> => ({
  "content-type": "application/json",
  "x-webhook-signature": createHmac("sha256", key).update(text).digest("hex"),
  "webhook-id": "evt_1",
  "webhook-timestamp": String(seconds),
  "webhook-signature": key.startsWith("whsec_")
    ? new Webhook(key).sign("evt_1", new Date(seconds * 1000), text)
    : `v1,${createHmac("sha256", key).update(`evt_1.${seconds}.${text}`).digest("base64")}`
})

const now = Effect.map(Effect.clock, (clock) => Math.floor(clock.unsafeCurrentTimeMillis() / 1000))

const listening = (words: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const { error, out } = yield* typeOn(["receive", "--port", "0", ...words], { env })
    const said = yield* Queue.take(error)
    const url = /http:\/\/\S+/.exec(said)?.[0] ?? ""
    const post = (text: string | Uint8Array, headers: Record<string, string>) =>
      Effect.promise(async () => {
        const response = await fetch(url, { method: "POST", body: text, headers })
        await response.text()
        return response.status
      })
    /** The next request as `--json` prints it. */
    const line = Effect.map(Queue.take(out), (text) => JSON.parse(text) as Record<string, unknown>)
    return { url, post, line, out, error }
  })

describe("verify", () => {
  const vector = {
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    body: Buffer.from(`{"test": 2432232314}`),
    headers: {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    }
  }
  const at = (seconds: number) => ({ ...expected, secret: vector.secret, now: seconds * 1000 })

  it("accepts the Standard Webhooks vector, says its age, and calls an old one stale", () => {
    expect(verify(vector, at(1614265332))).toEqual({ hex: "absent", standard: "ok", age: 2, stale: false })
    expect(verify(vector, at(1614265330 + 301))).toMatchObject({ standard: "ok", age: 301, stale: true })
    expect(verify(vector, { ...at(0), secret: undefined })).toMatchObject({ standard: "unchecked" })
  })

  it("one of several signatures is enough, as during a rotation", () => {
    const both = `v1,AAAA ${vector.headers["webhook-signature"]} v1a,x`
    const rotating = { ...vector, headers: { ...vector.headers, "webhook-signature": both } }
    expect(verify(rotating, at(1614265330)).standard).toBe("ok")
  })

  it("refuses any change of body, id, timestamp, secret or signature", () => {
    const changes = [
      { ...vector, body: Buffer.from(`{"test": 2432232315}`) },
      ...Object.entries({ "webhook-id": "msg_x", "webhook-timestamp": "1614265331", "webhook-signature": "v1,AAAA" })
        .map(([name, value]) => ({ ...vector, headers: { ...vector.headers, [name]: value } })),
      { ...vector, headers: { ...vector.headers, "webhook-timestamp": "soon" } },
      { ...vector, headers: { "webhook-signature": vector.headers["webhook-signature"] } }
    ]
    for (const changed of changes) expect(verify(changed, at(1614265330)).standard).toBe("BAD")
    expect(verify(vector, { ...at(1614265330), secret: "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }).standard).toBe("BAD")
  })

  it("takes whatever the headers hold", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), fc.string(), fc.uint8Array(), (signature, stamp, bytes) => {
      const headers = {
        "x-webhook-signature": signature,
        "webhook-signature": signature,
        "webhook-timestamp": stamp,
        "webhook-id": "a"
      }
      expect(verify({ headers, body: bytes }, at(0))).toMatchObject({ hex: "BAD", standard: "BAD" })
    }))
  })
})

const received = (age: number | undefined, stale = false) => ({
  at: 0,
  method: "POST",
  path: "/",
  headers: {},
  body: Buffer.from("x".repeat(10_000)),
  status: 200,
  verification: { hex: "ok", standard: "BAD", age, stale } as const
})
const shown = { ...expected, headers: [], mark: (word: string) => word }

describe("hookline receive", () => {
  for (const key of [secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]) {
    it.scopedLive(`verifies real requests, key ${key.slice(0, 6)}…`, () =>
      Effect.gen(function*() {
        const { line, post } = yield* listening(["--json", "--secret", key])
        const headers = signed(body, key, yield* now)
        expect(yield* post(body, headers)).toBe(200)
        expect(yield* line).toMatchObject({
          method: "POST",
          path: "/",
          status: 200,
          event: "project.created",
          id: "evt_1",
          body,
          signatures: { hex: "ok", standard: "ok", stale: false },
          headers: { "webhook-id": "evt_1" }
        })
        yield* post(body.replace("evt_1", "evt_2"), headers)
        expect(yield* line).toMatchObject({ signatures: { hex: "BAD", standard: "BAD" } })
        yield* post(body, {})
        expect(yield* line).toMatchObject({ signatures: { hex: "absent", standard: "absent" } })
      }))
  }

  it.scopedLive("without a secret says so; prints for people, headers on request, no escape sequences", () =>
    Effect.gen(function*() {
      const { out, post } = yield* listening(["--headers", "X-Extra"])
      const evil = `{"event":"a.b","id":"evt_\u009b2J","data":{"text":"\u009b31m"}}`
      yield* post(evil, { ...signed(evil, secret, yield* now), "x-extra": "shown", "x-other": "hidden" })
      const lines = [yield* Queue.take(out), yield* Queue.take(out), yield* Queue.take(out), yield* Queue.take(out)]
      expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d {2}POST \/ {2}a\.b {2}evt_\\u009b2J {2}answered 200$/)
      expect(lines[1]).toBe("  not verified: no --secret was given")
      expect(lines[2]).toBe("  x-extra: shown")
      expect(lines[3]).toBe("  {")
      expect(lines.join("\n")).not.toMatch(/[\u0080-\u009f]/)
    }))

  it.scopedLive("--fail and --status answer as asked; a platform's own header names", () =>
    Effect.gen(function*() {
      const env = { HOOKLINE_SIGNATURE_HEADER: "x-acme" }
      const { line, post } = yield* listening(["--json", "--fail", "2", "--status", "204", "--secret", secret], env)
      const headers = {
        ...signed(body, secret, yield* now),
        "x-acme": createHmac("sha256", secret).update(body).digest("hex")
      }
      const statuses = [yield* post(body, headers), yield* post(body, headers), yield* post(body, headers)]
      expect(statuses).toEqual([500, 500, 204])
      expect(yield* line).toMatchObject({ status: 500, signatures: { hex: "ok" } })
    }))

  it.scopedLive("bodies over 1 MiB are refused and not kept, bytes that are no text are told as base64", () =>
    Effect.gen(function*() {
      const { line, out, post, url } = yield* listening(["--json", "--secret", secret])
      expect(yield* post(Buffer.alloc(1024 * 1024, 97), {})).toBe(200)
      yield* line
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => connect(Number(new URL(url).port), "127.0.0.1").on("error", () => undefined)),
        (socket) => Effect.sync(() => socket.destroy())
      )
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1048577\r\n\r\n`)
      socket.write(Buffer.alloc(1024 * 1024 + 1, 97))
      const over = JSON.parse(yield* Queue.take(out)) as Record<string, unknown>
      expect(over).toMatchObject({ status: 413, body: null })
      yield* post(Uint8Array.of(0xff, 0xfe), {})
      expect(yield* line).toMatchObject({ body_base64: "//4=" })
    }))

  it.scopedLive("goes on after a request that was cut off", () =>
    Effect.gen(function*() {
      const { line, post, url } = yield* listening(["--json"])
      yield* Effect.async<void>((resume) => {
        const socket = connect(Number(new URL(url).port), "127.0.0.1", () => {
          socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf", () => socket.destroy())
        })
        socket.on("close", () => resume(Effect.void))
      })
      yield* post(body, {})
      expect(yield* line).toMatchObject({ id: "evt_1" })
    }))

  it.scopedLive("a busy port: exit code 2, with what to do", () =>
    Effect.gen(function*() {
      const { url } = yield* listening(["--json"])
      const { port } = new URL(url)
      const { code, error } = yield* type(["receive", "--port", port])
      expect(code).toBe(2)
      expect(error).toBe(`error: port ${port} is in use; give another with --port, 0 takes a free one\n`)
    }))

  it("a long body is cut off for people", () => {
    const text = pretty(received(0.25), shown)
    expect(text).toContain("x-webhook-signature ok · webhook-signature BAD · signed just now\n")
    expect(text).toContain("… 6000 characters more; --json prints all")
  })

  it("says when it was signed", () => {
    expect(pretty(received(400.2, true), shown)).toContain("signed 6.7 min ago (too far away, a replay?)")
    expect(pretty(received(-30), shown)).toContain("signed 30 s in the future")
    expect(pretty(received(undefined), shown)).toContain("no timestamp")
  })
})
