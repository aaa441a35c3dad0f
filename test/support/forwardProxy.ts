import { Effect, type Scope } from "effect"
import { createServer, type Server } from "node:http"
import { createServer as createHttps } from "node:https"
import { type AddressInfo, connect, type Socket } from "node:net"

interface Options {
  /** What it answers to a CONNECT: undefined connects. */
  readonly refuse?: (target: string) => string | undefined
  /** It says nothing at all to a CONNECT. */
  readonly silent?: (target: string) => boolean
  /** Where a target really leads. */
  readonly leads?: (target: string) => { readonly host: string; readonly port: number }
  readonly login?: string
  /** A free one unless given. */
  readonly port?: number
  readonly tls?: { readonly key: string; readonly cert: string }
}

interface ForwardProxy {
  readonly url: string
  readonly port: number
  /** The targets of all CONNECTs so far, in order. */
  readonly asked: ReadonlyArray<string>
}

/** A forward proxy that does what proxies do: CONNECT, and bytes in both directions. */
export const forwardProxy = (options: Options = {}): Effect.Effect<ForwardProxy, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ readonly server: Server; readonly sockets: Set<Socket>; readonly asked: Array<string> }>(
        (resume) => {
          const asked: Array<string> = []
          const sockets = new Set<Socket>()
          const server = options.tls === undefined ? createServer() : createHttps(options.tls)
          server.on("connection", (socket: Socket) => {
            sockets.add(socket)
            socket.on("close", () => sockets.delete(socket)).on("error", () => {})
          })
          server.on("connect", (message, socket: Socket) => {
            const target = message.url ?? ""
            asked.push(target)
            socket.on("error", () => {})
            const login = message.headers["proxy-authorization"]
            const expected = options.login === undefined
              ? undefined
              : `Basic ${Buffer.from(options.login).toString("base64")}`
            if (login !== expected) return socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            if (options.silent?.(target) === true) return undefined
            const refused = options.refuse?.(target)
            if (refused !== undefined) return socket.end(`HTTP/1.1 ${refused}\r\n\r\n`)
            const parsed = new URL(`http://${target}`)
            const onward = connect(
              options.leads?.(target) ??
                { host: parsed.hostname.replace(/^\[|\]$/g, ""), port: Number(parsed.port === "" ? 80 : parsed.port) }
            )
            sockets.add(onward)
            onward.on("error", () => socket.destroy()).on("close", () => sockets.delete(onward))
            onward.once("connect", () => {
              socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
              socket.pipe(onward).pipe(socket)
            })
            return undefined
          })
          server.listen(options.port ?? 0, "127.0.0.1", () => resume(Effect.succeed({ server, sockets, asked })))
        }
      ),
      ({ server, sockets }) =>
        Effect.sync(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
    ),
    ({ asked, server }) => {
      const { port } = server.address() as AddressInfo
      return { asked, port, url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}` }
    }
  )
