import { Context, Effect, Either, Layer, Option } from "effect"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { KeyValue, type RevisionConflict } from "../broker/KeyValue.ts"
import { type BrokerUnavailable, Streams } from "../broker/Streams.ts"
import { bucketFilter, bucketKey, bucketStream, key } from "../broker/Subjects.ts"
import { versionsReferred, type Webhook } from "../model/Webhook.ts"
import { KeyRing, type OpenFailed, sealedBy } from "./KeyRing.ts"
import { Subscriptions } from "./Subscriptions.ts"
import { type Boxes, boxesOf, storedOf } from "./Vault.ts"

/** A webhook with something that could not be sealed anew; it stays as it was. */
interface NotRewrapped {
  readonly workspaceId: string
  readonly webhookId: string
  /**
   * `key_missing`: the ring lacks `keyId`. `corrupt`: it does not open, under a key of the ring that has another's id or because it was altered.
   * `changed_meanwhile`: other writers were faster each time.
   */
  readonly reason: OpenFailed["reason"] | "changed_meanwhile"
  readonly keyId?: string
}

/** Where a pass over SECRETS goes on: from a sequence of the bucket's stream to the last that there was when the pass began. */
export interface Place {
  readonly from: number
  readonly to: number
}

/** What became of the webhooks of one part of a pass; each is in one of the counts. */
export interface Rewrapped {
  /** All of it was sealed with the first key already. */
  readonly already: number
  readonly rewrapped: number
  /** Deleted before it was read, or between reading and writing; nothing was written. */
  readonly gone: number
  readonly failed: ReadonlyArray<NotRewrapped>
  /** Where the pass goes on; undefined: it is over. */
  readonly next: Place | undefined
}

/**
 * Seals what SECRETS holds anew with the first key of the ring, so that another key can be taken out. In parts, so that whoever asks sees how far
 * it is; a part that was cut off is asked for again. Safe beside every other writer: a value is written over the revision that was read and none
 * else, so a rotation at the same time is never undone, and what a deletion has purged does not come back. What is written while a pass goes on is
 * not in it: its writer seals with the first key of his own ring.
 */
export class Rewrap extends Context.Tag("hookline/registry/Rewrap")<Rewrap, {
  /** The id of the key with which it seals. */
  readonly sealingKey: string
  /** A pass over all that there is now, and how many webhooks that are. */
  readonly begin: Effect.Effect<{ readonly place: Place; readonly webhooks: number }, BrokerUnavailable>
  /** The next webhooks of a pass, at most `most`. */
  readonly part: (place: Place, most: number) => Effect.Effect<Rewrapped, BrokerUnavailable>
}>() {
  static readonly layer = Layer.effect(Rewrap, Effect.suspend(() => make))
}

/** A lost race for a webhook's key is run again this often. */
const attempts = 5
/** Writes at the same time. */
const concurrency = 16
/** A former secret is for nobody once its overlap is over; a little later on everybody's clock. */
const afterOverlap = 60_000

type Outcome = "already" | "rewrapped" | "gone" | NotRewrapped

