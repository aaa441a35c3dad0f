import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Fiber } from "effect"
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { settings } from "../../src/Config.ts"
import { decode } from "../../src/model/Catalogue.ts"
import { rejectionReasons } from "../../src/model/Rejection.ts"
import { eventually } from "../support/broker.ts"
import { type Product, product } from "../support/product.ts"
import { type Arrival, receiver } from "../support/receiver.ts"
import { addWebhook, publish, untilDelivery } from "../support/until.ts"
import {
  type Environment,
  folder,
  go,
  java,
  needs,
  php,
  python,
  root,
  ruby,
  run,
  sample,
  samples,
  serve,
  text,
  works
} from "./programs.ts"

/** The programs of docs/samples do what the pages say, against a started hookline; the pages quote them word for word. */

// ------------------------------------------------------------------------------------------------ what the machine has

const flask = python && works("python3", "-c", "import flask")
const natsPy = python && works("python3", "-c", "import nats")
const puma = ruby && works("puma", "--version")

/** The newest `nats.go` that lies in the module cache: nothing is fetched for a test. */
const natsGo = (): string | undefined => {
  const cache = spawnSync("go", ["env", "GOMODCACHE"], { encoding: "utf8", timeout: 20_000 })
  const versions = cache.status === 0 ? join(cache.stdout.trim(), "cache/download/github.com/nats-io/nats.go/@v") : ""
  return existsSync(versions)
    ? readdirSync(versions).filter((name) => name.endsWith(".zip")).map((name) => name.slice(0, -4)).sort().at(-1)
    : undefined
}

const goVersion = natsGo()

// ------------------------------------------------------------------------------------------------------ running things

const publisherUrl = ({ data }: Product) =>
  Effect.map(
    run(process.execPath, ["dist/main.js", "nats-url", "--publisher", "--data-dir", data]),
    ({ out }) => out.trim()
  )

const post = (url: string, { body, headers }: Pick<Arrival, "body" | "headers">) =>
  Effect.promise(async () => {
    const sent = Object.entries(headers).filter(([name]) => /^(content-type|x-webhook|webhook)/.test(name))
    const answer = await fetch(url, { method: "POST", body, headers: Object.fromEntries(sent) as Environment })
    return answer.status
  })

// ---------------------------------------------------------------------------------------------------------- publishing

interface PublishingSample {
  readonly name: string
  readonly command: string
  readonly stored: RegExp
  readonly there: boolean
}

const node = process.execPath
const publishers: ReadonlyArray<PublishingSample> = [
  { name: "publish.mjs", command: node, stored: /^(\w+) is stored as EVENTS \d+\n$/, there: true },
  { name: "publish_http.mjs", command: node, stored: /^(\w+) is stored\n$/, there: true },
  { name: "publish.py", command: "python3", stored: /^(\w+) is stored as EVENTS \d+\n$/, there: natsPy }
]

describe("the samples for publishers", () => {
  for (const { command, name, stored, there } of publishers) {
    it.scopedLive.skipIf(!there)(
      `${name} publishes once, however often it is run${needs("nats-py", there)}`,
      () =>
        Effect.gen(function*() {
          const endpoint = yield* receiver()
          const hookline = yield* product()
          yield* addWebhook(hookline, { url: endpoint.url })
          const env = {
            NATS_URL: yield* publisherUrl(hookline),
            API_URL: JSON.parse(readFileSync(join(hookline.data, "server.json"), "utf8")).url,
            API_KEY: readFileSync(join(hookline.data, "operator.key"), "utf8").trim()
          }
          const data = "{\"name\":\"Website Redesign\"}"
          const given = [sample(name), "ws_1", "project.created", data, "evt_mine"]
          expect((yield* run(command, given, env)).out).toMatch(stored)
          expect((yield* run(command, given, env)).out).toBe("evt_mine was stored before\n")
          expect((yield* run(command, given.slice(0, 4), env)).out).toMatch(/^evt_/)
          yield* eventually("two deliveries", () => endpoint.arrivals.length === 2)
          expect(endpoint.seen.get("evt_mine")).toBe(1)
          expect(JSON.parse(endpoint.arrivals[0]!.body.toString())).toMatchObject({
            id: "evt_mine",
            event: "project.created",
            workspace_id: "ws_1",
            data: { name: "Website Redesign" }
          })

          const injected = yield* run(command, [sample(name), "ws_1.task", "project.created", "{}"], env)
          expect(injected.code).toBe(1)
          expect(injected.error).toMatch(/not publishable|workspace/i)
        })
    )
  }

  it.scopedLive("publish.mjs waits for a broker that is away", () =>
    Effect.gen(function*() {
      const endpoint = yield* receiver()
      const hookline = yield* product()
      yield* addWebhook(hookline, { url: endpoint.url })
      const env = { NATS_URL: yield* publisherUrl(hookline) }
      yield* hookline.kill
      const publishing = yield* Effect.fork(
        run(node, [sample("publish.mjs"), "ws_1", "task.created", "{}", "evt_late"], env)
      )
      yield* hookline.start
      expect((yield* Fiber.join(publishing)).out).toMatch(/^evt_late (is stored as EVENTS \d+|was stored before)\n$/)
      yield* eventually("the delivery", () => endpoint.seen.get("evt_late") === 1)
    }))

  it.scoped.skipIf(goVersion === undefined)(
    `publish.go is in order${needs("go and nats.go in its module cache", goVersion !== undefined)}`,
    (context) =>
      Effect.gen(function*() {
        const module = yield* folder
        copyFileSync(sample("publish.go"), join(module, "publish.go"))
        writeFileSync(
          join(module, "go.mod"),
          `module publish\n\ngo 1.21\n\nrequire github.com/nats-io/nats.go ${goVersion}\n`
        )
        const resolved = yield* run("go", ["list", "-deps", "."], {}, "", module)
        // What nats.go itself requires may be missing from the cache, or want a newer Go.
        if (resolved.code !== 0) return context.skip(`its modules are not all at hand: ${resolved.error}`)
        expect(yield* run("go", ["vet", "."], {}, "", module)).toMatchObject({ code: 0, error: "" })
      }),
    120_000
  )
})

