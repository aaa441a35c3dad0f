import type { Append, Appended } from "../../../src/broker/AppendLog.ts"
import type { Bucket } from "../../../src/broker/KeyValue.ts"
import type { StoredMessage } from "../../../src/broker/Streams.ts"
import { bucketFilter, bucketStream, deliveriesStream, partitionOf, streamNames } from "../../../src/broker/Subjects.ts"
import type { Process } from "../Process.ts"
import type { World } from "../World.ts"
import { fairWeather } from "./Link.ts"
import { matches, ModelStream } from "./ModelStream.ts"

const buckets: ReadonlyArray<Bucket> = ["POSITIONS", "LEASES", "API_KEYS", "SECRETS", "JOBS", "SESSIONS"]
const ackWait = 60_000
const mostPending = 4_096

/** Whoever reads: a follower, or a consumer's reader. */
export interface Reader {
  readonly stream: ModelStream
  readonly filter: string
  /** The sequence of the next message to hand out. */
  position: number
  /** Whether it takes any at the moment. */
  readonly isOpen: () => boolean
  readonly take: (message: StoredMessage, deliveries: number) => void
}

/** A durable consumer with explicit acks. */
export interface ModelConsumer extends Reader {
  readonly name: string
  /** Asked for by a process that was dead when that arrived: nobody reads it, and the next owner deletes it. */
  readonly isOrphan: boolean
  /** By sequence: how often it was handed out. */
  readonly pending: Map<number, number>
  readonly deleted: (reason: string) => void
}

/** The store behind the model's services: streams, buckets, objects and consumers. What happens to it is in force at once. */
export class ModelBroker {
  readonly world: World
  readonly weather = fairWeather()
  readonly partitions: number
  readonly deliveriesStreams: number
  readonly streams = new Map<string, ModelStream>()
  readonly objects = new Map<string, Uint8Array | "damaged">()
  readonly consumers = new Map<string, ModelConsumer>()
  readonly readers = new Set<Reader>()
  /** Who wrote the lease last; undefined: given back. */
  leaseHolder: Process | undefined
  /** Whose lease the broker has forgotten before its time, and who does not know it yet. */
  readonly robbed = new Set<Process>()
  /** Until when the buckets answer a process nothing, while the streams do: their leaders are elsewhere. Milliseconds of the world. */
  readonly parted = new Map<Process, number>()
  /** Added to the time of the world; jumps. */
  clockOffset = 1_700_000_000_000
  /** When it jumped. */
  readonly jumps: Array<number> = []
  /** Told of each message that is stored, with who sent it. */
  stored: (stream: string, message: StoredMessage, from: Process | undefined) => void = () => {}
  /** Told of each snapshot that is put. */
  saved: (name: string, data: Uint8Array, from: Process) => void = () => {}
  /** Told of each answer that a process gives. */
  answered: (subject: string, answer: string, from: Process) => void = () => {}
  /** Told of each measurement of its time that is not what it was. */
  mismeasured: (detail: string, by: Process) => void = () => {}

  constructor(world: World, options: { readonly partitions: number; readonly deliveriesStreams: number }) {
    this.world = world
    this.partitions = options.partitions
    this.deliveriesStreams = options.deliveriesStreams
    const add = (
      name: string,
      duplicateWindow: number,
      more: { readonly maxAge?: number; readonly onePerSubject?: true } = {}
    ) => this.streams.set(name, new ModelStream({ name, created: `created-${name}`, duplicateWindow, ...more }))
    add(streamNames.events, 120_000)
    add(streamNames.webhooks, 120_000)
    for (let index = 0; index < this.deliveriesStreams; index++) {
      add(deliveriesStream(index, this.deliveriesStreams), 30_000)
    }
    add(streamNames.quarantine, 120_000)
    for (const bucket of buckets) {
      const aged = bucket === "LEASES" ? { maxAge: 6_000 } : {}
      add(bucketStream(bucket), bucket === "LEASES" ? 6_000 : 120_000, { onePerSubject: true, ...aged })
    }
  }

  isParted(process: Process): boolean {
    return (this.parted.get(process) ?? 0) > this.world.now
  }

  /** Written by its holder, or given back. */
  leaseIs(holder: Process | undefined): void {
    const former = this.leaseHolder
    // A clock that jumped has let it expire before its time: two owners for a moment, which may repeat and never lose (ARCHITECTURE).
    if (former !== undefined && holder !== undefined && this.jumps.some((at) => at >= former.renewedAt)) {
      this.robbed.add(former)
    }
    if (holder !== undefined) this.robbed.delete(holder)
    this.leaseHolder = holder
  }

