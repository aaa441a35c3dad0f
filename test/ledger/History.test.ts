import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Scope } from "effect"
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { deliveriesStream, eventSubject, partitionOf } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { Config } from "../../src/Config.ts"
import { History } from "../../src/ledger/History.ts"
import { openHistory } from "../../src/ledger/history/Layout.ts"
import { lock, remove } from "../../src/ledger/history/Sqlite.ts"
import { statusOf } from "../../src/ledger/history/Status.ts"
import type { Delivery } from "../../src/model/Delivery.ts"
import { brokerLayer, TestBroker } from "../support/broker.ts"
import { allDeliveries, contents } from "../support/history.ts"
import { receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import { addWebhook, folded, startWorker, until } from "../support/worker.ts"

const live = Clock.make()

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-history-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }))
)

const startedIn = (data: string) =>
  Effect.gen(function*() {
    const { url } = yield* TestBroker
    const config = yield* Config
    const context = yield* Layer.build(
      Layer.fresh(History.layer(url)).pipe(Layer.provide(Layer.succeed(Config, { ...config, data })))
    )
    return { history: Context.get(context, History), path: join(data, "history.db") }
  })
const started = Effect.flatMap(folder, startedIn)

const everything = { workspaceId: "ws_1", limit: 10 }

const publishMany = (from: number, count: number) =>
  Effect.gen(function*() {
    const log = yield* AppendLog
    yield* Effect.forEach(
      Array.from({ length: count }, (_, index) => from + index),
      (number) =>
        log.append({
          subject: eventSubject(
            number % 3 === 0 ? "ws_2" : "ws_1",
            number % 2 === 0 ? "task.created" : "project.created"
          ),
          // Every tenth repeats the id of the one before.
          data: JSON.stringify({ id: `evt_${number % 10 === 9 ? number - 3 : number}`, data: { number } })
        }),
      { concurrency: 64, discard: true }
    )
    // The end of EVENTS is nothing that the history reads: of the wrong shape, and in quarantine.
    yield* log.append({ subject: "events.ws_1.too.many.tokens", data: "{}" })
  }).pipe(Effect.orDie)

describe("the history", () => {
  it.scopedLive("answers what is asked while it starts, the first time and again", () =>
    Effect.gen(function*() {
      const data = yield* folder
      for (let start = 0; start < 3; start++) {
        // The process of the start before may still be about to end.
        yield* Effect.scoped(Effect.gen(function*() {
          const { history } = yield* startedIn(data)
          expect(yield* history.ask("deliveries", everything)).toEqual({ data: [], next: undefined })
        }))
      }
    }).pipe(Effect.provide(brokerLayer({ masterKeys }))))

  it.scopedLive("waits a moment for a file that another process is about to let go of, and says so when it does not", () =>
    Effect.gen(function*() {
      const data = yield* folder
      const { release } = lock(join(data, "history.db-lock"))
      const { history } = yield* startedIn(data)
      const question = yield* Effect.fork(history.ask("deliveries", everything))
      yield* until("it has met the lock", Effect.sync(() => history.status().state === "locked"))
      release()
      expect(yield* question).toEqual({ data: [], next: undefined })

      const other = yield* folder
      const held = lock(join(other, "history.db-lock"))
      const locked = yield* startedIn(other)
      expect((yield* Effect.flip(locked.history.ask("deliveries", everything))).message).toMatch(
        /another process writes/
      )
      held.release()
      yield* until("it follows", Effect.sync(() => locked.history.status().state === "following"))
    }).pipe(Effect.provide(brokerLayer({ masterKeys }))))

  it.scopedLive(
    "is the fold of the streams; deleted under load it is made anew and is the same",
    () =>
      Effect.gen(function*() {
        const topology = yield* Topology
        const well = yield* receiver(undefined, { keepArrivals: false })
        const ill = yield* receiver((response) => void response.writeHead(500).end("no"), { keepArrivals: false })
        const { webhooks } = yield* startWorker
        const healthy = yield* addWebhook(webhooks, well.url)
        const failing = yield* addWebhook(webhooks, ill.url)
        const paused = yield* addWebhook(webhooks, well.url)
        const gone = yield* addWebhook(webhooks, ill.url)
        yield* webhooks.pause(paused.workspaceId, paused.id)
        const { history, path } = yield* started
        yield* publishMany(0, 600)
        yield* webhooks.remove(gone.workspaceId, gone.id)

        const streamOf = (workspaceId: string) =>
          deliveriesStream(partitionOf(workspaceId, topology.partitions), topology.deliveriesStreams)
        const isCurrent = until(
          "the history has read everything",
          Effect.sync(() => history.status().state === "following" && history.status().behind === 0),
          30_000
        )
        const rows = Effect.scoped(Effect.map(
          Effect.acquireRelease(
            Effect.sync(() => openHistory(path, new Map(streamsOf(topology.created)))),
            (file) => Effect.sync(() => file.close())
          ),
          (file) => ({
            deliveries: allDeliveries({
              file,
              eventsCreated: topology.eventsCreated,
              streamOf,
              position: () => 0,
              writeFigures: () => undefined
            }),
            tables: contents(file)
          })
        ))
        /** Nothing more is written, and the history knows all of it. */
        const same = Effect.gen(function*() {
          yield* until(
            "everything is recorded",
            Effect.map(folded, (all) => all.length > 0 && all.every((one) => one.webhookId === gone.id || atRest(one))),
            30_000
          )
          yield* isCurrent
          yield* until(
            "the tables are the fold",
            Effect.gen(function*() {
              const [fold, { deliveries }] = [yield* folded, yield* rows]
              const byKey = new Map(fold.map((one) => [`${one.webhookId}/${one.eventSequence}`, one]))
              return deliveries.length === byKey.size && deliveries.every(({ delivery }) =>
                JSON.stringify(delivery) ===
                  JSON.stringify(ordered(byKey.get(`${delivery.webhookId}/${delivery.eventSequence}`), delivery))
              )
            }),
            20_000
          )
          const { deliveries, tables } = yield* rows
          for (const { delivery, status } of deliveries) {
            expect(status).toBe(statusOf(delivery, delivery.webhookId === gone.id))
          }
          return tables
        })

        const before = yield* same
        // Event 19 repeats the id of 16, as another type; which came first is the streams' to say.
        const asked = { workspaceId: "ws_1", id: "evt_16" }
        const repeated = (yield* history.ask("event", asked))!
        expect(repeated).toMatchObject({
          event: { outcome: "event", duplicateOf: undefined },
          repeats: { count: 1, latest: [{ sequence: expect.any(Number) }] }
        })
        const [again] = repeated.repeats.latest
        expect(new Set([repeated.event.type, again?.type])).toEqual(new Set(["task.created", "project.created"]))
        expect(again?.sequence).toBeGreaterThan(repeated.event.sequence)
        const reasons = (sequence: number) =>
          Effect.map(
            history.ask("explain", { workspaceId: "ws_1", sequence, about: undefined }),
            (explained) => Object.fromEntries(explained?.map(({ reason, webhookId }) => [webhookId, reason]) ?? [])
          )
        // What became of the deleted one depends on whether it was deleted before the match.
        expect(yield* reasons(repeated.event.sequence)).toMatchObject({
          [healthy.id]: "matched",
          [failing.id]: "matched",
          [paused.id]: "paused",
          [gone.id]: expect.stringMatching(/^(matched|deleted)$/)
        })
        expect(new Set(Object.values(yield* reasons(again?.sequence ?? 0)))).toEqual(new Set(["duplicate"]))
        expect(before["events"]).toHaveLength(600)
        expect(before["duplicates"]).toHaveLength(60)
        expect(
          new Set((before["deliveries"] ?? []).map((row) => (row as Array<string>)[5])).size
        ).toBe(4)

        const load = yield* Effect.fork(publishMany(600, 600))
        remove(path)
        yield* load.await
        const after = yield* same
        expect(after["events"]).toHaveLength(1200)
        // Made anew a second time, at rest: every table is what it was.
        const inode = () => statSync(path, { throwIfNoEntry: false })?.ino
        const former = inode()
        remove(path)
        yield* until("there is another file", Effect.sync(() => ![undefined, former].includes(inode())))
        expect(yield* same).toEqual(after)
      }).pipe(Effect.provide(brokerLayer({ masterKeys })), Effect.withClock(live)),
    60_000
  )
})