// ----------------------------------------------------------------------------------------------------------- receiving

interface ReceivingSample {
  readonly name: string
  readonly needs: string
  readonly there: boolean
  /** What runs it, once what has to be compiled lies in the folder. */
  readonly command: (folder: string) => Effect.Effect<readonly [command: string, ...args: ReadonlyArray<string>]>
  readonly printed: string
}

const compiled = (command: string, ...args: ReadonlyArray<string>) =>
  Effect.map(run(command, args), (ended) => expect(ended).toMatchObject({ code: 0, error: "" }))

const receivers: ReadonlyArray<ReceivingSample> = [
  {
    name: "receive.mjs",
    needs: "node",
    there: true,
    command: () => Effect.succeed([node, sample("receive.mjs")]),
    printed: "project.created evt_1 {\"n\":1}"
  },
  {
    name: "receive_flask.py",
    needs: "flask",
    there: flask,
    command: () => Effect.succeed(["python3", sample("receive_flask.py")]),
    printed: "project.created evt_1 {\"n\": 1}"
  },
  {
    name: "receive.go",
    needs: "go",
    there: go,
    command: (folder) =>
      Effect.as(compiled("go", "build", "-o", join(folder, "receive"), sample("receive.go"), sample("verify.go")), [
        join(folder, "receive")
      ]),
    printed: "project.created evt_1 {\"n\":1}"
  },
  {
    name: "receive.php",
    needs: "PHP 8",
    there: php,
    command: () => Effect.succeed(["php", "-S", "127.0.0.1:0", sample("receive.php")]),
    printed: "project.created evt_1 is stored"
  },
  {
    name: "receive.ru",
    needs: "ruby and puma",
    there: puma,
    command: () => Effect.succeed(["puma", "--bind", "tcp://127.0.0.1:0", sample("receive.ru")]),
    printed: "project.created evt_1 {\"n\":1}"
  },
  {
    name: "Receive.java",
    needs: "a JDK from 17 on",
    there: java,
    command: (folder) =>
      Effect.as(compiled("javac", "-d", folder, sample("Receive.java"), sample("Verify.java")), [
        "java",
        "-cp",
        folder,
        "Receive"
      ]),
    printed: "evt_1 {\"id\":\"evt_1\",\"event\":\"project.created\""
  }
]