  /** The lease is gone as if it had expired; its holder goes on until it hears of it, or for as long as its own count says. */
  forgetLease(): void {
    if (this.leaseHolder !== undefined) this.robbed.add(this.leaseHolder)
    this.leaseHolder = undefined
    const leases = this.stream(bucketStream("LEASES"))
    for (const subject of leases.subjects(bucketFilter("LEASES"), this.time)) leases.purge(subject)
  }

  get time(): number {
    return Math.floor(this.world.now + this.clockOffset)
  }

  stream(name: string): ModelStream {
    const stream = this.streams.get(name)
    if (stream === undefined) throw new Error(`no stream ${name}`)
    return stream
  }

  /** Where a subject is stored, and under which; undefined: nobody listens. */
  #route(subject: string): { readonly stream: ModelStream; readonly subject: string } | undefined {
    const tokens = subject.split(".")
    const [first = "", second = ""] = tokens
    if (first === "events") {
      const stored = tokens.length === 4
        ? `ev.${partitionOf(second, this.partitions)}.${tokens.slice(1).join(".")}`
        : subject
      return { stream: this.stream(streamNames.events), subject: stored }
    }
    if (first === "webhooks") return { stream: this.stream(streamNames.webhooks), subject }
    if (first === "quarantine") return { stream: this.stream(streamNames.quarantine), subject }
    if (first === "deliveries") {
      return { stream: this.stream(deliveriesStream(Number(second), this.deliveriesStreams)), subject }
    }
    if (first === "$KV") return { stream: this.stream(`KV_${second}`), subject }
    return undefined
  }

  append(message: Append, from: Process | undefined): Appended | "conflict" | "full" | "no_stream" {
    const place = this.#route(message.subject)
    if (place === undefined) return "no_stream"
    const { stream, subject } = place
    const data = typeof message.data === "string" ? Buffer.from(message.data) : message.data
    const answer = stream.append({ ...message, subject, data }, this.time)
    if (typeof answer === "string" || answer.duplicate) return answer
    const stored = stream.messages[answer.sequence - 1]
    if (stored !== undefined) this.stored(stream.settings.name, stored, from)
    for (const reader of this.readers) if (reader.stream === stream) this.pump(reader)
    for (const consumer of this.consumers.values()) if (consumer.stream === stream) this.pump(consumer)
    return answer
  }

  /** Hands out what there is. */
  pump(reader: Reader): void {
    const isMatch = matches(reader.filter)
    const { stream } = reader
    while (reader.position <= stream.lastSequence && reader.isOpen()) {
      const consumer = "pending" in reader ? reader as ModelConsumer : undefined
      if (consumer !== undefined && consumer.pending.size >= mostPending) return
      const message = stream.get(reader.position++, this.time)
      if (message === undefined || !isMatch(message.subject)) continue
      if (consumer !== undefined) this.#await(consumer, message.sequence, 1)
      reader.take(message, 1)
    }
  }

  #await(consumer: ModelConsumer, sequence: number, deliveries: number): void {
    consumer.pending.set(sequence, deliveries)
    this.world.after(ackWait, () => {
      if (consumer.pending.get(sequence) === deliveries) this.redeliver(consumer, sequence)
    })
  }

  /** As after ack_wait. Not to whoever takes none at the moment: then later. */
  redeliver(consumer: ModelConsumer, sequence: number): void {
    const deliveries = consumer.pending.get(sequence)
    const message = consumer.stream.get(sequence, this.time)
    if (deliveries === undefined || this.consumers.get(keyOf(consumer)) !== consumer) return
    if (message === undefined) return void consumer.pending.delete(sequence)
    this.#await(consumer, sequence, deliveries + 1)
    if (consumer.isOpen()) consumer.take(message, deliveries + 1)
  }

  acknowledge(consumer: ModelConsumer, sequence: number): void {
    consumer.pending.delete(sequence)
    this.pump(consumer)
  }

  addConsumer(consumer: ModelConsumer): void {
    this.consumers.set(keyOf(consumer), consumer)
  }

  deleteConsumer(stream: string, name: string, reason = "consumer not found"): void {
    const key = `${stream}/${name}`
    const consumer = this.consumers.get(key)
    this.consumers.delete(key)
    consumer?.deleted(reason)
  }
}

const keyOf = ({ name, stream }: ModelConsumer): string => `${stream.settings.name}/${name}`
