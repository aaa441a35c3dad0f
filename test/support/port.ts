import { Effect } from "effect"
import { randomInt } from "node:crypto"
import { createServer } from "node:net"

/**
 * A free port that stays free while the server that listens on it is away: below those that the system gives to outgoing connections, of which the
 * tests make thousands.
 */
export const lastingPort: Effect.Effect<number> = Effect.async<number, string>((resume) => {
  const port = randomInt(10_240, 30_000)
  const server = createServer()
  server.once("error", (error) => resume(Effect.fail(error.message)))
  server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(port))))
}).pipe(Effect.retry({ times: 50 }), Effect.orDie)