describe("the samples for endpoints", () => {
  for (const { command, name, needs: needed, printed, there } of receivers) {
    it.scopedLive.skipIf(!there)(
      `${name} takes what is signed, works on it once${needs(needed, there)}`,
      () =>
        Effect.gen(function*() {
          const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
          const place = yield* folder
          const [program, ...args] = yield* command(place)
          const endpoint = yield* serve(program, args, { WEBHOOK_SECRET: secret, PORT: "0", INBOX: place })
          const beside = yield* receiver()
          const hookline = yield* product()
          const { id } = yield* addWebhook(hookline, { url: endpoint.url, secret })
          yield* addWebhook(hookline, { url: beside.url, secret })
          const event = { id: "evt_1", event: "project.created", data: { n: 1 } }
          expect((yield* hookline.api("POST", "/v1/events", event)).status).toBe(202)
          yield* untilDelivery(hookline, id, "evt_1", "succeeded")
          yield* eventually("the work", () => endpoint.output().includes(printed))

          yield* eventually("the request itself", () => beside.arrivals.length === 1)
          const { body, headers } = beside.arrivals[0]!
          expect(yield* post(endpoint.url, { body, headers })).toBe(200)
          expect(yield* post(endpoint.url, { body: Buffer.concat([body, Buffer.from(" ")]), headers })).toBe(401)
          expect(yield* post(endpoint.url, { body, headers: {} })).toBe(401)
          const old = { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) - 301) }
          expect(yield* post(endpoint.url, { body, headers: old })).toBe(401)
          expect(endpoint.output().split(printed).length).toBe(2)
        }),
      120_000
    )
  }

  interface Case {
    readonly body: string
    readonly headers: Environment
    readonly secret: string
    /** Seconds after the attempt. */
    readonly later: number
    readonly expected: { readonly hex: boolean; readonly standard: boolean }
  }

  const right = { hex: true, standard: true }
  const wrong = { hex: false, standard: false }

  /** Requests that a started hookline sent: with a secret that was made, one of the customer's own, and in a rotation. */
  const cases: Effect.Effect<ReadonlyArray<Case>> = Effect.gen(function*() {
    const endpoint = yield* receiver()
    const hookline = yield* product()
    const found: Array<Case> = []
    const sent = (name: string, workspace: string, check: (request: Omit<Case, "secret" | "expected">) => void) =>
      Effect.gen(function*() {
        yield* publish(hookline, name, "project.created", workspace)
        yield* eventually(name, () => endpoint.seen.has(name))
        const { body, headers } = endpoint.arrivals.find(({ id }) => id === name)!
        check({ body: body.toString(), headers: headers as Environment, later: 0 })
      })

    const made = yield* addWebhook(hookline, { url: endpoint.url }, "ws_made")
    yield* sent("evt_made", "ws_made", (request) =>
      found.push(
        { ...request, secret: made.secret, expected: right },
        { ...request, secret: `${made.secret.slice(0, -5)}AAAA=`, expected: wrong },
        { ...request, secret: made.secret, body: `${request.body} `, expected: wrong },
        { ...request, secret: made.secret, later: 299, expected: right },
        { ...request, secret: made.secret, later: 301, expected: { hex: true, standard: false } },
        { ...request, secret: made.secret, headers: {}, expected: wrong }
      ))

    const secret = "größer als 8 Zeichen"
    const own = yield* addWebhook(hookline, { url: endpoint.url, secret }, "ws_own")
    yield* sent("evt_own", "ws_own", (request) => found.push({ ...request, secret, expected: right }))

    const rotated = yield* hookline.api("POST", `/v1/webhooks/${own.id}/rotate-secret`, {}, "ws_own")
    expect(rotated.status).toBe(200)
    yield* sent("evt_overlap", "ws_own", (request) =>
      found.push(
        { ...request, secret, expected: right },
        { ...request, secret: rotated.body.secret, expected: { hex: false, standard: true } }
      ))
    expect((yield* hookline.api("POST", `/v1/webhooks/${own.id}/end-overlap`, undefined, "ws_own")).status).toBe(200)
    yield* sent("evt_after", "ws_own", (request) =>
      found.push(
        { ...request, secret, expected: wrong },
        { ...request, secret: rotated.body.secret, expected: right }
      ))
    return found
  }).pipe(Effect.scoped)

  const attemptTime = ({ headers }: Case) => Number(headers["webhook-timestamp"] ?? 0)

  it.live("verify.mjs, verify.py and the function of the platform's page agree about real requests", () =>
    Effect.gen(function*() {
      const all = yield* cases
      const expected = all.map((one) => one.expected)
      const { verifyHex, verifyStandard } = yield* Effect.promise(() => import(sample("verify.mjs")))
      expect(all.map((one) => ({
        hex: verifyHex(Buffer.from(one.body), one.headers["x-webhook-signature"], one.secret),
        standard: verifyStandard(Buffer.from(one.body), one.headers, one.secret, attemptTime(one) + one.later)
      }))).toEqual(expected)

      if (!python) return
      const given = all.map((one) => ({
        ...one,
        now: attemptTime(one) + one.later,
        signature: one.headers["x-webhook-signature"] ?? null
      }))
      const harness = `
import json, sys
sys.path[:0] = sys.argv[1:]
from verify import verify_hex, verify_standard
from page import verify_webhook
print(json.dumps([{
    "hex": verify_hex(one["body"].encode(), one["signature"], one["secret"]),
    "standard": verify_standard(one["body"].encode(), one["headers"], one["secret"], one["now"]),
    "page": verify_webhook(one["body"], one["signature"] or "", one["secret"]),
} for one in json.load(sys.stdin)]))
`
      const args = ["-c", harness, samples, join(root, "test/docs")]
      const answered = yield* run("python3", args, {}, JSON.stringify(given))
      expect(answered.error).toBe("")
      expect(JSON.parse(answered.out)).toEqual(expected.map((one) => ({ ...one, page: one.hex })))
    }))

  it.effect.skipIf(!python)(`every Python sample compiles${needs("python3", python)}`, () =>
    Effect.gen(function*() {
      const names = readdirSync(samples).filter((name) => name.endsWith(".py")).map(sample)
      expect(names.length).toBeGreaterThan(2)
      const program = "import sys\nfor name in sys.argv[1:]: compile(open(name).read(), name, 'exec')"
      expect(yield* run("python3", ["-c", program, ...names])).toMatchObject({ code: 0, error: "" })
    }))
})

