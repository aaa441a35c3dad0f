import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { banner } from "../../src/surface/cli/Banner.ts"
import { fields, table } from "../../src/surface/cli/Table.ts"
import type { Column } from "../../src/surface/cli/Table.ts"
import {
  broken,
  duration,
  printable,
  printableLines,
  shellQuoted,
  shortTime,
  truncated,
  widthOf,
  wrapped
} from "../../src/surface/cli/Text.ts"

describe("text for a terminal", () => {
  it("can do nothing to it", () => {
    expect(printable("a\u001b[2Jb\r\nc\u0007\u009b31m\u202ed")).toBe("a\\u001b[2Jb c\\u0007\\u009b31m\\u202ed")
    expect(printableLines("a\n\tb\u001b")).toBe("a\n\tb\\u001b")
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(printable(text)).not.toMatch(/\p{Cc}/u)
    }))
  })

  it("is measured in columns and cut between characters", () => {
    expect([widthOf("abc"), widthOf("日本"), widthOf("é"), widthOf("👩‍👩‍👧")]).toEqual([3, 4, 1, 2])
    expect(truncated("abcdef", 4)).toBe("abc…")
    expect(truncated("abcd", 4)).toBe("abcd")
    expect(truncated("日本語", 4)).toBe("日…")
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 20 }), (text, width) => {
      expect(widthOf(truncated(text, width))).toBeLessThanOrEqual(width)
    }))
  })

  it("durations, times, words and lines", () => {
    expect([0, 12.4, 1500, 30_000, 300_000, 7_200_000, 172_800_000].map(duration))
      .toEqual(["0 ms", "12 ms", "1.5 s", "30 s", "5 min", "2 h", "2 d"])
    expect(shortTime("2025-03-23T14:35:21.123Z")).toBe("2025-03-23 14:35:21")
    expect(shortTime("soon")).toBe("soon")
    expect([shellQuoted("./data"), shellQuoted("my data"), shellQuoted("it's")]).toEqual([
      "./data",
      "'my data'",
      `'it'\\''s'`
    ])
    expect(wrapped("one two three", 7)).toEqual(["one two", "three"])
  })
})

describe("table", () => {
  interface Row {
    readonly id: string
    readonly url: string
    readonly tries: number
  }
  const columns: ReadonlyArray<Column<Row>> = [
    { title: "ID", value: ({ id }) => id },
    { title: "URL", value: ({ url }) => url, shrinks: true },
    { title: "TRIES", value: ({ tries }) => tries, align: "right" }
  ]
  const rows: ReadonlyArray<Row> = [
    { id: "wh_1", url: "https://example.com/a/long/path/for/a/webhook", tries: 5 },
    { id: "wh_22", url: "https://x.io/", tries: 12 }
  ]

  it("is aligned, numbers to the right", () => {
    expect(table(columns, rows, { width: undefined })).toBe([
      "ID     URL                                            TRIES",
      "wh_1   https://example.com/a/long/path/for/a/webhook      5",
      "wh_22  https://x.io/                                     12"
    ].join("\n"))
  })

  it("fits the terminal by what may shrink, never by ids", () => {
    const lines = table(columns, rows, { width: 30 }).split("\n")
    expect(lines).toEqual([
      "ID     URL               TRIES",
      "wh_1   https://example…      5",
      "wh_22  https://x.io/        12"
    ])
    expect(table(columns, rows, { width: 5 })).toContain("wh_22")
  })

  it("leaves spare columns out where there is no room, the higher numbers first, and none in a pipe", () => {
    const [id, url, tries] = columns
    const spare = [
      id,
      { title: "A", value: () => "aaaaaaaa", spare: 2 },
      { title: "B", value: () => "bbbb", spare: 1 },
      url,
      tries
    ].filter((column) => column !== undefined)
    const titles = (width: number | undefined) => table(spare, rows, { width }).split("\n")[0]?.split(/ +/).join(" ")
    expect(titles(undefined)).toBe("ID A B URL TRIES")
    expect(titles(46)).toBe("ID A B URL TRIES")
    expect(titles(45)).toBe("ID B URL TRIES")
    expect(titles(35)).toBe("ID URL TRIES")
    for (const width of [30, 35, 45, 46]) {
      for (const line of table(spare, rows, { width }).split("\n")) expect(line.length).toBeLessThanOrEqual(width)
    }
  })

  it("fields go on below themselves, also a word that is longer than the line", () => {
    expect(fields([["why", "no answer within thirty"], ["x", "123456789012345"]], undefined, 15).split("\n")).toEqual([
      "why  no answer",
      "     within",
      "     thirty",
      "x    1234567890",
      "     12345"
    ])
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 2, max: 20 }), (text, width) => {
      expect(broken(text, width).every((line) => widthOf(line) <= width)).toBe(true)
      expect(broken(text, width).join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""))
    }))
  })

  it("holds no escape sequence of a customer's", () => {
    expect(table(columns, [{ id: "a", url: "\u001b]0;owned\u0007", tries: 1 }], { width: undefined })).not.toContain(
      "\u001b"
    )
    expect(fields([["description", "two\nlines\u001b[1m"], ["empty", undefined]])).toBe(
      "description  two lines\\u001b[1m"
    )
  })
})

const copied = (text: string) =>
  text.split("\n").map((line) => line.trim()).filter((line) => line.startsWith("node dist/main.js"))

describe("banner", () => {
  const started = {
    apiUrl: "http://127.0.0.1:8080",
    keyFile: "/srv/hookline/data/operator.key",
    natsAddress: "nats://127.0.0.1:4222",
    embedded: true,
    dev: true,
    data: "./data"
  }
  it("says where everything is and how to see a first delivery", () => {
    const text = banner(started)
    for (const part of [started.apiUrl, started.keyFile, started.natsAddress, "(dev)", "http and loopback"]) {
      expect(text).toContain(part)
    }
    expect(copied(text)).toEqual([
      "node dist/main.js receive --port 4000 --secret a-secret-for-trying-out",
      "node dist/main.js webhooks add http://127.0.0.1:4000/ --events '*' --secret a-secret-for-trying-out --workspace ws_demo",
      "node dist/main.js publish project.created --example --workspace ws_demo"
    ])
  })

  it("its lines find a data directory elsewhere", () => {
    const lines = copied(banner({ ...started, data: "/tmp/my data" }))
    expect(lines.slice(1).every((line) => line.endsWith("--data-dir '/tmp/my data'"))).toBe(true)
  })

  it("promises nothing that a production server refuses", () => {
    const text = banner({ ...started, dev: false, keyFile: undefined, embedded: false })
    expect(text).not.toContain("http://127.0.0.1:4000")
    expect(text).not.toContain("(dev)")
    expect(text).not.toContain("nats-url")
    expect(text).toContain("HOOKLINE_API_KEY")
  })
})
