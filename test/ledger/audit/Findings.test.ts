import { describe, expect, it } from "@effect/vitest"
import type { FindingKind } from "../../../src/ledger/audit/Findings.ts"
import type { HoldReason } from "../../../src/model/Delivery.ts"
import { EventId } from "../../../src/model/Id.ts"
import {
  addWebhook,
  attempt,
  event,
  examine,
  type Examined,
  fact,
  happens,
  hour,
  match,
  minute,
  nothing,
  record,
  start,
  webhook,
  type Written
} from "../../support/auditing.ts"

const crm = "wh_crm"

/** One webhook for everything, and an event a second after it. */
const begun = (): { readonly written: Written; readonly sequence: number } => {
  const written = nothing()
  addWebhook(written, start, crm)
  return { written, sequence: event(written, start + 1000) }
}

interface Case {
  readonly name: string
  readonly finds: FindingKind | undefined
  readonly write: () => Written
  readonly options?: Parameters<typeof examine>[1]
  readonly counts?: Partial<Examined["counts"]>
}

/** What was dropped of the records of a delivery that failed once and then succeeded. */
const withoutRecord = (index: number) => (): Written => {
  const { sequence, written } = begun()
  attempt(written, attempt(written, match(written, sequence, crm), 500), 200)
  written.deliveries.splice(index, 1)
  return written
}

/** The second of two events has a record, two seconds after the first, which has none. */
const overtaken = (): Written => {
  const { written } = begun()
  attempt(written, match(written, event(written, start + 3000), crm), 200)
  return written
}

/** Its only delivery is held. */
const heldAs = (reason: HoldReason) => (): Written => {
  const { sequence, written } = begun()
  happens(written, match(written, sequence, crm), { type: "deferred", at: start + 1010, reason })
  return written
}
const soon = { at: start + 10 * minute }

