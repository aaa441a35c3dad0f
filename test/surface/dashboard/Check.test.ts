import { createHmac } from "node:crypto"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { check, type Checked, type Given } from "../../../src/surface/dashboard/verify/Check.ts"
import { pastedHeaders, span } from "../../../src/surface/dashboard/verify/Request.ts"

/** The dashboard's check of signatures gives the answers of docs/samples, and says what is wrong. */

interface Vector extends Omit<Given, "names"> {
  readonly name: string
  readonly standard: boolean
  readonly hex: boolean
}

const vectors: ReadonlyArray<Vector> = JSON.parse(
  readFileSync(new URL("../../../docs/samples/vectors.json", import.meta.url), "utf8")
)

const names = { hex: "x-webhook-signature", standardPrefix: "webhook" }
const vector = (name: string): Given => {
  const found = vectors.find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no vector ${name}`)
  return { ...found, names }
}
const asSent = vector("the request that docs/receiving.md shows")

/** As the sender would have signed it. */
const signed = (body: string, secret: string): Given => {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret)
  const id = "evt_1"
  const timestamp = String(asSent.now)
  return {
    body,
    secret,
    now: asSent.now,
    names,
    headers: {
      "x-webhook-signature": createHmac("sha256", secret).update(body).digest("hex"),
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`
    }
  }
}
const own = signed("{\n  \"name\": \"größer\",\n  \"url\": \"https:\\/\\/example.com\"\n}", "my own secret")
const pretty = signed(JSON.stringify({ id: "evt_1", data: { name: "größer" } }), "my own secret")

describe("the answers of vectors.json", () => {
  it.each(vectors)("$name", async (vector) => {
    const { hex, standard } = await check({ ...vector, names })
    expect([standard.state === "right", hex.state === "right"]).toEqual([vector.standard, vector.hex])
  })
})

const without = (given: Given, ...names: ReadonlyArray<string>): Given => ({
  ...given,
  headers: Object.fromEntries(Object.entries(given.headers).filter(([name]) => !names.includes(name)))
})
const withHeader = (given: Given, name: string, value: string): Given => ({
  ...given,
  headers: { ...given.headers, [name]: value }
})

