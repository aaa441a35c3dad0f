import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { generate } from "openapi-typescript-codegen"
import { product } from "../support/product.ts"
import { receiver } from "../support/receiver.ts"
import { until } from "../support/until.ts"

const root = new URL("../..", import.meta.url).pathname
const workspace = "ws_generated"

/** What is generated, as far as the test uses it: its names and parameters come from the OpenAPI document alone. */
interface Client {
  readonly OpenAPI: { BASE: string; TOKEN?: string }
  readonly WebhooksService: {
    readonly webhooksCreate: (
      _: { xWorkspaceId: string; requestBody: { url: string; events: Array<string> } }
    ) => Promise<{ readonly id: string; readonly secret: string }>
  }
  readonly EventsService: {
    readonly eventsPublish: (
      _: { xWorkspaceId: string; requestBody: { event: string; data: object } }
    ) => Promise<{ readonly id: string; readonly duplicate: boolean }>
  }
  readonly DeliveriesService: {
    readonly deliveriesList: (
      _: { xWorkspaceId: string; webhookId: string }
    ) => Promise<
      { readonly data: ReadonlyArray<{ readonly id: string; readonly event_id: string; readonly status: string }> }
    >
    readonly deliveriesRetry: (_: { xWorkspaceId: string; id: string }) => Promise<{ readonly status: string }>
  }
  readonly ApiError: new() => Error
}

describe("a client generated from /openapi.json", () => {
  it.scopedLive(
    "compiles, and creates a webhook, publishes an event, sees it delivered and retries it",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver()
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
        const directory = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-client-"))),
          (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
        )
        const { body: document } = yield* hookline.api("GET", "/openapi.json")
        yield* Effect.promise(() =>
          generate({ input: document, output: directory, httpClient: "fetch", useOptions: true })
        )
        execFileSync(
          join(root, "node_modules/.bin/tsc"),
          "--ignoreConfig --noEmit --strict --target es2023 --module esnext --moduleResolution bundler --skipLibCheck --types node"
            .split(" ")
            .concat("--typeRoots", join(root, "node_modules/@types"), join(directory, "index.ts")),
          { stdio: "pipe" }
        )
        const client: Client = yield* Effect.promise(() => import(/* @vite-ignore */ join(directory, "index.ts")))
        client.OpenAPI.BASE = String(JSON.parse(readFileSync(join(hookline.data, "server.json"), "utf8")).url)
        client.OpenAPI.TOKEN = readFileSync(join(hookline.data, "operator.key"), "utf8").trim()

        const webhook = yield* Effect.promise(() =>
          client.WebhooksService.webhooksCreate({
            xWorkspaceId: workspace,
            requestBody: { url: endpoint.url, events: ["project.*"] }
          })
        )
        const event = yield* Effect.promise(() =>
          client.EventsService.eventsPublish({
            xWorkspaceId: workspace,
            requestBody: { event: "project.created", data: { name: "Website Redesign" } }
          })
        )
        expect(event.duplicate).toBe(false)
        const deliveries = Effect.promise(() =>
          client.DeliveriesService.deliveriesList({ xWorkspaceId: workspace, webhookId: webhook.id })
        )
        const succeeded = (times: number) =>
          until(
            `the delivery to have succeeded, ${times} requests`,
            deliveries,
            ({ data }) => data[0]?.status === "succeeded" && endpoint.seen.get(event.id) === times
          )
        const { data: [delivery] } = yield* succeeded(1)
        expect(delivery?.event_id).toBe(event.id)
        const retried = yield* Effect.promise(() =>
          client.DeliveriesService.deliveriesRetry({ xWorkspaceId: workspace, id: delivery?.id ?? "" })
        )
        expect(retried.status).toBe("accepted")
        yield* succeeded(2)

        const refused = yield* Effect.promise(() =>
          client.WebhooksService.webhooksCreate({
            xWorkspaceId: workspace,
            requestBody: { url: "no address", events: [] }
          })
            .then(() => undefined, (error: unknown) => error)
        )
        expect(refused).toBeInstanceOf(client.ApiError)
        expect(refused).toMatchObject({
          status: 422,
          body: { error: { field: expect.stringMatching(/^(url|events)$/) } }
        })
      }),
    90_000
  )
})