const cases: ReadonlyArray<Case> = [
  {
    name: "a delivery at the first attempt",
    finds: undefined,
    write: () => {
      const { sequence, written } = begun()
      attempt(written, match(written, sequence, crm), 200)
      return written
    },
    counts: { succeeded: 1 }
  },
  { name: "no record of anything", finds: "missing", write: () => begun().written },
  {
    name: "the same, where another server's clock has timed its webhook's creation a moment before it",
    finds: undefined,
    write: () => begun().written,
    options: { clocksApart: 2000 },
    counts: { either_way: 1 }
  },
  {
    name: "the same, and the clocks cannot be that far apart",
    finds: "missing",
    write: () => begun().written,
    options: { clocksApart: 500 }
  },
  {
    name: "no record yet, above the floor",
    finds: undefined,
    write: () => begun().written,
    options: { floor: 0, at: start + 10 * minute },
    counts: { open: 1 }
  },
  {
    name: "no record, above a floor that does not move",
    finds: "unsettled",
    write: () => begun().written,
    options: { floor: 0, at: start + 12 * minute },
    counts: { open: 1 }
  },
  {
    name: "the same, and the floor has moved",
    finds: undefined,
    write: () => begun().written,
    options: { floor: 0, at: start + 12 * minute, writtenAt: start + 3 * minute },
    counts: { open: 1 }
  },
  {
    name: "the same, and nobody works",
    finds: undefined,
    write: () => begun().written,
    options: { floor: 0, leasedSince: undefined },
    counts: { open: 1 }
  },
  {
    name: "the same, and whoever works has only just begun",
    finds: undefined,
    write: () => begun().written,
    options: { floor: 0, at: start + hour, writtenAt: start + hour - minute, leasedSince: start + hour - 2 * minute },
    counts: { open: 1 }
  },
  {
    name: "passed over: a later event of its partition has had its record for long",
    finds: "unsettled",
    write: overtaken,
    options: { floor: 0, at: start + 12 * minute, writtenAt: start + 11 * minute },
    counts: { open: 1, succeeded: 1 }
  },
  {
    name: "a later event of its partition has only just had its record",
    finds: undefined,
    write: overtaken,
    options: { floor: 0, at: start + 9 * minute, writtenAt: start + 8 * minute },
    counts: { open: 1, succeeded: 1 }
  },
  {
    name: "what is no event, above a floor that does not move",
    finds: "unsettled",
    write: () => {
      const written = nothing()
      event(written, start + 1000, "project.created", "no JSON")
      return written
    },
    options: { floor: 0 },
    counts: { open: 1 }
  },
  { name: "its first attempt's record is gone", finds: "attempt_gap", write: withoutRecord(0) },
  { name: "its last attempt's record is gone, and that is long ago", finds: "overdue", write: withoutRecord(1) },
  {
    name: "the same, and nobody works",
    finds: undefined,
    write: withoutRecord(1),
    options: { leasedSince: undefined },
    counts: { due: 1 }
  },
  {
    name: "the same, and whoever works has only just begun",
    finds: undefined,
    write: withoutRecord(1),
    options: { epoch: 2, writtenAt: start + 7 * 24 * hour - minute, leasedSince: start + 7 * 24 * hour - 2 * minute },
    counts: { due: 1 }
  },
  {
    name: "the same, and whoever has the lease has not claimed its partition yet",
    finds: undefined,
    write: withoutRecord(1),
    options: { leasedSince: start + 7 * 24 * hour - 15 * minute },
    counts: { due: 1 }
  },
  {
    name: "the same, and whoever has the lease should have claimed its partition long ago",
    finds: "overdue",
    write: withoutRecord(1),
    options: { leasedSince: start + 7 * 24 * hour - 21 * minute }
  },
  {
    name: "the same, a moment after it was due",
    finds: undefined,
    write: withoutRecord(1),
    options: { at: start + 1000 + 6 * minute },
    counts: { due: 1 }
  },
  {
    name: "a hold's record is gone",
    finds: "record_gap",
    write: () => {
      const { sequence, written } = begun()
      const held = happens(written, match(written, sequence, crm), {
        type: "deferred",
        at: start + 1500,
        reason: "busy"
      })
      attempt(written, held, 200)
      written.deliveries.shift()
      return written
    }
  },
  {
    name: "an attempt before its time",
    finds: "early",
    write: () => {
      const { sequence, written } = begun()
      attempt(written, attempt(written, match(written, sequence, crm), 500), 200, -1000)
      return written
    }
  },
  {
    name: "a retry by hand before the time that there was",
    finds: undefined,
    write: () => {
      const { sequence, written } = begun()
      const due = attempt(written, match(written, sequence, crm), 500)
      attempt(written, happens(written, due, { type: "retry_requested", at: start + 2000 }), 200)
      return written
    },
    counts: { succeeded: 1 }
  },
  {
    name: "a round more by hand after a success",
    finds: undefined,
    write: () => {
      const { sequence, written } = begun()
      const done = attempt(written, match(written, sequence, crm), 200)
      attempt(written, happens(written, done, { type: "retry_requested", at: start + hour }), 200)
      return written
    },
    counts: { succeeded: 1 }
  },
  {
    name: "a record behind the end",
    finds: "impossible",
    write: () => {
      const { sequence, written } = begun()
      const done = attempt(written, match(written, sequence, crm), 200)
      fact(written, start + hour, crm, "webhook.disabled", { revision: 2 })
      record(written, {
        kind: "suppressed",
        at: start + hour,
        delivery: { ...done, state: "suppressed", step: done.step + 1 }
      })
      return written
    }
  },
  {
    name: "a record of an event that is not there",
    finds: "no_event",
    write: () => {
      const { sequence, written } = begun()
      attempt(written, match(written, sequence, crm), 200)
      attempt(written, match(written, sequence + 5, crm, { eventId: EventId.make("evt_6") }), 200)
      return written
    }
  },
  {
    name: "a record of another event's id",
    finds: "other_event",
    write: () => {
      const { sequence, written } = begun()
      attempt(written, match(written, sequence, crm, { eventId: EventId.make("evt_other") }), 200)
      return written
    }
  },
  {
    name: "a record of another type",
    finds: "other_event",
    write: () => {
      const { sequence, written } = begun()
      attempt(written, match(written, sequence, crm, { eventType: "project.deleted" }), 200)
      return written
    }
  },
  {
    name: "a delivery to one that was not subscribed",
    finds: "unowed",
    write: () => {
      const { sequence, written } = begun()
      addWebhook(written, start, "wh_tasks", ["task.*"])
      attempt(written, match(written, sequence, crm), 200)
      attempt(written, match(written, sequence, "wh_tasks"), 200)
      return written
    }
  },
  {
    name: "a delivery to one that is not there",
    finds: "unowed",
    write: () => {
      const { sequence, written } = begun()
      attempt(written, match(written, sequence, crm), 200)
      attempt(written, match(written, sequence, "wh_nobody"), 200)
      return written
    }
  },
  {
    name: "paused: held for as long as it takes",
    finds: undefined,
    write: () => {
      const { sequence, written } = begun()
      fact(written, start + 1005, crm, "webhook.paused", { revision: 2 })
      happens(written, match(written, sequence, crm), { type: "deferred", at: start + 1010, reason: "paused" })
      return written
    },
    counts: { held: 1 }
  },
  { name: "held as paused, and it never was", finds: "unheld", write: heldAs("paused"), options: soon },
  {
    name: "held as paused after it was resumed",
    finds: "unheld",
    write: () => {
      const written = heldAs("paused")()
      fact(written, start - 10 * minute, crm, "webhook.paused", { revision: 2 })
      fact(written, start - 5 * minute, crm, "webhook.resumed", { revision: 3 })
      return written
    },
    options: soon
  },
  {
    name: "resumed long ago, and nothing that it held was tried",
    finds: "unheld",
    write: () => {
      const written = heldAs("paused")()
      fact(written, start + 1000, crm, "webhook.paused", { revision: 2 })
      fact(written, start + hour, crm, "webhook.resumed", { revision: 3 })
      return written
    },
    options: { at: start + 2 * hour + minute }
  },
  {
    name: "resumed within the hour",
    finds: undefined,
    write: () => {
      const written = heldAs("paused")()
      fact(written, start + 1000, crm, "webhook.paused", { revision: 2 })
      fact(written, start + hour, crm, "webhook.resumed", { revision: 3 })
      return written
    },
    options: { at: start + 2 * hour - minute },
    counts: { held: 1 }
  },
  {
    name: "held for a free lane, for longer than a backlog is let be",
    finds: "unheld",
    write: heldAs("busy"),
    options: { at: start + 62 * minute }
  },
  { name: "held for a free lane", finds: undefined, write: heldAs("busy"), options: soon, counts: { held: 1 } },
  {
    name: "held for a free lane, and nobody works",
    finds: undefined,
    write: heldAs("busy"),
    options: { leasedSince: undefined },
    counts: { held: 1 }
  },
  {
    name: "another of its webhook's backlog has just been tried",
    finds: undefined,
    write: () => {
      const written = heldAs("circuit")()
      const other = event(written, start + 2000)
      const held = happens(written, match(written, other, crm), {
        type: "deferred",
        at: start + 2010,
        reason: "circuit"
      })
      attempt(written, held, 200, hour)
      return written
    },
    options: { at: start + 90 * minute },
    counts: { held: 1, succeeded: 1 }
  },
  {
    name: "only fresh ones of its webhook were tried",
    finds: "unheld",
    write: () => {
      const written = heldAs("busy")()
      attempt(written, match(written, event(written, start + hour), crm), 200)
      return written
    },
    options: { at: start + 90 * minute }
  },
  {
    name: "one of before the range has just been tried, which may have been of its backlog",
    finds: undefined,
    write: () => {
      const { sequence, written } = begun()
      const held = happens(written, match(written, sequence, crm), {
        type: "deferred",
        at: start + 1010,
        reason: "rate"
      })
      const inside = match(written, event(written, start + 2000), crm)
      happens(written, inside, { type: "deferred", at: start + 2010, reason: "rate" })
      attempt(written, held, 200, hour)
      return written
    },
    options: { first: 2, at: start + 90 * minute },
    counts: { held: 1 }
  },
  {
    name: "at a rate of one in an hour",
    finds: undefined,
    write: () => {
      const written = heldAs("rate")()
      fact(written, start, crm, "webhook.changed", { revision: 2, rateLimit: 1 / 3600 })
      return written
    },
    options: { at: start + 10 * hour },
    counts: { held: 1 }
  },
  {
    name: "held for no reason",
    finds: "unheld",
    write: () => {
      const written = heldAs("busy")()
      const [one] = written.deliveries
      const { held_reason: _reason, held_since: _since, ...body } = JSON.parse(Buffer.from(one!.data).toString())
      written.deliveries[0] = { ...one!, data: Buffer.from(JSON.stringify(body)) }
      return written
    },
    options: soon
  },
  {
    name: "held beyond its event",
    finds: "unexpired",
    write: () => {
      const { sequence, written } = begun()
      fact(written, start + 1005, crm, "webhook.paused", { revision: 2 })
      const expiring = { expiresAt: start + hour }
      happens(written, match(written, sequence, crm, expiring), {
        type: "deferred",
        at: start + 1010,
        reason: "paused"
      })
      return written
    },
    options: { at: start + 3 * hour }
  },
  {
    name: "suppressed, expired, given up by the circuit",
    finds: undefined,
    write: () => {
      const { sequence, written } = begun()
      fact(written, start + 1005, crm, "webhook.disabled", { revision: 2 })
      happens(written, match(written, sequence, crm), { type: "disabled", at: start + 1010 })
      fact(written, start + 1015, crm, "webhook.enabled", { revision: 3 })
      const second = event(written, start + 2000)
      happens(written, match(written, second, crm, { expiresAt: start + 2005 }), { type: "expired", at: start + 2010 })
      const third = event(written, start + 3000)
      const held = happens(written, match(written, third, crm), {
        type: "deferred",
        at: start + 3010,
        reason: "circuit"
      })
      happens(written, held, { type: "circuit_exhausted", at: start + 48 * hour })
      return written
    },
    counts: { suppressed: 1, failed: 2 }
  },
  {
    name: "suppressed, and its webhook was not disabled",
    finds: "unfounded",
    write: () => {
      const { sequence, written } = begun()
      fact(written, start - 10 * minute, crm, "webhook.disabled", { revision: 2 })
      fact(written, start - 5 * minute, crm, "webhook.enabled", { revision: 3 })
      happens(written, match(written, sequence, crm), { type: "disabled", at: start + 1010 })
      return written
    },
    counts: { suppressed: 1 }
  },
  {
    name: "failed as expired long before its event is about to leave",
    finds: "unfounded",
    write: () => {
      const { sequence, written } = begun()
      happens(written, match(written, sequence, crm), { type: "expired", at: start + 29 * 24 * hour })
      return written
    },
    options: { at: start + 30 * 24 * hour },
    counts: { failed: 1 }
  },
  {
    name: "given up by its circuit within a day",
    finds: "unfounded",
    write: () => {
      const { sequence, written } = begun()
      const held = happens(written, match(written, sequence, crm), {
        type: "deferred",
        at: start + 1010,
        reason: "circuit"
      })
      happens(written, held, { type: "circuit_exhausted", at: start + 23 * hour })
      return written
    },
    counts: { failed: 1 }
  },
  ...(["succeeded", "attempt_failed", "failed"] as const).map((kind): Case => ({
    name: `${kind}, and no attempt was made`,
    finds: "impossible",
    write: () => {
      const { sequence, written } = begun()
      const state = kind === "attempt_failed" ? "due" : kind
      const failReason = kind === "failed" ? "attempts" : undefined
      record(written, {
        kind,
        at: start + 1010,
        delivery: { ...match(written, sequence, crm), state, failReason, step: 1 }
      })
      return written
    },
    options: { at: start + minute }
  })),
  {
    name: "deleted while it waited",
    finds: undefined,
    write: () => {
      const { sequence, written } = begun()
      attempt(written, match(written, sequence, crm), 500)
      fact(written, start + 2000, crm, "webhook.deleted", { revision: 2 })
      return written
    },
    counts: { cancelled: 1 }
  },
  {
    name: "deleted before it had a record",
    finds: undefined,
    write: () => {
      const { sequence, written } = begun()
      addWebhook(written, start, "wh_other")
      attempt(written, match(written, sequence, "wh_other"), 200)
      fact(written, start + 1200, crm, "webhook.deleted", { revision: 2 })
      const later = event(written, start + 3000)
      attempt(written, match(written, later, "wh_other"), 200)
      return written
    },
    counts: { succeeded: 2, either_way: 1 }
  },
  {
    name: "deleted long after it should have had a record",
    finds: "missing",
    write: () => {
      const { sequence, written } = begun()
      addWebhook(written, start, "wh_other")
      attempt(written, match(written, sequence, "wh_other"), 200)
      const later = event(written, start + 3000)
      for (const id of [crm, "wh_other"]) attempt(written, match(written, later, id), 200)
      fact(written, start + hour, crm, "webhook.deleted", { revision: 2 })
      return written
    }
  },
  {
    name: "created between the event and its match: either way",
    finds: undefined,
    write: () => {
      const written = nothing()
      const sequence = event(written, start)
      addWebhook(written, start + 2, crm)
      expect(sequence).toBe(1)
      return written
    },
    counts: { either_way: 1 }
  },
  {
    name: "types that were changed between two matches: either way",
    finds: undefined,
    write: () => {
      const { written } = begun()
      fact(written, start + 1010, crm, "webhook.changed", { revision: 2, events: ["task.*"] })
      const task = event(written, start + 5000, "task.created")
      attempt(written, match(written, task, crm, { webhookRevision: 2 }), 200)
      return written
    },
    counts: { either_way: 1, succeeded: 1 }
  },
  {
    name: "types that were changed before: owed to nobody",
    finds: undefined,
    write: () => {
      const written = nothing()
      addWebhook(written, start, crm)
      fact(written, start + 10, crm, "webhook.changed", { revision: 2, events: ["task.*"] })
      event(written, start + 1000)
      return written
    },
    counts: { events: 1, either_way: 0 }
  },
  {
    name: "a repeat",
    finds: undefined,
    write: () => {
      const { sequence, written } = begun()
      attempt(written, match(written, sequence, crm), 200)
      const again = event(written, start + 2000, "project.created", `{"id":"evt_${sequence}","data":{}}`)
      written.duplicates.set(again, sequence)
      return written
    },
    counts: { succeeded: 1, duplicates: 1 }
  },
  {
    name: "a repeat of another event",
    finds: "bad_duplicate",
    write: () => {
      const { sequence, written } = begun()
      attempt(written, match(written, sequence, crm), 200)
      written.duplicates.set(event(written, start + 2000), sequence)
      return written
    }
  },
  {
    name: "a repeat more than a day later, which is an event of its own",
    finds: "bad_duplicate",
    write: () => {
      const { sequence, written } = begun()
      attempt(written, match(written, sequence, crm), 200)
      const again = event(written, start + 1001 + 24 * hour, "project.created", `{"id":"evt_${sequence}","data":{}}`)
      written.duplicates.set(again, sequence)
      return written
    }
  },
  {
    name: "a repeat of one that is not there",
    finds: "bad_duplicate",
    write: () => {
      const { sequence, written } = begun()
      written.duplicates.set(sequence, 7)
      return written
    }
  },
  {
    name: "quarantined",
    finds: undefined,
    write: () => {
      const written = nothing()
      addWebhook(written, start, crm)
      written.quarantined.add(event(written, start + 1000, "project.created", "no JSON"))
      return written
    },
    counts: { quarantined: 1 }
  },
  {
    name: "what is no event, and not in quarantine",
    finds: "unquarantined",
    write: () => {
      const written = nothing()
      addWebhook(written, start, crm)
      event(written, start + 1000, "project.created", "no JSON")
      return written
    }
  },
  {
    name: "the same, of before what quarantine still has",
    finds: undefined,
    write: () => {
      const written = nothing()
      addWebhook(written, start, crm)
      event(written, start + 1000, "project.created", "no JSON")
      return written
    },
    options: { quarantineCompleteSince: start + hour },
    counts: { quarantined: 1 }
  },
  {
    name: "a delivery of what was quarantined",
    finds: "unowed",
    write: () => {
      const { sequence, written } = begun()
      attempt(written, match(written, sequence, crm), 200)
      written.quarantined.add(sequence)
      return written
    }
  },
  {
    name: "a record of a former owner behind a newer one's",
    finds: undefined,
    write: () => {
      const { sequence, written } = begun()
      const first = match(written, sequence, crm)
      attempt(written, { ...first, epoch: 2 }, 200, 1, 2)
      attempt(written, first, 500, 1, 1)
      return written
    },
    options: { epoch: 2 },
    counts: { succeeded: 1 }
  },
  {
    name: "an attempt that a new owner made again, knowing nothing of its record",
    finds: undefined,
    write: () => {
      const { sequence, written } = begun()
      const first = match(written, sequence, crm)
      attempt(written, first, 500, 1, 1)
      attempt(written, { ...first, epoch: 2 }, 200, 100, 2)
      return written
    },
    options: { epoch: 2 },
    counts: { succeeded: 1 }
  },
  {
    name: "a notice to the webhook that it tells of, which is not owed it",
    finds: undefined,
    write: () => {
      const written = nothing()
      addWebhook(written, start, crm, ["delivery.failed"])
      addWebhook(written, start, "wh_watch", ["delivery.failed"])
      const sequence = event(written, start + 1000, "delivery.failed", `{"id":"evt_1","data":{"webhook_id":"${crm}"}}`)
      const [notice] = written.events
      if (notice !== undefined) {
        written.events[0] = { ...notice, header: (name) => name === "Hookline-Notice" ? "DELIVERIES-1.1" : undefined }
      }
      attempt(written, match(written, sequence, "wh_watch"), 200)
      return written
    },
    counts: { succeeded: 1, either_way: 0 }
  }
]

describe("what an audit finds", () => {
  for (const { counts, finds, name, options, write } of cases) {
    it(name, () => {
      const found = examine(write(), options)
      expect(found.kinds).toEqual(finds === undefined ? [] : [finds])
      if (counts !== undefined) expect(found.counts).toMatchObject(counts)
      expect(examine(write(), options, true), "interrupted in the middle").toEqual(found)
    })
  }

  it("says which partitions have events and no position", () => {
    const { written } = begun()
    expect(examine(written).unplaced).toEqual([])
    const unplaced = examine(written, { unplaced: true, leasedSince: undefined })
    expect([unplaced.unplaced.length, unplaced.counts.open, unplaced.kinds]).toEqual([1, 1, []])
    expect(examine(written, { unplaced: true, leasedSince: undefined }, true)).toEqual(unplaced)
  })

  it("names what is missing", () => {
    const { written } = begun()
    expect(examine(written).findings).toMatchObject([
      { kind: "missing", event_seq: 1, workspace_id: "ws_1", webhook_id: webhook(crm) }
    ])
    expect(examine(written).findings[0]?.delivery_id).toMatch(/^dlv_[0-9a-f]{32}$/)
  })
})
