import { Deferred, Duration, Effect, Layer, Option, Runtime } from "effect"
import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { BrokerClock } from "./BrokerClock.ts"
import { KeyValue } from "./KeyValue.ts"
import { type Held, Lease } from "./Lease.ts"
import { decodeHolder, encodeHolder } from "./LeaseHolder.ts"
import { isGone, ownIdentity } from "./ProcessIdentity.ts"
import { Streams } from "./Streams.ts"
import { key, streamNames } from "./Subjects.ts"

/*
 *   WAITING ── key free (expired, given back, unchanged for 7 s, or its holder was killed here): compare-and-set ──▶ HELD
 *      ▲                                                                                  │ every 2 s: compare-and-set
 *      └── (a new acquire)                                                                 │
 *                         LOST ◀── another has it, or 4 s since an acknowledged renewal ──┘
 *
 * Invariant: `holds()` counts from before the request of the last renewal that was acknowledged, and 4 s is less than the 6 s after which
 * the key expires at the broker: nobody else can have it while it is true.
 */

const renewEvery = 2000
const heldFor = 4000
const unrenewed = `no renewal acknowledged for ${heldFor / 1000} s`
/** A key whose revision did not change for so long belongs to nobody alive, even if the broker has not expired it yet. */
const unchangedLimit = 7000
const lookEvery = 1000
/** A renewal that takes longer is given up, and the next begins. */
const renewalLimit = 1500

