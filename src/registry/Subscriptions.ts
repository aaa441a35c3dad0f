import { Cause, Context, Duration, Effect, Either, Layer, Option, Runtime, type Scope } from "effect"
import { BrokerUnavailable, type StoredMessage, Streams } from "../broker/Streams.ts"
import { parseWebhookSubject, streamNames, webhooksFilter } from "../broker/Subjects.ts"
import type { WorkspaceId } from "../model/Id.ts"
import { verdictOn } from "../model/Matching.ts"
import type { Webhook } from "../model/Webhook.ts"
import { decodeFact, type WebhookFact } from "../model/WebhookFacts.ts"
import { evolve } from "../model/WebhookLife.ts"

/** Called with the webhook as it is after the fact. Must not throw, block or wait. */
export type ChangeListener = (webhook: Webhook, fact: WebhookFact) => void

/** How many webhooks a workspace has, by state; deleted ones are not counted. */
export interface WorkspaceWebhooks {
  readonly id: WorkspaceId
  readonly enabled: number
  readonly paused: number
  readonly disabled: number
}

/**
 * Who is subscribed: the fold of WEBHOOKS, held in memory, following the stream from its start for as long as the layer lives. The layer is
 * built when everything that stood in the stream is folded.
 *
 * What cannot be a fact, or stands where it cannot be true, is logged as an error, counted and passed over. A stream that was recreated or
 * put back to an earlier state fails every `fence` from then on: what is in memory is then no longer what happened.
 */
export class Subscriptions extends Context.Tag("hookline/registry/Subscriptions")<Subscriptions, {
  /** The sequence in WEBHOOKS up to which everything is folded. */
  readonly sequence: () => number
  /**
   * Asks the stream's leader for its last sequence, after the call, and waits until that is folded (10 s at most). Gives the folded sequence:
   * every change that was answered before the call is in it.
   */
  readonly fence: Effect.Effect<number, BrokerUnavailable>
  /** Waits until a known sequence is folded, 10 s at most. */
  readonly reached: (sequence: number) => Effect.Effect<void, BrokerUnavailable>
  /**
   * Those whose types match, in order of their ids: enabled, paused and disabled ones. The same array until something changes. For an event of
   * hookline itself one of them may be what it tells of.
   */
  readonly matching: (workspaceId: string, eventType: string) => ReadonlyArray<Webhook>
  /** Not when it is deleted, nor when it is another workspace's. */
  readonly find: (workspaceId: string, webhookId: string) => Webhook | undefined
  /** Of any workspace; a deleted one as what is kept of it (`deleted`). */
  readonly get: (webhookId: string) => Webhook | undefined
  /** Those not deleted, oldest first. */
  readonly ofWorkspace: (workspaceId: string) => ReadonlyArray<Webhook>
  /**
   * Workspaces that have webhooks or had some, in order of their ids: those whose ids begin with `prefix` and come after `after`, at most
   * `limit`.
   */
  readonly workspaces: (query: {
    readonly prefix: string
    readonly after: string
    readonly limit: number
  }) => ReadonlyArray<WorkspaceWebhooks>
  /** The sequence of the last message on the webhook's subject, for a write that expects it; 0 when there is none. */
  readonly lastSequenceOf: (webhookId: string) => number
  /** Called synchronously after each fact that is folded from now on, until the scope closes. */
  readonly onChange: (listener: ChangeListener) => Effect.Effect<void, never, Scope.Scope>
  /** How many messages could not be folded. */
  readonly skipped: () => number
}>() {
  static readonly layer = Layer.scoped(Subscriptions, Effect.suspend(() => make))
}

/** How long a fence waits, and how long the first fold may stand still. */
const patience = Duration.seconds(10)

/** Types remembered for one workspace; when there are more (the catalogue's are far fewer) the index starts anew. */
const indexLimit = 1000

interface Known {
  webhook: Webhook
  /** Of the subject's last message, folded or not. */
  sequence: number
}

interface Workspace {
  readonly id: WorkspaceId
  /** Not deleted. */
  readonly webhooks: Map<string, Webhook>
  /** By event type; dropped whole at every change. */
  index: Map<string, ReadonlyArray<Webhook>> | undefined
}

interface Waiter {
  readonly sequence: number
  readonly resume: () => void
}

