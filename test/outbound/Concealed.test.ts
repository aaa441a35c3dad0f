import { describe, expect, it } from "vitest"
import type { AttemptOutcome } from "../../src/model/Attempt.ts"
import { concealed } from "../../src/outbound/Concealed.ts"

const outcome: AttemptOutcome = { class: "status", status: 500, startedAt: 0, latency: 1 }

describe("concealed", () => {
  it("leaves what holds no secret as it is", () => {
    const result = { ...outcome, response: "no", headers: { "x-a": "b" } }
    expect(concealed(result, ["a secret of mine", "b"])).toBe(result)
    const fault = { class: "local", error: "no file descriptor" } as const
    expect(concealed(fault, ["no file descriptor"])).toBe(fault)
    expect(concealed(outcome, ["a secret of mine"])).toBe(outcome)
  })

  it("hides each, however often, in body and headers, also escaped and without its scheme", () => {
    expect(concealed(
      {
        ...outcome,
        response: `Bearer t0k3n-t0k3n t0k3n-t0k3n ${JSON.stringify({ it: "say \"this one\"" })}`,
        headers: { "x-echo": "a Bearer t0k3n-t0k3n", "x-b": "b" }
      },
      ["Bearer t0k3n-t0k3n", "say \"this one\"", "b"]
    )).toEqual({
      ...outcome,
      response: "[hidden] [hidden] {\"it\":\"[hidden]\"}",
      headers: { "x-echo": "a [hidden]", "x-b": "b" }
    })
  })
})