const make = Effect.gen(function*() {
  const keyValue = yield* KeyValue
  const streams = yield* Streams
  const brokerClock = yield* BrokerClock
  const clock = yield* Effect.clock
  const report = Runtime.runFork(yield* Effect.runtime<never>())
  const monotonic = () => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)

  /** Done when the broker's time was measured once. */
  const timeKnown = yield* Deferred.make<void>()
  const measure = Effect.gen(function*() {
    const askedAt = brokerClock.monotonic()
    const { brokerTime } = yield* streams.state(streamNames.events)
    brokerClock.adjust(brokerTime, askedAt, brokerClock.monotonic())
    yield* Deferred.succeed(timeKnown, undefined)
  })

  const acquire = Effect.fnUntraced(function*(name: string) {
    const leaseKey = key(name)
    const holder = randomUUID()
    const own = ownIdentity()
    const entry = { holder, host: hostname(), process: process.pid, ...own }
    let mine = encodeHolder(entry)

    let revision = 0
    let renewedAt = 0
    let lostBecause: string | undefined
    let said = false
    let seen = { revision: -1, since: 0 }

    /** One try to get the lease: true when it is ours. */
    const take = Effect.gen(function*() {
      const askedAt = monotonic()
      const found = yield* keyValue.get("LEASES", leaseKey)
      const current = Option.flatMap(found, ({ value }) => decodeHolder(value))
      const currentRevision = Option.match(found, { onNone: () => 0, onSome: ({ revision }) => revision })
      if (seen.revision !== currentRevision) seen = { revision: currentRevision, since: askedAt }
      const killed = Option.exists(
        current,
        ({ place, process, started }) =>
          place !== undefined && started !== undefined && isGone({ place, process, started }, own)
      )
      const free = Option.isNone(found) || killed || Option.exists(current, (entry) => entry.holder === null) ||
        askedAt - seen.since > unchangedLimit
      // An earlier try of ours may have got it without our hearing of it.
      const ours = Option.exists(current, (entry) => entry.holder === holder)
      if (!free && !ours) {
        if (!said) {
          said = true
          const who = Option.match(current, {
            onNone: () => "another",
            onSome: ({ host, process }) => `process ${process} on ${host}`
          })
          yield* Effect.logInfo(`lease ${name}: ${who} holds it; standing by`)
        }
        return false
      }
      const writtenAt = monotonic()
      revision = yield* keyValue.write("LEASES", leaseKey, mine, currentRevision)
      renewedAt = writtenAt
      return true
    }).pipe(
      Effect.catchTags({
        RevisionConflict: () => Effect.succeed(false),
        BrokerUnavailable: (error) =>
          Effect.as(Effect.logWarning(`lease ${name}: ${error.message}; trying again`), false)
      })
    )

    const lost = yield* Deferred.make<string>()
    const lose = (reason: string) =>
      Effect.suspend(() => {
        if (lostBecause !== undefined) return Effect.void
        lostBecause = reason
        return Effect.zipRight(Deferred.succeed(lost, reason), Effect.logWarning(`lease ${name} is lost: ${reason}`))
      })

    // Given back by compare-and-set, so that the next holder's is never taken away.
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        const giveBack = revision > 0 && lostBecause === undefined
        lostBecause ??= "given back"
        return giveBack
          ? keyValue.write(
            "LEASES",
            leaseKey,
            encodeHolder({ holder: null, host: hostname(), process: process.pid }),
            revision
          ).pipe(
            Effect.timeout(Duration.seconds(2)),
            Effect.ignore,
            Effect.withClock(clock)
          )
          : Effect.void
      })
    )
    // Whoever stands by asks for retries too, and says until when (ledger/RetryRequests.ts).
    const measuredBy = Effect.ignore(Effect.timeout(measure, lookEvery))
    while (!(yield* take)) yield* Effect.zipRight(Effect.sleep(lookEvery), measuredBy, { concurrent: true })
    yield* Effect.logInfo(`lease ${name} is ours`)
    const acquiredAt = renewedAt
    /** From the first measurement on, the key says since when it is held, for whoever reads it (ledger/audit). */
    const measured = Effect.map(Effect.timeout(measure, renewalLimit), () => {
      const acquired = brokerClock.now() - (monotonic() - acquiredAt)
      mine = encodeHolder({ ...entry, acquired_at: new Date(acquired).toISOString() })
    })
    yield* Effect.ignore(measured)

    const renew = Effect.gen(function*() {
      const askedAt = monotonic()
      revision = yield* keyValue.write("LEASES", leaseKey, mine, revision)
      renewedAt = askedAt
    }).pipe(
      Effect.catchTag("RevisionConflict", () =>
        // Either another has it, or an earlier renewal of ours was stored and its answer lost: then the next one is on top of that.
        Effect.gen(function*() {
          const found = yield* keyValue.get("LEASES", leaseKey)
          const current = Option.flatMap(found, ({ value }) => decodeHolder(value))
          if (Option.isSome(found) && Option.exists(current, (entry) => entry.holder === holder)) {
            const askedAt = monotonic()
            revision = yield* keyValue.write("LEASES", leaseKey, mine, found.value.revision)
            renewedAt = askedAt
          } else {
            yield* lose("another took it")
          }
        })),
      Effect.catchTag("RevisionConflict", () => lose("another took it"))
    )

    const round = Effect.gen(function*() {
      yield* Effect.sleep(Math.max(0, renewEvery - (monotonic() - renewedAt)))
      yield* renew.pipe(Effect.timeout(renewalLimit))
      yield* measured
    }).pipe(
      Effect.catchAll((error) =>
        Effect.zipRight(Effect.logDebug(`lease ${name}: ${error.message}`), Effect.sleep("200 millis"))
      )
    )
    yield* Effect.forkScoped(Effect.repeat(round, { while: () => lostBecause === undefined }))
    const deadline = Effect.gen(function*() {
      for (let left = heldFor; left > 0; left = renewedAt + heldFor - monotonic()) yield* Effect.sleep(left)
      yield* lose(unrenewed)
    })
    yield* Effect.forkScoped(deadline)
    // Due times are the broker's: whoever went by this machine's clock would be early by whatever that is off.
    yield* Effect.raceFirst(Deferred.await(timeKnown), Deferred.await(lost))

    /** Once it did not hold it never does again: what was left undone meanwhile is found by whoever acquires it next. */
    const holds = () => {
      if (lostBecause === undefined && monotonic() - renewedAt >= heldFor) {
        lostBecause = unrenewed
        Deferred.unsafeDone(lost, Effect.succeed(unrenewed))
        report(Effect.logWarning(`lease ${name} is lost: ${unrenewed}`))
      }
      return lostBecause === undefined
    }

    return {
      holds,
      lost: Deferred.await(lost)
    } satisfies Held
  })

  return Lease.of({ acquire: (name) => Effect.withClock(acquire(name), clock) })
})

export const layer: Layer.Layer<Lease, never, BrokerClock | KeyValue | Streams> = Layer.effect(Lease, make)
