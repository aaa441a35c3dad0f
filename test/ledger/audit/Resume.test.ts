import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { AppendLog } from "../../../src/broker/AppendLog.ts"
import { sealSubject } from "../../../src/broker/Subjects.ts"
import { audit, AuditProgress, type AuditState } from "../../../src/ledger/audit/Audit.ts"
import { load, remove, save } from "../../../src/ledger/audit/Checkpoint.ts"
import { sealStreams } from "../../../src/ledger/audit/SealStreams.ts"
import { bundled } from "../../../src/model/Catalogue.ts"
import { addWebhook, attempt, event, match, nothing, start, stored } from "../../support/auditing.ts"
import { brokerLayer } from "../../support/broker.ts"

/** Keeps what would be kept if it were interrupted at each of its messages. */
class Kept extends AuditProgress {
  readonly states: Array<AuditState> = []

  constructor() {
    super()
    let read = 0
    Object.defineProperty(this, "read", {
      get: () => read,
      set: (value: number) => {
        read = value
        const state = this.dump?.()
        if (state !== undefined) this.states.push(structuredClone(state))
      }
    })
  }
}

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-audit-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

it.scopedLive("interrupted at any message, it comes to the same report", () =>
  Effect.gen(function*() {
    const written = nothing()
    for (const id of ["wh_a", "wh_b"]) addWebhook(written, start, id)
    for (let index = 0; index < 4; index++) {
      const sequence = event(written, start + 1000 * (index + 1))
      for (const id of ["wh_a", "wh_b"]) {
        const failed = attempt(written, match(written, sequence, id), 500)
        if (index > 0) attempt(written, failed, 200)
      }
    }
    // Something to find, too.
    written.deliveries.splice(4, 1)
    yield* stored(written)
    yield* sealStreams
    // In what is read anew each time, too: once each.
    const log = yield* AppendLog
    yield* log.append({ subject: "webhooks.ws_1.wh_a", data: "{}" })
    yield* log.append({ subject: sealSubject, data: "{}" })
    const progress = new Kept()
    const whole = yield* audit({ catalogue: bundled }, progress)
    expect(whole.finding_counts).toEqual({ unreadable: 1, altered: 1, attempt_gap: 1 })
    expect(progress.states.length).toBeGreaterThan(20)
    const file = join(yield* folder, "state")
    for (const state of progress.states) {
      yield* save(file, () => state)
      const kept = Option.getOrUndefined(yield* load(file))
      expect(yield* audit({ catalogue: bundled, state: kept }, new AuditProgress())).toEqual(whole)
    }
    yield* remove(file)
    expect(yield* load(file)).toEqual(Option.none())

    const [one, ...others] = progress.states
    const saves = [one, ...others.slice(0, 5)].map((state) => save(file, () => state))
    yield* Effect.all(saves, { concurrency: "unbounded", discard: true })
    const saving = yield* Effect.fork(Effect.all(saves, { concurrency: "unbounded" }))
    yield* Effect.yieldNow()
    yield* Fiber.interrupt(saving)
    yield* remove(file)
    expect(readdirSync(dirname(file)), "what was interrupted leaves nothing behind").toEqual([])
    yield* save(file, () => undefined)
    expect(yield* load(file), "nothing to keep").toEqual(Option.none())

    writeFileSync(file, "something else")
    expect((yield* Effect.flip(load(file))).message).toContain("cannot be used")
    const [first] = progress.states
    const elsewhere = first &&
      { ...first, plan: { ...first.plan, events: { ...first.plan.events, created: "another" } } }
    const refused = yield* Effect.flip(audit({ catalogue: bundled, state: elsewhere }, new AuditProgress()))
    expect(refused.message).toContain("EVENTS is not the stream")
  }).pipe(Effect.provide(brokerLayer())), 30_000)
