import { Effect, type Scope } from "effect"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

interface Traffic {
  readonly messages: number
  /** With the line of the protocol and the headers. */
  readonly bytes: number
}

/** By what the messages are for: `record succeeded`, `ack`, `answer to record succeeded`. */
type TrafficByKind = ReadonlyMap<string, Traffic>

/** A way to a nats-server that knows what went over it, told apart by the protocol alone. */
export interface Wire {
  readonly url: string
  /** Since the last `take`. */
  readonly sent: (kind: string) => number
  readonly received: (kind: string) => number
  /** All messages ever, both ways. */
  readonly total: () => number
  /** What went since the last time. */
  readonly take: () => { readonly sent: TrafficByKind; readonly received: TrafficByKind }
  /** What comes from the server is counted and kept until `release` hands it on in one go. */
  readonly hold: () => void
  readonly release: () => void
}

const kindOf = (subject: string): string => {
  const parts = subject.split(".")
  const [first, second, third = "", fourth = "", fifth = ""] = parts
  if (first === "deliveries") return `record ${parts.at(-1)}`
  if (first === "ev") return "event"
  if (first === "$KV") return `write ${second}`
  if (first !== "$JS") return first ?? ""
  if (second === "ACK") return "ack"
  if (third === "CONSUMER" && fourth === "MSG") return `pull ${parts[5]}`
  if (third === "DIRECT" || fourth === "MSG") return `read ${parts[third === "DIRECT" ? 4 : 5]}`
  return `${third}.${fourth} ${fifth}`
}

/** One direction: messages are lines, and those with a payload say how long it is. */
class Messages {
  readonly counts = new Map<string, { messages: number; bytes: number }>()
  readonly #kindOf: (line: ReadonlyArray<string>) => string
  #line = ""
  #payload = 0

  constructor(kindOf: (line: ReadonlyArray<string>) => string) {
    this.#kindOf = kindOf
  }

  feed(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#payload > 0) {
        const skipped = Math.min(this.#payload, chunk.length - at)
        this.#payload -= skipped
        at += skipped
        continue
      }
      const end = chunk.indexOf(0x0a, at)
      this.#line += chunk.toString("latin1", at, end < 0 ? chunk.length : end)
      if (end < 0) return
      at = end + 1
      this.#take(this.#line.trimEnd().split(" "))
      this.#line = ""
    }
  }

  #take(line: ReadonlyArray<string>): void {
    const hasPayload = ["PUB", "HPUB", "MSG", "HMSG"].includes(line[0] ?? "")
    if (hasPayload) this.#payload = Number(line.at(-1)) + 2
    const kind = this.#kindOf(line)
    const count = this.counts.get(kind) ?? { messages: 0, bytes: 0 }
    count.messages++
    count.bytes += line.join(" ").length + 2 + (hasPayload ? this.#payload : 0)
    this.counts.set(kind, count)
  }
}

/** One connection at a time is expected; more are counted together. */
export const wire = (port: number): Effect.Effect<Wire, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Wire & { readonly close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      let held: Array<() => void> | undefined
      /** What was asked under a reply subject. One inbox may get many answers. */
      const asked = new Map<string, string>()
      const sent = new Messages(([verb = "", subject = "", reply = "", ...rest]) => {
        if (verb !== "PUB" && verb !== "HPUB") return verb
        const kind = kindOf(subject)
        if (rest.length > (verb === "PUB" ? 0 : 1)) asked.set(reply, kind)
        return kind
      })
      const received = new Messages(([verb = "", subject = ""]) => {
        if (verb !== "MSG" && verb !== "HMSG") return verb
        const kind = asked.get(subject)
        return kind === undefined ? kindOf(subject) : `answer to ${kind}`
      })
      let before = 0
      const sum = () =>
        [...sent.counts.values(), ...received.counts.values()].reduce((all, { messages }) => all + messages, 0)

      const server = createServer((near) => {
        const far = connect(port, "127.0.0.1")
        for (const socket of [near, far]) {
          sockets.add(socket)
          socket.setNoDelay(true)
          socket.on("error", () => undefined)
          socket.on("close", () => {
            sockets.delete(socket)
            near.destroy()
            far.destroy()
          })
        }
        near.on("data", (chunk: Buffer) => {
          sent.feed(chunk)
          far.write(chunk)
        })
        far.on("data", (chunk: Buffer) => {
          received.feed(chunk)
          if (held === undefined) near.write(chunk)
          else held.push(() => near.write(chunk))
        })
      })
      const taken = ({ counts }: Messages) => {
        const all = new Map(counts)
        counts.clear()
        return all
      }
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({
          url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
          sent: (kind) => sent.counts.get(kind)?.messages ?? 0,
          received: (kind) => received.counts.get(kind)?.messages ?? 0,
          total: () => before + sum(),
          take: () => {
            before += sum()
            return { sent: taken(sent), received: taken(received) }
          },
          hold: () => {
            held ??= []
          },
          release: () => {
            const all = held ?? []
            held = undefined
            for (const hand of all) hand()
          },
          close: () => {
            server.close()
            for (const socket of sockets) socket.destroy()
          }
        })))
    }),
    (one) => Effect.sync(one.close)
  )
