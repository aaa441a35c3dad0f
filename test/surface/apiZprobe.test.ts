import { layer } from "@effect/vitest"
import { Effect } from "effect"
import { connect } from "node:net"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { apiLayer, ask, operatorKey } from "../support/api.ts"
layer(apiLayer(), { excludeTestServices: true, timeout: "60 seconds" })("probe", (it) => {
  it.effect("slow", () => Effect.gen(function*() {
    const { host, port, url } = yield* ApiServer
    const log = (s: string) => process.stdout.write(s + "\n")
    const t0 = performance.now()
    const half = (text: string) => Effect.async<string>((resume) => {
      let got = ""
      const s = connect(port, host, () => s.write(text))
      s.on("data", (d) => got += d).on("error", () => 0).on("close", () => resume(Effect.succeed(`${((performance.now() - t0) / 1000).toFixed(1)} s: ${got.split("\r\n")[0]}`)))
    })
    const r = yield* Effect.all([
      half("GET /healthz HTTP/1.1\r\nhost: x\r\n"),
      half(`POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${operatorKey}\r\nx-workspace-id: a\r\ncontent-length: 100\r\n\r\n{`)
    ], { concurrency: "unbounded" })
    r.forEach(log)
    const body = JSON.stringify({ event: "project.created", data: { a: "x".repeat(900) } })
    const t1 = performance.now()
    yield* Effect.forEach(Array.from({ length: 4000 }), () => ask("POST", "/v1/events", { body }), { concurrency: 50 })
    log(`4000 POSTs at 50: ${(4000 / (performance.now() - t1) * 1000).toFixed(0)}/s (client in same process)`)
    const up = yield* Effect.async<string>((resume) => {
      let got = ""
      const s = connect(port, host, () => s.write(`POST /v1/events HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nauthorization: Bearer ${operatorKey}\r\nx-workspace-id: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`))
      s.on("data", (d) => { got += d; s.end() }).on("close", () => resume(Effect.succeed(got.split("\r\n")[0] ?? "")))
    })
    log("upgrade: " + up)
    log(url)
    yield* Effect.promise(async () => { const c = new AbortController(); const p = fetch(url + "/v1/events", { method: "POST", body: new ReadableStream({ start: (x) => x.enqueue(new Uint8Array(1000)) }), duplex: "half", signal: c.signal, headers: { authorization: `Bearer ${operatorKey}`, "x-workspace-id": "a" } } as never).catch(() => 0); await new Promise((r) => setImmediate(r)); c.abort(); await p })
    yield* ask("POST", "/v1/events", { body })
  }), 90000)
})
