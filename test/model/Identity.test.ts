import { describe, expect, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { EventId, WorkspaceId } from "../../src/model/Id.ts"
import { identity } from "../../src/model/Identity.ts"

const of = (workspaceId: string, id: string) => identity(WorkspaceId.make(workspaceId), EventId.make(id))

describe("identity", () => {
  it("is 16 bytes of SHA-256 of workspace and id", () => {
    const expected = createHash("sha256").update("ws_1\nevt_1").digest().subarray(0, 16)
    expect(of("ws_1", "evt_1")).toBe(expected.toString("base64url"))
    expect(of("ws_1", "evt_1")).toHaveLength(22)
  })

  it("differs when the workspace or the id does, wherever the border between them lies", () => {
    const all = [of("a", "bc"), of("ab", "c"), of("a", "b"), of("b", "a"), of("A", "bc")]
    expect(new Set(all).size).toBe(all.length)
  })
})