describe("the history's file", () => {
  it.scopedLive("has one writer: a second process waits, says so, and takes over", () =>
    Effect.gen(function*() {
      const { url } = yield* TestBroker
      const config = yield* Config
      const data = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-history-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }))
      )
      const one = Effect.map(
        Layer.build(Layer.fresh(History.layer(url)).pipe(Layer.provide(Layer.succeed(Config, { ...config, data })))),
        (context) => Context.get(context, History)
      )
      const question = { workspaceId: "ws_1", limit: 10 }
      const second = yield* Effect.scoped(Effect.gen(function*() {
        const first = yield* one
        yield* until("the first to follow", Effect.sync(() => first.status().state === "following"))
        const scope = yield* Scope.make()
        const second = yield* Scope.extend(one, scope)
        yield* until("the second to wait", Effect.sync(() => second.status().state === "locked"))
        expect(yield* Effect.flip(second.ask("events", question))).toMatchObject({
          _tag: "HistoryUnavailable",
          detail: expect.stringContaining("another process writes its file")
        })
        expect(yield* first.ask("events", question)).toEqual({ data: [], next: undefined })
        return { history: second, scope }
      }))
      yield* Effect.addFinalizer((exit) => Scope.close(second.scope, exit))
      yield* until("the second to take over", Effect.sync(() => second.history.status().state === "following"))
      expect(yield* second.history.ask("events", question)).toEqual({ data: [], next: undefined })
    }).pipe(Effect.provide(brokerLayer({ masterKeys })), Effect.withClock(live)), 30_000)

  it.scopedLive("of another version or damaged is made anew", () =>
    Effect.gen(function*() {
      const created = new Map([["EVENTS", "2026-01-01T00:00:00Z"]])
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-history-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
      )
      const file = join(folder, "history.db")
      const first = openHistory(file, created)
      first.exec("INSERT INTO workspaces VALUES (1, 'ws_1')")
      first.close()
      const rows = () => {
        const opened = openHistory(file, created)
        const found = opened.statement("SELECT count(*) FROM workspaces").get([])
        opened.close()
        return found
      }
      expect(rows()).toEqual([1])
      const former = openHistory(file, created)
      former.exec("UPDATE about SET value = '0' WHERE key = 'version'")
      former.close()
      expect(rows()).toEqual([0])
      writeFileSync(file, "not a database at all, and long enough to be looked at ".repeat(100))
      expect(rows()).toEqual([0])
    }))
})

const streamsOf = (created: Readonly<Record<string, string>>) =>
  Object.entries(created).filter(([name]) => !name.startsWith("KV_") && !name.startsWith("OBJ_"))

/** Nothing more comes of it while the test lasts. */
const atRest = ({ heldReason, state }: Delivery) =>
  state === "due" || state === "succeeded" || (state === "held" && heldReason === "paused")

/** With its keys in another one's order. */
const ordered = <A extends object>(value: A | undefined, like: A): A | undefined =>
  value === undefined
    ? undefined
    : Object.fromEntries((Object.keys(like) as Array<keyof A>).map((key) => [key, value[key]])) as A
