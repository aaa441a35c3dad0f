import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Streams } from "../../src/broker/Streams.ts"
import { WorkspaceId } from "../../src/model/Id.ts"
import { Vault } from "../../src/registry/Vault.ts"
import { Webhooks } from "../../src/registry/Webhooks.ts"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { apiLayer, ask, operatorKey } from "../support/api.ts"
import { receiver } from "../support/receiver.ts"
import { type } from "../support/shell.ts"

const workspace = WorkspaceId.make("ws_1")

const lastSequences = Effect.flatMap(
  Streams,
  (streams) =>
    Effect.forEach(
      [0, 1, 2, 3],
      (number) => Effect.map(streams.state(`DELIVERIES-${number}`), ({ lastSequence }) => lastSequence)
    )
)

layer(apiLayer({ config: { allowHttp: true } }), { excludeTestServices: true })("test events over HTTP", (it) => {
  it.effect("an address that the policy refuses is a result like any other, without a request", () =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      // As if the operator had allowed the address when it was made.
      const { webhook } = yield* webhooks.create(workspace, { url: "http://10.0.0.1:9/", events: ["*"] })
      const { json, status } = yield* ask("POST", `/v1/webhooks/${webhook.id}/test`)
      expect(status).toBe(200)
      expect(json).toMatchObject({
        event: "project.created",
        recorded: true,
        attempt: {
          class: "address",
          status: null,
          address: null,
          error: expect.stringMatching(/refused|not allowed|public/)
        }
      })
    }))

  it.effect("without its secret nothing is sent, and nothing recorded", () =>
    Effect.gen(function*() {
      const webhooks = yield* Webhooks
      const vault = yield* Vault
      const { webhook } = yield* webhooks.create(workspace, { url: "https://example.com/", events: ["*"] })
      yield* vault.destroy(workspace, webhook.id)
      const before = yield* lastSequences
      expect(yield* ask("POST", `/v1/webhooks/${webhook.id}/test`)).toMatchObject({
        status: 409,
        json: { error: { type: "secret_unavailable" } }
      })
      expect(yield* lastSequences).toEqual(before)
    }))
})

layer(apiLayer({ config: { allowHttp: true, allowCidrs: ["127.0.0.0/8"] } }), { excludeTestServices: true })(
  "hookline webhooks test",
  (it) => {
    it.scoped("says in words what came of it, and with the exit code whether the endpoint took it", () =>
      Effect.gen(function*() {
        let status = 200
        const endpoint = yield* receiver((response) => void response.writeHead(status).end("\u001b[2Jok"))
        const webhooks = yield* Webhooks
        const { webhook } = yield* webhooks.create(workspace, { url: endpoint.url, events: ["task.*"] })
        const { url } = yield* ApiServer
        const env = { HOOKLINE_URL: url, HOOKLINE_API_KEY: operatorKey, HOOKLINE_WORKSPACE: workspace }
        const test = (words: ReadonlyArray<string>, input?: string) =>
          type(["webhooks", "test", webhook.id, ...words], { env, ...(input === undefined ? {} : { input }) })

        const fine = yield* test([])
        expect({ code: fine.code, error: fine.error }).toEqual({ code: 0, error: "" })
        expect(fine.out).toMatch(/^test event {2}evt_test_[0-9a-f]{32} task\.created\n/)
        expect(fine.out).toMatch(/^answer {6}200$/m)
        expect(fine.out).toContain("\\u001b[2Jok")

        yield* test(["--event", "project.created", "--data", "{\"n\": 1.0}"])
        expect(endpoint.arrivals.at(-1)?.body.toString()).toMatch(/"event":"project.created".*"data":\{"n": 1\.0\}\}$/)
        yield* test(["--file", "-"], "{ \"piped\": true }")
        expect(endpoint.arrivals.at(-1)?.body.toString()).toMatch(
          /"event":"task.created".*"data":\{ "piped": true \}\}$/
        )

        status = 503
        const down = yield* test(["--json"])
        expect(down).toMatchObject({ code: 1, error: expect.stringMatching(/^error: .*503/) })
        expect(JSON.parse(down.out).attempt).toMatchObject({ class: "status", status: 503 })
        expect(yield* test(["--event", "task.exploded"])).toMatchObject({
          code: 1,
          error: expect.stringContaining("(field: event)")
        })
        expect(yield* test(["--data", "[1]"])).toMatchObject({ code: 2 })
      }))
  }
)
