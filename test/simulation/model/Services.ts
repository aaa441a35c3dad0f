import { Deferred, Effect, Layer, Option } from "effect"
import { Answers } from "../../../src/broker/Answers.ts"
import { AppendFailed, AppendLog } from "../../../src/broker/AppendLog.ts"
import { BrokerClock } from "../../../src/broker/BrokerClock.ts"
import * as JetStreamLease from "../../../src/broker/JetStreamLease.ts"
import { KeyValue, RevisionConflict } from "../../../src/broker/KeyValue.ts"
import { ObjectStore } from "../../../src/broker/ObjectStore.ts"
import { BrokerUnavailable, type Consumption, Streams } from "../../../src/broker/Streams.ts"
import { bucketFilter, bucketKey, bucketStream, bucketSubject } from "../../../src/broker/Subjects.ts"
import { Topology } from "../../../src/broker/Topology.ts"
import type { Process } from "../Process.ts"
import type { Link } from "./Link.ts"
import type { ModelBroker, ModelConsumer, Reader } from "./ModelBroker.ts"
import { matches, type ModelStream } from "./ModelStream.ts"

/** By subject: who waits for an answer there. */
export type Inboxes = Map<string, (answer: string) => void>

/** A bucket that does not answer is given up after so long. */
const patience = 5_000
const chunk = 200
const scanPatience = 30_000