const unavailable = (detail: string) => new BrokerUnavailable({ operation: "catch up with WEBHOOKS", detail })

const none: ReadonlyArray<Webhook> = []

const byId = (a: Webhook, b: Webhook): number => a.id < b.id ? -1 : 1
const byAge = (a: Webhook, b: Webhook): number => a.createdAt - b.createdAt || byId(a, b)

const byText = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

/** The index of the first of ordered texts that passes; their number when none does. All behind one that passes must pass too. */
const firstThat = (texts: ReadonlyArray<string>, passes: (text: string) => boolean): number => {
  let [low, high] = [0, texts.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (passes(texts[middle] ?? "")) high = middle
    else low = middle + 1
  }
  return low
}

const make = Effect.gen(function*() {
  const streams = yield* Streams
  const runtime = yield* Effect.runtime<never>()
  const logError = (message: string, annotations: Record<string, unknown>, cause: Cause.Cause<never> = Cause.empty) => {
    Runtime.runFork(runtime)(Effect.logError(message, cause).pipe(Effect.annotateLogs(annotations)))
  }

  const known = new Map<string, Known>()
  const workspaces = new Map<string, Workspace>()
  /** Their ids; in order while `sorted`. */
  const workspaceIds: Array<WorkspaceId> = []
  let sorted = true
  const listeners = new Set<ChangeListener>()
  const waiters = new Set<Waiter>()
  let folded = 0
  let skipped = 0
  /** Why nothing in memory can be trusted any more. */
  let broken: string | undefined

  const workspaceOf = (id: WorkspaceId): Workspace => {
    const known = workspaces.get(id)
    if (known !== undefined) return known
    const workspace: Workspace = { id, webhooks: new Map(), index: undefined }
    workspaces.set(id, workspace)
    workspaceIds.push(id)
    sorted = false
    return workspace
  }

  const workspacesOf: Context.Tag.Service<Subscriptions>["workspaces"] = ({ after, limit, prefix }) => {
    // By code units, as the comparisons below; what was in order stays so, which makes it cheap.
    if (!sorted) workspaceIds.sort(byText)
    sorted = true
    const from = firstThat(workspaceIds, (id) => id >= prefix && id > after)
    const page: Array<WorkspaceWebhooks> = []
    for (let index = from; index < workspaceIds.length && page.length < limit; index++) {
      const id = workspaceIds[index]
      if (id === undefined || !id.startsWith(prefix)) break
      const states = { enabled: 0, paused: 0, disabled: 0 }
      for (const { state } of workspaces.get(id)?.webhooks.values() ?? []) states[state] += 1
      page.push({ id, ...states })
    }
    return page
  }

  const keep = (entry: Known | undefined, next: Webhook, sequence: number): Webhook => {
    const workspace = workspaceOf(next.workspaceId)
    // One copy of the workspace's id, whatever the number of its webhooks.
    const webhook = entry === undefined ? { ...next, workspaceId: workspace.id } : next
    if (entry === undefined) known.set(webhook.id, { webhook, sequence })
    else entry.webhook = webhook
    if (webhook.deleted) workspace.webhooks.delete(webhook.id)
    else workspace.webhooks.set(webhook.id, webhook)
    workspace.index = undefined
    return webhook
  }

  /** Why the message is passed over; undefined when it was folded. */
  const fold = (message: StoredMessage): string | undefined => {
    const place = Option.getOrUndefined(parseWebhookSubject(message.subject))
    if (place === undefined) return "the subject is not webhooks.<workspace>.<webhook>"
    const entry = known.get(place.webhookId)
    if (entry !== undefined && entry.webhook.workspaceId === place.workspaceId) entry.sequence = message.sequence
    const decoded = decodeFact(message.data)
    if (Either.isLeft(decoded)) return decoded.left
    const fact = decoded.right
    if (fact.webhookId !== place.webhookId || fact.workspaceId !== place.workspaceId) {
      return "it names another webhook than its subject does"
    }
    const next = evolve(entry?.webhook, fact)
    if (next === undefined || next === entry?.webhook) return `${fact.type} revision ${fact.revision} does not fit here`
    const webhook = keep(entry, next, message.sequence)
    for (const listener of listeners) {
      try {
        listener(webhook, fact)
      } catch (error) {
        logError("a listener to changes of webhooks failed", { webhook: webhook.id }, Cause.die(error))
      }
    }
    return undefined
  }

  const onMessage = (message: StoredMessage): void => {
    if (broken !== undefined || message.sequence <= folded) return
    const reason = fold(message)
    if (reason !== undefined) {
      skipped += 1
      logError("WEBHOOKS holds a message that was passed over", {
        subject: message.subject,
        sequence: message.sequence,
        reason
      })
    }
    folded = message.sequence
    for (const waiter of waiters) {
      if (waiter.sequence <= folded) waiter.resume()
    }
  }

  const distrust = (reason: string) =>
    Effect.suspend(() => {
      if (broken !== undefined) return Effect.void
      broken = reason
      return Effect.logError("WEBHOOKS is no longer the stream that was read; restart hookline to read it anew").pipe(
        Effect.annotateLogs({ reason })
      )
    }).pipe(Effect.zipRight(Effect.fail(unavailable(reason))))

  const folding = (sequence: number): Effect.Effect<void> =>
    Effect.async<void>((resume) => {
      if (folded >= sequence) return resume(Effect.void)
      const waiter: Waiter = {
        sequence,
        resume: () => {
          waiters.delete(waiter)
          resume(Effect.void)
        }
      }
      waiters.add(waiter)
      return Effect.sync(() => waiters.delete(waiter))
    })

  const reached = (sequence: number): Effect.Effect<void, BrokerUnavailable> =>
    Effect.suspend(() =>
      broken !== undefined
        ? Effect.fail(unavailable(broken))
        : folded >= sequence
        ? Effect.void
        : folding(sequence).pipe(
          Effect.timeoutFail({
            duration: patience,
            onTimeout: () => unavailable(`sequence ${folded} of ${sequence} after ${Duration.format(patience)}`)
          })
        )
    )

  const first = yield* streams.state(streamNames.webhooks)

  const fence = Effect.suspend(() => {
    if (broken !== undefined) return Effect.fail(unavailable(broken))
    const before = folded
    return Effect.flatMap(streams.state(streamNames.webhooks), (state) => {
      if (state.created !== first.created) {
        return distrust(`the stream was recreated: it was made at ${state.created}, not at ${first.created}`)
      }
      if (state.lastSequence < before) {
        return distrust(`the stream ends at ${state.lastSequence}, ${before} was read already`)
      }
      return Effect.map(reached(state.lastSequence), () => folded)
    })
  })

  yield* streams.follow({ stream: streamNames.webhooks, filter: webhooksFilter, from: 1, onMessage })

  /** However long the history is: it fails only when nothing moves any more. */
  const firstFold: Effect.Effect<void, BrokerUnavailable> = Effect.suspend(() => {
    const before = folded
    return reached(first.lastSequence).pipe(
      Effect.catchAll((error) => folded > before ? firstFold : Effect.fail(error))
    )
  })
  yield* firstFold

  return Subscriptions.of({
    sequence: () => folded,
    fence,
    reached,
    matching: (workspaceId, eventType) => {
      const workspace = workspaces.get(workspaceId)
      if (workspace === undefined) return none
      if (workspace.index === undefined || workspace.index.size >= indexLimit) workspace.index = new Map()
      const indexed = workspace.index.get(eventType)
      if (indexed !== undefined) return indexed
      const matches = [...workspace.webhooks.values()]
        .filter((webhook) => verdictOn(webhook, { type: eventType }) === "matched")
        .sort(byId)
      workspace.index.set(eventType, matches)
      return matches
    },
    find: (workspaceId, webhookId) => workspaces.get(workspaceId)?.webhooks.get(webhookId),
    get: (webhookId) => known.get(webhookId)?.webhook,
    ofWorkspace: (workspaceId) => [...workspaces.get(workspaceId)?.webhooks.values() ?? []].sort(byAge),
    workspaces: workspacesOf,
    lastSequenceOf: (webhookId) => known.get(webhookId)?.sequence ?? 0,
    onChange: (listener) =>
      Effect.acquireRelease(
        Effect.sync(() => listeners.add(listener)),
        () => Effect.sync(() => listeners.delete(listener))
      ).pipe(Effect.asVoid),
    skipped: () => skipped
  })
})