const make = Effect.gen(function*() {
  const keyValue = yield* KeyValue
  const keyRing = yield* KeyRing
  const streams = yield* Streams
  const subscriptions = yield* Subscriptions
  const clock = yield* BrokerClock
  const stream = bucketStream("SECRETS")

  /** The versions that somebody may still need: of a webhook that is not known every one, as its creation may be under way. */
  const isNeeded = (webhook: Webhook | undefined) => (version: number): boolean => {
    if (webhook === undefined || version > webhook.highestVersion) return true
    const isOver = version === webhook.previousSecretVersion &&
      (webhook.overlapUntil ?? 0) + afterOverlap < clock.now()
    return !isOver && versionsReferred(webhook).includes(version)
  }

  /** A box under the first key: itself when that has sealed it, and opens it; the key's id alone proves nothing. What it holds is a secret's or the headers' and does not say which, but only one of the two opens it. */
  const resealed = (
    box: string,
    place: { readonly workspaceId: string; readonly webhookId: string; readonly version: number }
  ): Either.Either<string, OpenFailed> => {
    const asHeaders = { ...place, kind: "headers" } as const
    const asSecret = { ...place, kind: "secret" } as const
    return keyRing.open(box, asSecret).pipe(
      Either.map((clear) => () => keyRing.seal(clear, asSecret)),
      Either.orElse(() => Either.map(keyRing.open(box, asHeaders), (clear) => () => keyRing.seal(clear, asHeaders))),
      Either.map((seal) => sealedBy(box) === keyRing.sealingKey ? box : seal())
    )
  }

  const rewrapOne = (workspaceId: string, webhookId: string): Effect.Effect<Outcome, BrokerUnavailable> => {
    const failed = (reason: NotRewrapped["reason"], keyId?: string): NotRewrapped => ({
      workspaceId,
      webhookId,
      reason,
      ...(keyId === undefined ? {} : { keyId })
    })
    const attempt = Effect.gen(function*() {
      // Known before it is read: a version that the state has not heard of is above its highest, and stays.
      const webhook = subscriptions.find(workspaceId, webhookId)
      if (subscriptions.get(webhookId)?.deleted === true) {
        // A kill came between its deletion and the purge.
        yield* keyValue.remove("SECRETS", key(workspaceId, webhookId))
        return "gone"
      }
      const entry = yield* keyValue.get("SECRETS", key(workspaceId, webhookId))
      if (Option.isNone(entry)) return "gone"
      const boxes = boxesOf(entry)
      if (Either.isLeft(boxes)) return failed("corrupt")
      let changed = false
      let problem: OpenFailed | undefined
      const fresh = new Map<number, string>()
      for (const [version, box] of boxes.right) {
        if (!isNeeded(webhook)(version)) {
          // Dropped, as at every writing: but only that the old key sealed is a reason to write.
          changed ||= sealedBy(box) !== keyRing.sealingKey
          continue
        }
        const sealed = resealed(box, { workspaceId, webhookId, version })
        if (Either.isLeft(sealed)) problem ??= sealed.left
        fresh.set(version, Either.getOrElse(sealed, () => box))
        changed ||= fresh.get(version) !== box
      }
      if (changed) yield* write(workspaceId, webhookId, fresh, entry.value.revision)
      if (problem !== undefined) return failed(problem.reason, problem.keyId)
      return changed ? "rewrapped" : "already"
    })
    return Effect.retry(attempt, { times: attempts - 1, while: (error) => error._tag === "RevisionConflict" }).pipe(
      Effect.catchTag("RevisionConflict", () => Effect.succeed(failed("changed_meanwhile")))
    )
  }

  const write = (
    workspaceId: string,
    webhookId: string,
    boxes: Boxes,
    revision: number
  ): Effect.Effect<number, BrokerUnavailable | RevisionConflict> =>
    keyValue.write("SECRETS", key(workspaceId, webhookId), storedOf(boxes, clock.now()), revision)

  return Rewrap.of({
    sealingKey: keyRing.sealingKey,
    begin: Effect.map(streams.state(stream), ({ firstSequence, lastSequence, messages }) => ({
      place: { from: firstSequence, to: lastSequence },
      webhooks: messages
    })),
    part: ({ from, to }, most) =>
      Effect.gen(function*() {
        const names: Array<string> = []
        let last = to
        yield* subscriptions.fence
        yield* streams.scan({
          stream,
          filter: bucketFilter("SECRETS"),
          from,
          to,
          onMessage: ({ sequence, subject }) => {
            names.push(bucketKey("SECRETS", subject))
            last = names.length < most ? to : sequence
          },
          enough: () => names.length >= most
        })
        const outcomes = yield* Effect.forEach(names, (name) => {
          const [workspaceId = "", webhookId = ""] = name.split(".")
          return rewrapOne(workspaceId, webhookId)
        }, { concurrency })
        const count = (outcome: Outcome) => outcomes.filter((one) => one === outcome).length
        return {
          already: count("already"),
          rewrapped: count("rewrapped"),
          gone: count("gone"),
          failed: outcomes.filter((outcome) => typeof outcome !== "string"),
          next: last < to ? { from: last + 1, to } : undefined
        }
      })
  })
})
