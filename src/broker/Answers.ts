import { Context, Deferred, Effect, Layer, type Scope } from "effect"
import { Connection } from "./Connection.ts"
import { checkSubject } from "./Subjects.ts"

/**
 * Answers between processes, over plain NATS: whoever asks through a stream names a subject on which it wants to be told. Nothing is kept: an
 * answer that nobody waits for any more is gone, so whoever waits has a limit.
 */
export class Answers extends Context.Tag("hookline/broker/Answers")<Answers, {
  /** A fresh subject, and the first answer that comes to it while the scope lives. */
  readonly expect: Effect.Effect<
    { readonly subject: string; readonly answer: Effect.Effect<string> },
    never,
    Scope.Scope
  >
  /** Answers on a subject that came with a request; one that is no inbox is passed over, and so is everything while there is no connection. */
  readonly give: (subject: string, answer: string) => void
}>() {
  static readonly layer = Layer.scoped(
    Answers,
    Effect.gen(function*() {
      const connection = yield* Connection
      const { nats } = connection
      const inbox = connection.inbox()
      const waiting = new Map<string, Deferred.Deferred<string>>()
      let next = 0
      const subscription = nats.subscribe(`${inbox}.*`, {
        callback: (error, message) => {
          const waiter = waiting.get(message?.subject ?? "")
          if (error === null && waiter !== undefined) Deferred.unsafeDone(waiter, Effect.succeed(message.string()))
        }
      })
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          if (!nats.isClosed()) subscription.unsubscribe()
        })
      )
      return {
        expect: Effect.acquireRelease(
          Effect.map(Deferred.make<string>(), (answer) => {
            const subject = `${inbox}.${(next++).toString(36)}`
            waiting.set(subject, answer)
            return { subject, answer: Deferred.await(answer) }
          }),
          ({ subject }) => Effect.sync(() => waiting.delete(subject))
        ),
        give: (subject, answer) => {
          // A record is data: it must not make us publish anywhere else.
          if (!subject.startsWith("_INBOX") || !connection.isConnected()) return
          nats.publish(checkSubject(subject), answer)
        }
      }
    })
  )
}
