import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"

/**
 * How many connections the API has at once, and whom it lets go for a new one. Clients that are slow, silent or half gone hold theirs until Node's
 * timeouts cut them off; a thousand of them must not keep out those that are well. So a new connection always comes in, and the one that has kept
 * us waiting longest goes: first those that owe us a request or the rest of one, then those that are idle after an answer, then those that do not take
 * an answer that is all there. What is being answered is never cut off here: only when that is so of all of them is the new one refused.
 *
 * There is no bound for an address: behind a proxy all clients have the same.
 */

const most = 1024
/** Closed sockets leave Node's own count only with the next turn of the loop, and one turn may accept as many as the backlog holds. */
const mostLeaving = 2 * most

interface State {
  /** The newest request whose answer is not out yet. */
  request: IncomingMessage | undefined
  response: ServerResponse | undefined
  /** It has been answered once. */
  proven: boolean
}

/** Puts the bound on a server, before it listens. */
export const bounded = (server: Server): Server => {
  /** In the order in which they began to wait for their next request. */
  const open = new Map<Socket, State>()

  const oldest = (test: (state: State) => boolean): Socket | undefined => {
    for (const [socket, state] of open) if (test(state)) return socket
    return undefined
  }

  const owes = ({ proven, request }: State): boolean => request === undefined ? !proven : !request.complete
  const isIdle = ({ request }: State): boolean => request === undefined
  const takesNothing = ({ response }: State): boolean => response?.writableEnded === true

  const leave = (socket: Socket): void => {
    open.delete(socket)
    socket.destroy()
  }

  const onConnection = (socket: Socket): void => {
    if (open.size >= most) {
      const gone = oldest(owes) ?? oldest(isIdle) ?? oldest(takesNothing)
      if (gone === undefined) return void socket.destroy()
      leave(gone)
    }
    open.set(socket, { request: undefined, response: undefined, proven: false })
    socket.once("close", () => open.delete(socket))
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request
    const state = open.get(socket)
    if (state === undefined) return
    state.request = request
    state.response = response
    response.once("close", () => {
      if (state.request !== request || !open.has(socket)) return
      state.request = undefined
      state.response = undefined
      state.proven = true
      open.delete(socket)
      open.set(socket, state)
    })
  }

  return Object.assign(server.on("connection", onConnection).on("request", onRequest), {
    maxConnections: mostLeaving
  })
}