const cases: ReadonlyArray<readonly [what: string, Given, which: keyof Checked, state: string, said: RegExp]> = [
  ["no signature", without(asSent, "webhook-signature"), "standard", "absent", /no header webhook-signature.*proxy/],
  ["no other signature", without(asSent, "x-webhook-signature"), "hex", "absent", /no header x-webhook-signature/],
  ["no id", without(asSent, "webhook-id"), "standard", "wrong", /no header webhook-id\. webhook-signature covers it/],
  [
    "old",
    { ...asSent, now: asSent.now + 725 },
    "standard",
    "old",
    /signed 12 min 5 s ago: at most 5 min.*Everything else/
  ],
  ["ahead", { ...asSent, now: asSent.now - 90_000 }, "standard", "old", /1 day 1 h ahead/],
  ["milliseconds", vector("a time in milliseconds"), "standard", "wrong", /in milliseconds/],
  ["a line end", { ...own, body: `${own.body}\n` }, "standard", "wrong", /line end at its end that was not sent/],
  ["a line end", { ...own, body: `${own.body}\n` }, "hex", "wrong", /line end at its end that was not sent/],
  ["line ends", { ...own, body: own.body.replaceAll("\n", "\r\n") }, "hex", "wrong", /\\n became \\r\\n/],
  ["a mark", { ...own, body: `\ufeff${own.body}` }, "hex", "wrong", /byte order mark|white space around/],
  [
    "Latin-1",
    { ...own, body: Buffer.from(own.body).toString("latin1") },
    "standard",
    "wrong",
    /read as Latin-1, but it is UTF-8/
  ],
  [
    "printed",
    { ...pretty, body: JSON.stringify(JSON.parse(pretty.body), undefined, 2) },
    "standard",
    "wrong",
    /parsed and written anew/
  ],
  [
    "as Python writes it",
    { ...pretty, body: "{\"id\": \"evt_1\", \"data\": {\"name\": \"gr\\u00f6\\u00dfer\"}}" },
    "hex",
    "wrong",
    /parsed and written anew/
  ],
  ["unreadable", { ...pretty, body: pretty.body.replace("ö", "\ufffd") }, "hex", "wrong", /could not be read/],
  ["white space", { ...asSent, secret: ` ${asSent.secret}\n` }, "standard", "wrong", /secret has white space/],
  ["half a secret", { ...asSent, secret: asSent.secret.slice(6) }, "hex", "wrong", /whsec_ is part of it/],
  ["a cut secret", { ...asSent, secret: asSent.secret.slice(0, -2) }, "standard", "wrong", /not whole/],
  ["no secret", { ...asSent, secret: "" }, "standard", "wrong", /no secret/],
  ["another secret", vector("another secret"), "standard", "wrong", /Either the secret .* or the body/],
  ["a rotation", vector("a rotation, at the endpoint with the new secret"), "hex", "wrong", /being rotated/],
  ["another attempt's id", vector("another id"), "standard", "wrong", /another request's/],
  ["in hex", vector("a webhook-signature in hex"), "standard", "wrong", /in hex, and must be in base64/],
  [
    "a comma",
    vector("a webhook-signature with a comma between two"),
    "standard",
    "wrong",
    /there is a space, no comma/
  ],
  ["another version", vector("a webhook-signature of another version"), "standard", "wrong", /version is not v1/],
  ["the body alone", vector("a webhook-signature of the body alone"), "standard", "wrong", /covers the body alone/],
  ["the text", vector("a webhook-signature with the secret's text as the key"), "standard", "wrong", /secret's text/],
  ["upper case", vector("an x-webhook-signature in upper case"), "hex", "wrong", /lower-case hex/],
  ["sha256=", vector("an x-webhook-signature with sha256= before it"), "hex", "wrong", /begins with sha256=/],
  ["base64", vector("an x-webhook-signature in base64"), "hex", "wrong", /is in base64/],
  [
    "cut off",
    withHeader(asSent, "x-webhook-signature", "68b225"),
    "hex",
    "wrong",
    /64 characters of hex, and this is 6/
  ]
]

describe("what is wrong", () => {
  it.each(cases)("%s (%#)", async (_, given, which, state, said) => {
    const verdict = (await check(given))[which]
    expect(verdict.state).toBe(state)
    expect(`${verdict.message} ${verdict.more ?? ""}`).toMatch(said)
  })

  it("reads the headers of the installation", async () => {
    const names = { hex: "x-acme", standardPrefix: "acme" }
    const headers = Object.fromEntries(
      Object.entries(asSent.headers).map((
        [name, value]
      ) => [name.replace("x-webhook-signature", names.hex).replace(/^webhook/, "acme"), value])
    )
    const { hex, standard } = await check({ ...asSent, headers, names })
    expect([standard.state, hex.state]).toEqual(["right", "right"])
    expect((await check({ ...asSent, names })).standard.message).toBe("There is no header acme-signature.")
  })
})

describe("pasted headers", () => {
  const pasted: ReadonlyArray<
    readonly [what: string, text: string, headers: object, notUnderstood: ReadonlyArray<string>]
  > = [
    ["nothing", "", {}, []],
    ["lines", "Webhook-Id: evt_1\r\nhost:example.com:80\n\n", { "webhook-id": "evt_1", host: "example.com:80" }, []],
    ["a request line", "POST /hook HTTP/1.1\nwebhook-id: evt_1", { "webhook-id": "evt_1" }, []],
    ["curl", "-H 'Webhook-Id: evt_1' \\\n  --header \"a: b\"", { "webhook-id": "evt_1", a: "b" }, []],
    ["JSON", "{\"Webhook-Id\":\"evt_1\",\"list\":[\"a\",\"b\"]}", { "webhook-id": "evt_1", list: "a, b" }, []],
    ["something else", "webhook-id: evt_1\nno header\n???: !", { "webhook-id": "evt_1" }, ["no header", "???: !"]],
    ["no JSON", "{broken", {}, ["{broken"]]
  ]

  it.each(pasted)("%s", (_, text, headers, notUnderstood) => {
    expect(pastedHeaders(text)).toEqual({ headers, notUnderstood })
  })
})

it("says how long ago", () => {
  expect([0, 59, 300, 725, 3600, 90_000, 200_000].map(span)).toEqual([
    "0 s",
    "59 s",
    "5 min",
    "12 min 5 s",
    "1 h",
    "1 day 1 h",
    "2 days 7 h"
  ])
})
