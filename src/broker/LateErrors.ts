import type { NatsConnection } from "nats"
import type { Socket } from "node:net"

interface Inside {
  readonly protocol?: { readonly transport?: { readonly socket?: Socket } }
}

/**
 * `nats` 2.29.3 takes all listeners off a socket that it gives up. Had the broker said goodbye in that moment, the error of the last write ("write
 * after end") comes behind them, nobody listens, and the process would end by it. To be called for every socket, also after a reconnection.
 */
export const ignoreLateErrors = (nats: NatsConnection): void => {
  const socket = (nats as NatsConnection & Inside).protocol?.transport?.socket
  if (socket === undefined) return
  const remove = socket.removeAllListeners.bind(socket)
  socket.removeAllListeners = (...events) => remove(...events).on("error", () => undefined)
}
