import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as fc from "fast-check"
import { WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import { secretsInForce, versionsReferred, type Webhook } from "../../src/model/Webhook.ts"
import { decodeFact, encodeFact, type WebhookFact } from "../../src/model/WebhookFacts.ts"
import { decide, evolve, longestOverlap, type WebhookCommand } from "../../src/model/WebhookLife.ts"

const place = { workspaceId: WorkspaceId.make("ws_1"), webhookId: WebhookId.make("wh_1") }
const start = Date.parse("2025-03-23T14:35:21.000Z")
const day = 86_400_000

const create: WebhookCommand = {
  type: "create",
  ...place,
  at: start,
  settings: { url: "https://example.com/hook", events: ["project.*"] },
  secretVersion: 1
}

/** Runs commands one after the other; a refused one throws. */
const given = (...commands: ReadonlyArray<WebhookCommand>): Webhook => {
  const state = commands.reduce<Webhook | undefined>(
    (state, command) => Either.getOrThrow(decide(state, command)).reduce(evolve, state),
    undefined
  )
  if (state === undefined) throw new Error("no webhook")
  return state
}

const at = start + 1000
const created = given(create)
const states = {
  none: undefined,
  enabled: created,
  paused: given(create, { type: "pause", at }),
  disabled: given(create, { type: "disable", at, reason: "410 Gone" }),
  deleted: given(create, { type: "delete", at })
}

/** The fact's type, `·` for none, or the refusal's. */
const outcome = (state: Webhook | undefined, command: WebhookCommand): string =>
  Either.match(decide(state, command), {
    onLeft: (error) => error._tag === "WebhookNotFound" ? "404" : `${error.status} ${error.type}`,
    onRight: (facts) => facts.map(({ type }) => type.replace("webhook.", "")).join(" ") || "·"
  })

describe("a webhook's life", () => {
  const table: ReadonlyArray<readonly [WebhookCommand, Record<keyof typeof states, string>]> = [
    [create, {
      none: "created",
      enabled: "409 webhook_exists",
      paused: "409 webhook_exists",
      disabled: "409 webhook_exists",
      deleted: "409 webhook_exists"
    }],
    [{ type: "change", at, settings: { url: "https://example.com/new" } }, {
      none: "404",
      enabled: "changed",
      paused: "changed",
      disabled: "changed",
      deleted: "404"
    }],
    [{ type: "enable", at }, {
      none: "404",
      enabled: "·",
      paused: "409 webhook_paused",
      disabled: "enabled",
      deleted: "404"
    }],
    [{ type: "disable", at }, { none: "404", enabled: "disabled", paused: "disabled", disabled: "·", deleted: "404" }],
    [{ type: "pause", at }, {
      none: "404",
      enabled: "paused",
      paused: "·",
      disabled: "409 webhook_disabled",
      deleted: "404"
    }],
    [{ type: "resume", at }, {
      none: "404",
      enabled: "·",
      paused: "resumed",
      disabled: "409 webhook_disabled",
      deleted: "404"
    }],
    [{ type: "rotate", at, secretVersion: 2, overlap: day }, {
      none: "404",
      enabled: "secret_rotated",
      paused: "secret_rotated",
      disabled: "secret_rotated",
      deleted: "404"
    }],
    [{ type: "end_overlap", at }, { none: "404", enabled: "·", paused: "·", disabled: "·", deleted: "404" }],
    [{ type: "delete", at }, {
      none: "404",
      enabled: "deleted",
      paused: "deleted",
      disabled: "deleted",
      deleted: "404"
    }]
  ]

  for (const [command, expected] of table) {
    for (const state of Object.keys(states) as Array<keyof typeof states>) {
      it(`${command.type} when ${state}: ${expected[state]}`, () => {
        expect(outcome(states[state], command)).toBe(expected[state])
      })
    }
  }

  it("a reason stays while disabled, and goes when it is enabled", () => {
    expect(states.disabled).toMatchObject({ state: "disabled", disabledReason: "410 Gone", revision: 2, updatedAt: at })
    expect(given(create, { type: "disable", at, reason: "first" }, { type: "disable", at, reason: "second" }))
      .toMatchObject({ disabledReason: "first", revision: 2 })
    const enabled = given(create, { type: "disable", at, reason: "410 Gone" }, { type: "enable", at })
    expect(enabled.state).toBe("enabled")
    expect(enabled).not.toHaveProperty("disabledReason")
    expect(outcome(created, { type: "disable", at, reason: "x".repeat(501) })).toBe("422 invalid")
  })

  it("resumed at a rate: it stays until the webhook is paused, disabled or resumed again", () => {
    const pause: WebhookCommand = { type: "pause", at }
    const slowly: WebhookCommand = { type: "resume", at: at + 1, rate: 50 }
    const draining = given(create, pause, slowly)
    expect(draining).toMatchObject({ state: "enabled", drainRate: 50, resumedAt: at + 1 })
    const changed = given(create, pause, slowly, { type: "change", at: at + 2, settings: { rateLimit: 5 } })
    expect(changed).toMatchObject({ drainRate: 50, resumedAt: at + 1 })
    const ends: ReadonlyArray<WebhookCommand> = [{ type: "pause", at }, { type: "disable", at }, { type: "resume", at }]
    for (const end of ends) {
      const ended = given(create, pause, slowly, end)
      expect(ended).not.toHaveProperty("drainRate")
      expect(ended).not.toHaveProperty("resumedAt")
    }
    expect(given(create, pause, slowly, { type: "delete", at })).not.toHaveProperty("drainRate")
  })

  it("resumed again at the same rate nothing changes, at another one the rate does", () => {
    const draining = given(create, { type: "pause", at }, { type: "resume", at, rate: 50 })
    expect(outcome(draining, { type: "resume", at: at + 5, rate: 50 })).toBe("·")
    expect(outcome(draining, { type: "resume", at: at + 5 })).toBe("resumed")
    const slower: WebhookCommand = { type: "resume", at: at + 5, rate: 0.5 }
    expect(given(create, slower)).toMatchObject({ state: "enabled", drainRate: 0.5, resumedAt: at + 5 })
  })

  it("a rate is above 0 up to 10,000", () => {
    for (const rate of [0, -1, 10_000.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const state of [states.paused, states.enabled, states.disabled]) {
        expect(outcome(state, { type: "resume", at, rate })).toBe("422 invalid")
      }
    }
    for (const rate of [0.001, 10_000]) expect(outcome(states.paused, { type: "resume", at, rate })).toBe("resumed")
  })

  it("disabling a paused one forgets the pause", () => {
    expect(given(create, { type: "pause", at }, { type: "disable", at }, { type: "enable", at }).state).toBe("enabled")
  })

  it("a change records only what differs", () => {
    const settings = { url: created.url, events: ["project.*"], description: "CRM", concurrency: null, rateLimit: 5 }
    const facts = Either.getOrThrow(decide(created, { type: "change", at, settings }))
    expect(facts).toEqual([
      { v: 1, type: "webhook.changed", ...place, revision: 2, at, description: "CRM", rateLimit: 5 }
    ])
    expect(outcome(evolve(created, facts[0] as WebhookFact), { type: "change", at, settings })).toBe("·")
  })

  it("null takes a setting away, absent leaves it", () => {
    const set = given(create, { type: "change", at, settings: { concurrency: 8, rateLimit: 0.5 } })
    expect(set).toMatchObject({ concurrency: 8, rateLimit: 0.5 })
    const less = given(
      create,
      { type: "change", at, settings: { concurrency: 8, rateLimit: 0.5 } },
      { type: "change", at, settings: { concurrency: null } }
    )
    expect(less.rateLimit).toBe(0.5)
    expect(less).not.toHaveProperty("concurrency")
  })

  it("headers are replaced as a whole, and gone without a version", () => {
    const set: WebhookCommand = { type: "change", at, settings: { headers: { names: ["x-team"], version: 2 } } }
    expect(given(create, set)).toMatchObject({ headers: ["x-team"], headersVersion: 2, highestVersion: 2 })
    const clear: WebhookCommand = { type: "change", at, settings: { headers: { names: [] } } }
    const cleared = given(create, set, clear)
    expect(cleared).toMatchObject({ headers: [], highestVersion: 2 })
    expect(cleared).not.toHaveProperty("headersVersion")
    expect(outcome(cleared, clear)).toBe("·")
  })

  it("a deleted one keeps its id, URL and times, and nothing secret", () => {
    const state = given(
      create,
      { type: "rotate", at, secretVersion: 2, overlap: day },
      { type: "change", at, settings: { headers: { names: ["x-team"], version: 3 }, description: "CRM" } },
      { type: "delete", at: at + 1 }
    )
    expect(state).toEqual({
      id: place.webhookId,
      workspaceId: place.workspaceId,
      url: created.url,
      events: [],
      description: "",
      state: "enabled",
      headers: [],
      secretVersion: 2,
      highestVersion: 3,
      revision: 4,
      createdAt: start,
      updatedAt: at + 1,
      deleted: true
    })
  })

  it("a fact that does not fit changes nothing", () => {
    const [paused] = Either.getOrThrow(decide(created, { type: "pause", at }))
    if (paused === undefined) throw new Error("no fact")
    const once = evolve(created, paused)
    expect(evolve(once, paused)).toBe(once)
    expect(evolve(undefined, paused)).toBeUndefined()
    expect(evolve(created, { ...paused, revision: 3 })).toBe(created)
    expect(evolve(created, { ...paused, webhookId: WebhookId.make("wh_2") })).toBe(created)
    expect(evolve(created, { ...paused, workspaceId: WorkspaceId.make("ws_2") })).toBe(created)
    expect(evolve(states.deleted, { ...paused, revision: 3 })).toBe(states.deleted)
    const [creation] = Either.getOrThrow(decide(undefined, create))
    expect(evolve(created, creation as WebhookFact)).toBe(created)
  })
})

describe("rotation of the secret", () => {
  const rotated = given(create, { type: "rotate", at, secretVersion: 2, overlap: day })

  it("both sign until the overlap ends, the new first; the hex signature stays on the old", () => {
    expect(secretsInForce(created, at)).toEqual({ hex: 1, standard: [1] })
    expect(secretsInForce(rotated, at)).toEqual({ hex: 1, standard: [2, 1] })
    expect(secretsInForce(rotated, at + day - 1)).toEqual({ hex: 1, standard: [2, 1] })
    expect(secretsInForce(rotated, at + day)).toEqual({ hex: 2, standard: [2] })
  })

  it("an overlap of 0 has none", () => {
    const state = given(create, { type: "rotate", at, secretVersion: 2, overlap: 0 })
    expect(secretsInForce(state, at)).toEqual({ hex: 2, standard: [2] })
    expect(versionsReferred(state)).toEqual([2])
  })

  it("during an overlap the older secret is dropped", () => {
    const state = given(
      create,
      { type: "rotate", at, secretVersion: 2, overlap: day },
      { type: "rotate", at: at + 1, secretVersion: 3, overlap: day }
    )
    expect(secretsInForce(state, at + 2)).toEqual({ hex: 2, standard: [3, 2] })
    expect(versionsReferred(state)).toEqual([3, 2])
  })

  it("the overlap can be ended early, once", () => {
    const ended = given(
      create,
      { type: "rotate", at, secretVersion: 2, overlap: day },
      { type: "end_overlap", at: at + 1 }
    )
    expect(secretsInForce(ended, at + 2)).toEqual({ hex: 2, standard: [2] })
    expect(outcome(ended, { type: "end_overlap", at: at + 2 })).toBe("·")
    expect(outcome(rotated, { type: "end_overlap", at: at + day })).toBe("·")
  })

  it("lasts seven days at most", () => {
    expect(outcome(created, { type: "rotate", at, secretVersion: 2, overlap: longestOverlap })).toBe("secret_rotated")
    for (const overlap of [longestOverlap + 1, -1, Number.NaN]) {
      expect(outcome(created, { type: "rotate", at, secretVersion: 2, overlap })).toBe("422 invalid")
    }
  })
})

const text = fc.string({ unit: "binary", maxLength: 30 })
const settings = fc.record({
  url: fc.webUrl(),
  events: fc.uniqueArray(fc.constantFrom("*", "project.*", "task.created"), { minLength: 1 }),
  description: text,
  concurrency: fc.option(fc.integer({ min: 1, max: 256 })),
  rateLimit: fc.option(fc.double({ min: 0.001, max: 10_000, noNaN: true }))
}, { requiredKeys: [] })

const commands = fc.array(
  fc.oneof(
    { arbitrary: settings.map((settings) => ({ type: "change" as const, settings })), weight: 3 },
    {
      arbitrary: fc.boolean().map((some) => ({ type: "headers" as const, some })),
      weight: 1
    },
    {
      arbitrary: fc.constantFrom({}, { rate: 5 }, { rate: 50 }).map((rate) => ({ type: "resume" as const, ...rate })),
      weight: 2
    },
    { arbitrary: fc.constantFrom("enable", "pause", "end_overlap").map((type) => ({ type })), weight: 6 },
    {
      arbitrary: fc.option(text, { nil: undefined }).map((reason) => ({ type: "disable" as const, reason })),
      weight: 2
    },
    { arbitrary: fc.nat(2 * day).map((overlap) => ({ type: "rotate" as const, overlap })), weight: 2 },
    { arbitrary: fc.constant({ type: "delete" as const }), weight: 1 }
  ),
  { maxLength: 40 }
)

describe("any sequence of commands", () => {
  it("folded from the stream gives the same state; each is at most one fact, and repeated it is none", () => {
    fc.assert(
      fc.property(commands, (list) => {
        let state: Webhook | undefined = given(create)
        const stream = Either.getOrThrow(decide(undefined, create)).map(encodeFact)
        let version = 1
        let time = start
        for (const entry of list) {
          time += 3_600_000
          const command = entry.type === "headers"
            ? {
              type: "change",
              settings: {
                headers: (entry as { some: boolean }).some ? { names: ["x-a"], version: ++version } : { names: [] }
              },
              at: time
            }
            : { ...entry, ...(entry.type === "rotate" ? { secretVersion: ++version } : {}), at: time }
          const facts = Either.getOrElse(decide(state, command as WebhookCommand), () => [])
          expect(facts.length).toBeLessThanOrEqual(1)
          for (const fact of facts) {
            const next = evolve(state, fact)
            expect(next).not.toBe(state)
            state = next
            stream.push(encodeFact(fact))
          }
          const again = Either.getOrElse(decide(state, command as WebhookCommand), () => [])
          if (entry.type !== "rotate" && entry.type !== "headers") expect(again).toEqual([])
        }
        const folded = stream
          .map((json) => Either.getOrThrow(decodeFact(Buffer.from(json))))
          .reduce<Webhook | undefined>(evolve, undefined)
        expect(folded).toEqual(state)
        expect(Object.values(folded ?? {})).not.toContain(undefined)
        expect(folded?.revision).toBe(stream.length)
      }),
      { numRuns: 300 }
    )
  })
})