/** The broker's service tags for one process, over its link. The lease is the product's own: it needs no more than these. */
export const services = (broker: ModelBroker, link: Link, inboxes: Inboxes) => {
  const { process } = link
  const { chance } = broker.world

  const ask = <A>(operation: string, atBroker: () => A): Effect.Effect<A, BrokerUnavailable> =>
    Effect.async((resume) => {
      link.request(
        atBroker,
        (answer) => resume(Effect.succeed(answer)),
        (detail) => resume(new BrokerUnavailable({ operation: `model: ${operation}`, detail }))
      )
    })

  /** Of a bucket, which may have its leader elsewhere. */
  const askBucket: typeof ask = (operation, atBroker) =>
    Effect.suspend(() => {
      if (!broker.isParted(process)) return ask(operation, atBroker)
      const unanswered = new BrokerUnavailable({ operation: `model: ${operation}`, detail: "no answer" })
      return Effect.async((resume) => {
        const cancel = process.timer(patience, () => resume(unanswered))
        return Effect.sync(cancel)
      })
    })

  const log = AppendLog.of({
    unsafeAppend: (message, settled) =>
      link.request(
        () => broker.append(message, process),
        (answer) =>
          settled(
            typeof answer === "string"
              ? new AppendFailed({ reason: answer, subject: message.subject, detail: "the model says so" })
              : answer
          ),
        (reason) => settled(new AppendFailed({ reason, subject: message.subject, detail: "the model's link" }))
      ),
    append: (message) =>
      Effect.async((resume) =>
        log.unsafeAppend(
          message,
          (result) => resume(result instanceof AppendFailed ? Effect.fail(result) : Effect.succeed(result))
        )
      )
  })

  const keyValue = KeyValue.of({
    get: (bucket, key) =>
      askBucket(`reading ${bucket}`, () => ({
        found: broker.stream(bucketStream(bucket)).last(bucketSubject(bucket, key), broker.time),
        isElsewhere: bucket === "LEASES" && broker.leaseHolder !== process
      })).pipe(Effect.map(({ found, isElsewhere }) => {
        if (isElsewhere) process.renewedAt = Number.NEGATIVE_INFINITY
        return Option.map(
          Option.fromNullable(found),
          ({ data, sequence }) => ({ value: data, revision: sequence })
        )
      })),
    write: (bucket, key, value, revision) =>
      Effect.suspend(() => {
        const askedAt = broker.world.now
        return askBucket(`writing ${bucket} ${key}`, () => {
          const answer = broker.append(
            { subject: bucketSubject(bucket, key), data: value, expectedLastSubjectSequence: revision },
            process
          )
          if (bucket === "LEASES" && typeof answer !== "string") {
            const isGivenBack = Buffer.from(value as string).includes("\"holder\":null")
            broker.leaseIs(isGivenBack ? undefined : process)
          }
          return answer
        }).pipe(Effect.flatMap((answer): Effect.Effect<number, BrokerUnavailable | RevisionConflict> => {
          if (answer === "conflict") return Effect.fail(new RevisionConflict({ bucket, key }))
          if (typeof answer === "string") {
            return Effect.fail(new BrokerUnavailable({ operation: `model: writing ${bucket}`, detail: answer }))
          }
          if (bucket === "LEASES") process.renewedAt = askedAt
          return Effect.succeed(answer.sequence)
        }))
      }),
    remove: (bucket, key) =>
      ask(`removing ${bucket}`, () => broker.stream(bucketStream(bucket)).purge(bucketSubject(bucket, key))),
    keys: (bucket, first) =>
      ask(
        `keys of ${bucket}`,
        () =>
          broker.stream(bucketStream(bucket)).subjects(bucketFilter(bucket, first), broker.time).map((subject) =>
            bucketKey(bucket, subject)
          )
      )
  })

  const objects = ObjectStore.of({
    put: (name, data) =>
      ask("writing a snapshot", () => {
        broker.objects.set(name, data)
        broker.saved(name, data, process)
      }),
    get: (name) =>
      ask("reading a snapshot", () => {
        const found = broker.objects.get(name)
        return found === undefined || found === "damaged" ? Option.none() : Option.some(found)
      }),
    remove: (name) => Effect.asVoid(ask("removing a snapshot", () => broker.objects.delete(name))),
    names: Effect.suspend(() => ask("listing snapshots", () => [...broker.objects.keys()].sort()))
  })

  const scan: Streams["Type"]["scan"] = ({ enough, filter, from, onMessage, stream, to }) =>
    Effect.async((resume) => {
      const isMatch = matches(filter)
      let position = from
      let cancelled = false
      let progressAt = broker.world.now
      const again = (): void => {
        if (cancelled) return
        if (broker.world.now - progressAt > scanPatience) {
          return resume(new BrokerUnavailable({ operation: `model: reading ${stream}`, detail: "no progress" }))
        }
        process.timer(250, step)
      }
      const step = (): void => {
        if (cancelled) return
        if (position > to) return resume(Effect.void)
        link.request(
          () => {
            const model = broker.stream(stream)
            const found: Array<NonNullable<ReturnType<ModelStream["get"]>>> = []
            let sequence = Math.max(1, position)
            for (; sequence <= Math.min(to, model.lastSequence) && found.length < chunk; sequence++) {
              const message = model.get(sequence, broker.time)
              if (message !== undefined && isMatch(message.subject)) found.push(message)
            }
            return { found, next: found.length < chunk ? to + 1 : sequence }
          },
          ({ found, next }) => {
            if (cancelled) return
            progressAt = broker.world.now
            try {
              for (const message of found) {
                onMessage(message)
                position = message.sequence + 1
                if (enough?.() === true) return resume(Effect.void)
              }
            } catch (cause) {
              return resume(Effect.die(cause))
            }
            position = next
            step()
          },
          again
        )
      }
      step()
      return Effect.sync(() => {
        cancelled = true
      })
    })

  const follow: Streams["Type"]["follow"] = ({ filter, from, onMessage, stream }) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        let handled = from
        let session = 0
        let readyAt = 0
        let current: Reader | undefined
        const end = () => {
          if (current !== undefined) broker.readers.delete(current)
          current = undefined
        }
        /** A consumer, made anew after trouble. */
        const begin = (): void => {
          end()
          const mine = ++session
          link.request(
            () => {
              const reader: Reader = {
                stream: broker.stream(stream),
                filter,
                position: Math.max(1, handled),
                isOpen: () => mine === session && link.connected && process.state !== "dead",
                take: (message) => {
                  // Each reader of the broker goes at a pace of its own: an event may be there before the webhook that was made before it.
                  const { now } = broker.world
                  readyAt = Math.max(readyAt, now + (chance.happens(0.1) ? chance.between(1, 800) : 0))
                  broker.world.at(readyAt, () =>
                    link.push(() => {
                      if (mine !== session) return
                      onMessage(message)
                      handled = message.sequence + 1
                    }))
                }
              }
              if (mine !== session) return
              current = reader
              broker.readers.add(reader)
              broker.pump(reader)
            },
            () => {},
            () =>
              void process.timer(1_000, () => {
                if (mine === session) begin()
              })
          )
        }
        const stop = link.onChange((connected) => {
          if (connected) begin()
          else {
            session++
            end()
          }
        })
        begin()
        return () => {
          session++
          end()
          stop()
        }
      }),
      (close) => Effect.sync(close)
    ).pipe(Effect.asVoid)

  const consume: Streams["Type"]["consume"] = ({ filter, from, name, onMessage, stream }) =>
    Effect.gen(function*() {
      const lost = yield* Deferred.make<string>()
      let session = 0
      let paused = false
      let closed = false
      let current: ModelConsumer | undefined
      const make = (mine: number) => () => {
        broker.deleteConsumer(stream, name)
        const consumer: ModelConsumer = {
          name,
          stream: broker.stream(stream),
          filter,
          isOrphan: process.state === "dead",
          position: Math.max(1, from()),
          pending: new Map(),
          isOpen: () => mine === session && !paused && !closed && link.connected && process.state !== "dead",
          take: (message, deliveries) =>
            link.push(() => {
              if (mine !== session || closed) return
              onMessage({
                sequence: message.sequence,
                subject: message.subject,
                time: message.time,
                data: message.data,
                header: message.header,
                redelivered: deliveries > 1,
                ack: () => {
                  if (!chance.happens(broker.weather.lostAcknowledgement)) {
                    link.send(() => broker.acknowledge(consumer, message.sequence))
                  }
                }
              })
            }),
          deleted: (reason) => {
            const heardAfter = Math.max(0, (broker.parted.get(process) ?? 0) - broker.world.now)
            broker.world.after(heardAfter, () => {
              if (mine === session && !closed) link.push(() => Deferred.unsafeDone(lost, Effect.succeed(reason)))
            })
          }
        }
        if (mine !== session || closed) return
        current = consumer
        broker.addConsumer(consumer)
        broker.pump(consumer)
      }
      const anew = (): void => {
        const mine = ++session
        link.request(make(mine), () => {}, () =>
          void process.timer(1_000, () => {
            if (mine === session && !closed) anew()
          }))
      }
      yield* ask(`making ${name}`, make(++session))
      const stop = link.onChange((connected) => {
        if (connected) anew()
        else session++
      })
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          closed = true
          stop()
          link.send(() => broker.deleteConsumer(stream, name))
        })
      )
      const pump = () =>
        link.send(() => {
          if (current !== undefined && broker.consumers.get(`${stream}/${name}`) === current) broker.pump(current)
        })
      return {
        lost,
        confirm: Effect.flatMap(
          ask(
            `looking at ${name}`,
            () => current !== undefined && broker.consumers.get(`${stream}/${name}`) === current
          ),
          (there) =>
            there ? Effect.void : new BrokerUnavailable({ operation: `model: looking at ${name}`, detail: "not there" })
        ),
        pause: () => {
          paused = true
        },
        resume: () => {
          paused = false
          pump()
        }
      } satisfies Consumption
    })

  const streams = Streams.of({
    state: (name) =>
      ask(`state of ${name}`, () => {
        const { lastSequence, messages, settings } = broker.stream(name)
        return {
          created: settings.created,
          firstSequence: 1,
          lastSequence,
          lastTime: messages.at(-1)?.time ?? 0,
          messages: messages.length,
          bytes: 0,
          maxBytes: -1,
          brokerTime: broker.time
        }
      }),
    message: (name, sequence) =>
      ask(`reading ${name}`, () => Option.fromNullable(broker.stream(name).get(sequence, broker.time))),
    last: (name, subject) =>
      ask(`reading ${name}`, () => Option.fromNullable(broker.stream(name).last(subject, broker.time))),
    subjects: (name, filter, most) =>
      ask(`subjects of ${name}`, () => {
        const names = broker.stream(name).subjects(filter, broker.time)
        return { names: names.slice(0, most), complete: names.length <= most }
      }),
    next: (name, filter, start) =>
      ask(`reading ${name}`, () => Option.fromNullable(broker.stream(name).next(filter, start, broker.time))),
    sequenceAt: (name, time) => ask(`reading ${name}`, () => broker.stream(name).sequenceAt(time, broker.time)),
    scan,
    follow,
    consume,
    deleteConsumers: (stream, test) =>
      ask(`deleting consumers of ${stream}`, () => {
        for (const consumer of broker.consumers.values()) {
          if (consumer.stream.settings.name === stream && test(consumer.name)) {
            broker.deleteConsumer(stream, consumer.name)
          }
        }
      })
  })

  let next = 0
  const answers = Answers.of({
    expect: Effect.acquireRelease(
      Effect.map(Deferred.make<string>(), (answer) => {
        const subject = `_INBOX.${process.name}.${next++}`
        inboxes.set(subject, (text) => link.push(() => Deferred.unsafeDone(answer, Effect.succeed(text))))
        return { subject, answer: Deferred.await(answer) }
      }),
      ({ subject }) => Effect.sync(() => inboxes.delete(subject))
    ),
    give: (subject, answer) => {
      broker.answered(subject, answer, process)
      link.send(() => inboxes.get(subject)?.(answer))
    }
  })

  const created = Object.fromEntries(
    Array.from(broker.streams.values(), ({ settings }) => [settings.name, settings.created])
  )
  return JetStreamLease.layer.pipe(
    Layer.provideMerge(watchedClock(broker, process)),
    Layer.provideMerge(Layer.mergeAll(
      Layer.succeed(AppendLog, log),
      Layer.succeed(KeyValue, keyValue),
      Layer.succeed(ObjectStore, objects),
      Layer.succeed(Streams, streams),
      Layer.succeed(Answers, answers),
      Layer.succeed(Topology, {
        partitions: broker.partitions,
        deliveriesStreams: broker.deliveriesStreams,
        eventsCreated: created["EVENTS"] ?? "",
        created
      })
    ))
  )
}

/** The product's own, and what it shows is seen: no measurement may be off by more than half of the way there and back, and the milliseconds' rounding. */
const watchedClock = (broker: ModelBroker, process: Process) =>
  Layer.effect(
    BrokerClock,
    Effect.map(BrokerClock, (clock) => ({
      monotonic: clock.monotonic,
      now: () => {
        const now = clock.now()
        process.latestTime = Math.max(process.latestTime, now)
        return now
      },
      adjust: (brokerTime: number, askedAt: number, answeredAt: number) => {
        clock.adjust(brokerTime, askedAt, answeredAt)
        process.knowsTime = true
        const error = Math.abs(clock.now() - broker.time)
        const isJump = broker.jumps.some((at) => at >= askedAt)
        if (!isJump && error > (answeredAt - askedAt) / 2 + 2) {
          broker.mismeasured(`${error} ms off after ${answeredAt - askedAt} ms`, process)
        }
      }
    }))
  ).pipe(Layer.provide(BrokerClock.layer))
