import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { bundled } from "../../src/model/Catalogue.ts"
import { subscribes, validateSubscription } from "../../src/model/Matching.ts"

describe("subscribes", () => {
  it.each<[ReadonlyArray<string>, string, boolean]>([
    [["project.created"], "project.created", true],
    [["project.created"], "project.updated", false],
    [["project.created"], "project.created_at", false],
    [["project.created_at"], "project.created", false],
    [["project.*"], "project.created", true],
    [["project.*"], "projects.created", false],
    [["project.*"], "task.created", false],
    [["projects.*"], "project.created", false],
    [["*"], "project.created", true],
    [["task.created", "member.*", "project.updated"], "member.joined", true],
    [["task.created", "member.*", "project.updated"], "project.updated", true],
    [["task.created", "member.*", "project.updated"], "project.created", false],
    [[], "project.created", false],
    // None of these can be subscribed to; they match nothing all the same.
    [["project"], "project.created", false],
    [["*.created"], "project.created", false],
    [["project.c*"], "project.created", false],
    [["*.*"], "project.created", false],
    [[""], "project.created", false]
  ])("%j, %s: %s", (events, type, expected) => expect(subscribes(events, type)).toBe(expected))
})

const refused = (events: ReadonlyArray<string>) => Either.flip(validateSubscription(events, bundled))

describe("validateSubscription", () => {
  it("takes types, families and the star, as given, and each once", () => {
    const events = ["task.created", "project.*", "*", "task.created", "project.created", "project.*"]
    expect(Either.getOrThrow(validateSubscription(events, bundled)))
      .toEqual(["task.created", "project.*", "*", "project.created"])
    const all = [...bundled.types.keys()]
    expect(Either.getOrThrow(validateSubscription(all, bundled))).toEqual(all)
  })

  it("an empty list is refused", () => {
    expect(Either.getOrThrow(refused([]))).toMatchObject({
      _tag: "SubscriptionInvalid",
      field: "events",
      message: "must have at least one event type"
    })
  })

  it.each([
    "project.creatd",
    "project",
    "project.",
    ".created",
    ".*",
    "*.*",
    "*.created",
    "**",
    "",
    " ",
    "project.* ",
    "nothing.*",
    "project.c*",
    "project.created.*",
    "Project.created",
    "__proto__.*",
    "constructor",
    "webhook.*",
    ">"
  ])("%j is refused with its place", (wanted) => {
    const error = Either.getOrThrow(refused(["project.created", wanted]))
    expect(error.field).toBe("events[1]")
    expect(error.message).toContain(`"${wanted}"`)
  })

  it("the message shows what is not printable as such, and not all of what is long", () => {
    expect(Either.getOrThrow(refused(["a\r\nb\u001b"])).message).toMatch(/^"a\\u000d\\u000ab\\u001b" is not/)
    expect(Either.getOrThrow(refused(["x".repeat(100_000)])).message.length).toBeLessThan(200)
  })
})
