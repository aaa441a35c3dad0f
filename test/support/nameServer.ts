import { Effect, type Scope } from "effect"
import ipaddr from "ipaddr.js"
import { createSocket } from "node:dgram"
import { isIPv4 } from "node:net"

/** Addresses of a name, or undefined: it does not exist. `asked`: how often somebody asked for an address of it before, counting each family by itself. */
export type Answers = (name: string, asked: number) => ReadonlyArray<string> | undefined

const types = { A: 1, AAAA: 28 } as const

const bytesOf = (address: string): Buffer => Buffer.from(ipaddr.parse(address).toByteArray())

/** A name server on 127.0.0.1:53 (RFC 1035), as a resolver of the system asks it: one question, A and AAAA, nothing to be cached. */
export const nameServer = (answers: Answers): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.async<ReturnType<typeof createSocket>>((resume) => {
      const asked = new Map<string, number>()
      const socket = createSocket("udp4")
      socket.on("message", (query, { address, port }) => {
        const labels: Array<string> = []
        let at = 12
        for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
          labels.push(query.toString("latin1", at + 1, at + 1 + length))
          at += 1 + length
        }
        const name = labels.join(".").toLowerCase()
        const type = query.readUInt16BE(at + 1)
        const key = `${type} ${name}`
        const before = asked.get(key) ?? 0
        asked.set(key, before + 1)
        const all = answers(name, before)
        const wanted = (all ?? []).filter((one) => (isIPv4(one) ? types.A : types.AAAA) === type)
        const header = Buffer.from(query.subarray(0, 12))
        // An answer, with authority and recursion; 3: there is no such name.
        header.writeUInt16BE(0x8580 | (all === undefined ? 3 : 0), 2)
        header.writeUInt16BE(1, 4)
        header.writeUInt16BE(wanted.length, 6)
        header.writeUInt32BE(0, 8)
        const records = wanted.map((one) => {
          const data = bytesOf(one)
          const record = Buffer.alloc(12)
          record.writeUInt16BE(0xc00c, 0)
          record.writeUInt16BE(type, 2)
          record.writeUInt16BE(1, 4)
          record.writeUInt16BE(data.length, 10)
          return Buffer.concat([record, data])
        })
        socket.send(Buffer.concat([header, query.subarray(12, at + 5), ...records]), port, address)
      })
      socket.bind(53, "127.0.0.1", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.async<void>((resume) => void socket.close(() => resume(Effect.void)))
  ))
