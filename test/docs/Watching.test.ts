/**
 * The page follows an event by commands. They are typed here as they stand there, at a hookline that was really started, and print what stands
 * there. With `--update` the page gets what they print.
 */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { product } from "../support/product.ts"
import { receiver } from "../support/receiver.ts"
import { type } from "../support/shell.ts"
import { addWebhook, deliveries, until } from "../support/until.ts"

const path = fileURLToPath(new URL("../../docs/watching.md", import.meta.url))
const page = readFileSync(path, "utf8")

const workspace = "ws_demo"
const columns = 100

/** The ids of a run, by kind in the order in which they come, and texts without what differs from run to run. */
const run = () => {
  const ids: Record<string, Array<string>> = {}
  const place = (id: string): readonly [kind: string, index: number] => {
    const kind = id.slice(0, id.indexOf("_"))
    const known = ids[kind] ??= []
    return [kind, known.includes(id) ? known.indexOf(id) : known.push(id) - 1]
  }
  const comparable = (text: string): string =>
    text.trim()
      .replaceAll(/\b(?:evt|dlv|wh)_\w+/g, (id) => place(id).join(" "))
      .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "a time")
      .replaceAll(/\d+(?:\.\d+)? m?s\b/g, "a while")
      .replaceAll(/127\.0\.0\.1:\d+/g, "an address")
      // The widths of columns follow from it.
      .replaceAll(/ {2,}/g, "  ")
  return { ids, place, comparable }
}

const wordsOf = (line: string): ReadonlyArray<string> =>
  [...line.replace("$ node dist/main.js ", "").matchAll(/'([^']*)'|(\S+)/g)]
    .map(([, quoted, plain]) => quoted ?? plain ?? "")

it.scopedLive(
  "docs/watching.md: one event from its publication to its last attempt, by commands alone",
  () =>
    Effect.gen(function*() {
      const endpoint = yield* receiver((response, { count }) =>
        count === 1 ? void response.writeHead(503).end("down for maintenance") : void response.end("ok")
      )
      const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
      const add = (settings: object = {}) => addWebhook(hookline, { url: endpoint.url, ...settings }, workspace)
      const failing = yield* add()
      const paused = yield* add()
      yield* add({ events: ["task.*"] })
      yield* hookline.api("POST", `/v1/webhooks/${paused.id}/pause`, undefined, workspace)

      const [written, printed] = [run(), run()]
      /** The word of the page as it is here. */
      const real = (word: string): string => {
        if (!/^(?:evt|dlv|wh)_/.test(word)) return word
        const [kind, index] = written.place(word)
        return printed.ids[kind]?.[index] ?? word
      }
      const settled = (webhookId: string, status: string) =>
        until(
          `${webhookId} ${status}`,
          deliveries(hookline, webhookId, workspace),
          (all) => [...all.values()].some((one) => one.status === status && (status === "held" || one.attempts > 0))
        )
      const typed = (line: string) =>
        Effect.gen(function*() {
          const words = wordsOf(line).map(real)
          const env = { HOOKLINE_DATA: hookline.data, HOOKLINE_WORKSPACE: workspace, NO_COLOR: "1" }
          const { code, error, out } = yield* type(words, { columns, env })
          expect({ line, code, error: error.replace(/^note: .*\n/, "") }).toEqual({ line, code: 0, error: "" })
          for (const each of out.split("\n")) expect(each.length, each).toBeLessThanOrEqual(columns)
          if (words[0] === "publish") {
            yield* settled(failing.id, "retrying")
            yield* settled(paused.id, "held")
          }
          if (words[1] === "retry") yield* settled(failing.id, "succeeded")
          return out
        })

      let [now, differs] = [page, false]
      for (const [block, lines = ""] of page.matchAll(/^```console\n([^]*?)^```$/gm)) {
        const steps: Array<string> = []
        for (const [, line = "", expected = ""] of lines.matchAll(/^(\$ .*\n)((?:(?!\$ ).*\n)*)/gm)) {
          const out = yield* typed(line.trim())
          differs ||= written.comparable(expected) !== printed.comparable(out)
          steps.push(line.replaceAll(/\b(?:evt|dlv|wh)_\w+/g, real) + out.trimEnd())
        }
        const text = steps.join("\n\n").replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:4000")
        now = now.replace(block, () => `\`\`\`console\n${text}\n\`\`\``)
      }
      // With room for it, a line each.
      for (const width of [150, undefined]) {
        const env = { HOOKLINE_DATA: hookline.data, HOOKLINE_WORKSPACE: workspace, NO_COLOR: "1" }
        const { out } = yield* type(
          ["events", "explain", printed.ids["evt"]?.[0] ?? ""],
          width === undefined ? { env } : { env, columns: width }
        )
        expect(out).toMatch(/^WEBHOOK +REASON +STATUS +TRIES +/m)
        expect(out).toMatch(
          new RegExp(`^${paused.id}  it subscribed to this type and was paused: the delivery is held  +held`, "m")
        )
        for (const each of out.split("\n")) expect(each.length, each).toBeLessThanOrEqual(width ?? 300)
      }
      expect(endpoint.arrivals).toHaveLength(2)
      yield* Effect.promise(() => expect(differs ? now : page).toMatchFileSnapshot(path))
    }),
  60_000
)
