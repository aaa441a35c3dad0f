import { Context, Data, Effect, Layer } from "effect"
import { AppendLog } from "../broker/AppendLog.ts"
import { BrokerClock } from "../broker/BrokerClock.ts"
import type { BrokerUnavailable } from "../broker/Streams.ts"
import { deliverySubject, partitionOf } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import { encodeTest } from "../ledger/Record.ts"
import { isLocalFault, type LocalFault } from "../model/Attempt.ts"
import type { ParsedEvent } from "../model/Event.ts"
import type { StaticHeader } from "../model/StaticHeaders.ts"
import { type TestAttempt, testHeader } from "../model/TestAttempt.ts"
import type { Webhook } from "../model/Webhook.ts"
import { concealed } from "../outbound/Concealed.ts"
import { Sender } from "../outbound/Sender.ts"
import { type Brand, signedHeaders } from "../outbound/Signature.ts"
import { allClear, clearNow } from "../registry/ClearSecrets.ts"
import { type SecretUnavailable, Vault } from "../registry/Vault.ts"

/** What was sent and what came of it. */
export interface Tested {
  readonly test: TestAttempt
  /** Those of hookline, and the names of the webhook's own: their values are secrets. */
  readonly headers: ReadonlyArray<StaticHeader>
  readonly ownHeaders: ReadonlyArray<string>
  /** False: DELIVERIES did not take the record within 5 s. The request was made all the same. */
  readonly recorded: boolean
}

/** No request was made, for a reason on our side; nothing is recorded. */
export class TestFaulted extends Data.TaggedError("TestFaulted")<{ readonly fault: LocalFault }> {}

/** Too many test events are under way in the process or the workspace. */
export class TooManyTests extends Data.TaggedError("TooManyTests")<{
  readonly of: "process" | "workspace"
  readonly limit: number
}> {}

/** Under way at once. A workspace may take a quarter: one with hanging endpoints leaves room for the others. */
const limits = { process: 32, workspace: 8 } as const

/**
 * Test events: one signed request to a webhook's endpoint, whatever its state, beside the queue, the circuit and the rate of its deliveries. Never
 * retried, never a delivery; recorded as `test` on DELIVERIES when it has ended. One that is interrupted is cut off and not recorded.
 */
export class TestEvents extends Context.Tag("hookline/surface/TestEvents")<TestEvents, {
  /** Ends within twice the attempt's timeout and 5 s for the record. */
  readonly send: (
    webhook: Webhook,
    event: ParsedEvent
  ) => Effect.Effect<Tested, TestFaulted | TooManyTests | SecretUnavailable | BrokerUnavailable>
}>() {
  static readonly layer = (brand: Brand) =>
    Layer.effect(
      TestEvents,
      Effect.gen(function*() {
        const log = yield* AppendLog
        const clock = yield* BrokerClock
        const sender = yield* Sender
        const { partitions } = yield* Topology
        const vault = yield* Vault

        let underWay = 0
        const ofWorkspace = new Map<string, number>()
        const place = (workspaceId: string) =>
          Effect.acquireRelease(
            Effect.suspend(() => {
              const own = ofWorkspace.get(workspaceId) ?? 0
              if (own >= limits.workspace) return new TooManyTests({ of: "workspace", limit: limits.workspace })
              if (underWay >= limits.process) return new TooManyTests({ of: "process", limit: limits.process })
              underWay++
              ofWorkspace.set(workspaceId, own + 1)
              return Effect.void
            }),
            () =>
              Effect.sync(() => {
                underWay--
                const left = (ofWorkspace.get(workspaceId) ?? 1) - 1
                if (left > 0) ofWorkspace.set(workspaceId, left)
                else ofWorkspace.delete(workspaceId)
              })
          )

        const record = (test: TestAttempt) => {
          const { eventId, webhookId, workspaceId } = test
          const subject = deliverySubject(partitionOf(workspaceId, partitions), workspaceId, webhookId, "test")
          return log.append({ subject, data: encodeTest(test), messageId: eventId }).pipe(
            Effect.as(true),
            Effect.catchAll((error) =>
              Effect.as(Effect.logWarning(`a test event of ${webhookId} was not recorded: ${error.message}`), false)
            )
          )
        }

        const send = Effect.fnUntraced(function*(webhook: Webhook, event: ParsedEvent) {
          yield* place(webhook.workspaceId)
          const material = vault.signing(webhook) ?? (yield* vault.load(webhook))
          const startedAt = clock.now()
          const clear = clearNow(webhook, material, startedAt)
          if (clear === undefined) {
            return yield* new TestFaulted({ fault: { class: "secret", error: "the secret in force is not there" } })
          }
          const own = signedHeaders({
            eventId: event.id,
            timestampSeconds: Math.floor(startedAt / 1000),
            body: event.body,
            current: clear.current,
            previous: clear.previous,
            brand
          })
          own.push(testHeader, "true")
          const headers = own.concat(...clear.headers)
          const outcome = concealed(
            yield* sender.send({ url: webhook.url, headers, body: event.body, startedAt }),
            allClear(material)
          )
          if (isLocalFault(outcome)) return yield* new TestFaulted({ fault: outcome })
          const test: TestAttempt = {
            at: clock.now(),
            workspaceId: webhook.workspaceId,
            webhookId: webhook.id,
            webhookRevision: webhook.revision,
            eventId: event.id,
            eventType: event.type,
            outcome
          }
          return {
            test,
            headers: own.flatMap((name, index): ReadonlyArray<StaticHeader> =>
              index % 2 === 0 ? [[name, own[index + 1] ?? ""]] : []
            ),
            ownHeaders: clear.headers.map(([name]) => name),
            // Whoever hangs up now has had the request made.
            recorded: yield* Effect.uninterruptible(record(test))
          }
        }, Effect.scoped)
        return { send }
      })
    )
}