// --------------------------------------------------------------------------------------------------------------- pages

const pages = ["docs/publishing.md", "docs/receiving.md"]

const blocks = (page: string, language: string): ReadonlyArray<string> =>
  [...text(page).matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(([, , code = ""]) => code)

/** The first cells of a table that has this head. */
const firstCells = (page: string, head: string): ReadonlyArray<string> => {
  const lines = text(page).split("\n")
  const rows = lines.slice(lines.findIndex((line) => line.startsWith(head)) + 2)
  const end = rows.findIndex((line) => !line.startsWith("|"))
  return rows.slice(0, end).map((row) => (row.split("|")[1] ?? "").trim().replaceAll("`", ""))
}

describe("the pages about publishing and receiving", () => {
  for (const language of ["js", "python", "go", "php", "ruby", "java"]) {
    it(`quote ${language} from the samples word for word`, () => {
      const sources = readdirSync(samples).map((name) => text(join("docs/samples", basename(name))))
      const quoted = pages.flatMap((page) => blocks(page, language))
      expect(quoted.length).toBeGreaterThan(0)
      for (const code of quoted) expect(sources.some((source) => source.includes(code)), code).toBe(true)
    })
  }

  it("name every reason of the quarantine, in order, and every class of a failed attempt", () => {
    expect(firstCells("docs/publishing.md", "| reason |")).toEqual(rejectionReasons)
    const classes = /export type OutcomeClass =([^]*?)\n\n/.exec(text("src/model/Attempt.ts"))?.[1]?.match(/\w+/g)
    expect(firstCells("docs/receiving.md", "| class |")).toEqual(classes?.filter((name) => name !== "success"))
  })

  it("have the retry schedule as it is", () => {
    const rows = text("docs/receiving.md").match(/^\| \d \| .* \|$/gm) ?? []
    const offsets = rows.map((row) => (row.split("|")[2] ?? "").trim().replace("at once", "0s").replaceAll(/ |in/g, ""))
    expect(offsets.join(",")).toBe(settings.retrySchedule.default)
  })

  it("show a request that is really signed", async () => {
    const { verifyHex, verifyStandard } = await import(sample("verify.mjs"))
    const [head = "", body = ""] = (blocks("docs/receiving.md", "http")[0] ?? "").trimEnd().split("\n\n")
    const headers = Object.fromEntries(head.split("\n").slice(1).map((line) => line.split(": ")))
    const secret = /whsec_[A-Za-z0-9+/=]{8,}/.exec(text("docs/receiving.md"))?.[0]
    expect(headers["content-length"]).toBe(String(Buffer.byteLength(body)))
    expect(verifyHex(body, headers["x-webhook-signature"], secret)).toBe(true)
    expect(verifyStandard(body, headers, secret, Number(headers["webhook-timestamp"]))).toBe(true)
  })

  it("have a catalogue that can be used", () => {
    const file = text("docs/samples/catalogue.json")
    expect(blocks("docs/publishing.md", "json")).toContain(file)
    const catalogue = Either.getOrThrow(decode(JSON.parse(file)))
    expect(catalogue.types.size).toBe(21)
    expect(catalogue.checks.get("invoice.paid")?.({ id: "inv_1", amount: -1, currency: "EUR" })).toMatchObject({
      field: "data.amount"
    })
  })
})
