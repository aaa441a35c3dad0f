import { Context, Data, Effect, Layer, Option, Schema } from "effect"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { KeyValue } from "../broker/KeyValue.ts"
import { BrokerUnavailable, Streams } from "../broker/Streams.ts"
import { deliveriesStream, key, partitionOf } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import { isToken, type WebhookId, type WorkspaceId } from "../model/Id.ts"
import { finished, Job, newJobId, type Only, recoverables } from "../model/Job.ts"
import { History, type HistoryUnavailable } from "./History.ts"

/** There is no such job in the workspace. */
export class JobNotFound extends Data.TaggedError("JobNotFound")<{ readonly id: string }> {}

/** As many jobs of the workspace run as may. */
export class TooManyJobs extends Data.TaggedError("TooManyJobs")<{ readonly most: number }> {}

/** What a recovery is to send again. Broker milliseconds; `from` undefined: from the first event on, `to`: up to now. */
export interface Order {
  readonly workspaceId: WorkspaceId
  readonly webhookId: WebhookId
  readonly only: Only
  readonly from: number | undefined
  readonly to: number | undefined
}

/** Jobs of a workspace that may run at once; two that are made in the same moment may both get the last place. */
const mostRunning = 100
/** Jobs of a workspace that are kept; beyond it the oldest that has ended goes. */
const mostKept = 200
/** How many are read at once. */
const reading = 16

const decodeJob = Schema.decodeUnknownOption(Schema.parseJson(Job))
export const encodeJob = Schema.encodeSync(Schema.parseJson(Job))
/** None of what is no job of ours. */
export const decode = (value: Uint8Array): Option.Option<Job> => decodeJob(Buffer.from(value).toString("utf8"))

export interface StoredJob {
  readonly job: Job
  readonly revision: number
}

export const jobKey = ({ id, workspaceId }: Pick<Job, "id" | "workspaceId">): string => key(workspaceId, id)

/** The jobs as they lie in the bucket JOBS. Making one does not run it: that does JobRunner, in whichever process has the lease. */
export class Jobs extends Context.Tag("hookline/ledger/Jobs")<Jobs, {
  /** What a recovery would send: how many, and the ids of the first. As far as the history is. */
  readonly preview: (
    order: Order
  ) => Effect.Effect<{ readonly count: number; readonly first: ReadonlyArray<string> }, HistoryUnavailable>
  /** `rate` in retries a second. */
  readonly create: (
    order: Order & { readonly rate: number }
  ) => Effect.Effect<Job, TooManyJobs | HistoryUnavailable | BrokerUnavailable>
  readonly get: (workspaceId: WorkspaceId, id: string) => Effect.Effect<StoredJob, JobNotFound | BrokerUnavailable>
  /** Newest first; `cursor` is the id of the last of the page before. */
  readonly list: (page: {
    readonly workspaceId: WorkspaceId
    readonly limit: number
    readonly cursor: string | undefined
  }) => Effect.Effect<
    { readonly jobs: ReadonlyArray<Job>; readonly next: string | undefined },
    BrokerUnavailable
  >
  /** One that has ended stays as it is. */
  readonly cancel: (workspaceId: WorkspaceId, id: string) => Effect.Effect<Job, JobNotFound | BrokerUnavailable>
}>() {
  static readonly layer = Layer.effect(Jobs, Effect.suspend(() => make))
}

const question = (order: Order, now: number) => ({
  workspaceId: order.workspaceId,
  webhookId: order.webhookId,
  statuses: recoverables[order.only],
  from: order.from ?? 0,
  to: order.to ?? now
})

const make = Effect.gen(function*() {
  const store = yield* KeyValue
  const streams = yield* Streams
  const history = yield* History
  const clock = yield* BrokerClock
  const topology = yield* Topology

  const read = (name: string) =>
    Effect.map(
      store.get("JOBS", name),
      Option.flatMap(({ revision, value }) => Option.map(decode(value), (job): StoredJob => ({ job, revision })))
    )

  const get = Effect.fnUntraced(function*(workspaceId: WorkspaceId, id: string) {
    const found = isToken(id) ? yield* read(key(workspaceId, id)) : Option.none()
    return Option.isSome(found) ? found.value : yield* new JobNotFound({ id })
  })

  /** Newest first. */
  const keysOf = (workspaceId: WorkspaceId) =>
    Effect.map(store.keys("JOBS", workspaceId), (keys) => [...keys].sort().toReversed())

  const readAll = (keys: ReadonlyArray<string>) =>
    Effect.map(
      Effect.forEach(keys, read, { concurrency: reading }),
      (found) => found.flatMap((one) => Option.isSome(one) ? [one.value.job] : [])
    )

  /** Makes room for one more. */
  const makeRoom = Effect.fnUntraced(function*(workspaceId: WorkspaceId) {
    const jobs = yield* Effect.flatMap(keysOf(workspaceId), readAll)
    const ended = jobs.filter(({ state }) => state !== "running")
    if (jobs.length - ended.length >= mostRunning) return yield* new TooManyJobs({ most: mostRunning })
    const surplus = jobs.length + 1 - mostKept
    if (surplus > 0) yield* Effect.forEach(ended.slice(-surplus), (job) => store.remove("JOBS", jobKey(job)))
  })

  const create = Effect.fnUntraced(function*(order: Order & { readonly rate: number }) {
    yield* makeRoom(order.workspaceId)
    const stream = deliveriesStream(partitionOf(order.workspaceId, topology.partitions), topology.deliveriesStreams)
    // The broker's own time: this process may never have measured its clock against it, and the owner's records are compared with this.
    const { brokerTime: at, lastSequence } = yield* streams.state(stream)
    const { count } = yield* history.ask("recoverableCount", question(order, at))
    const job: Job = {
      v: 1,
      id: newJobId(at),
      type: "recover",
      workspaceId: order.workspaceId,
      webhookId: order.webhookId,
      only: order.only,
      from: order.from ?? null,
      to: order.to ?? at,
      rate: order.rate,
      state: "running",
      total: count,
      cursor: 0,
      seenSequence: lastSequence,
      accepted: 0,
      skipped: { already_running: 0, retried_meanwhile: 0, event_expired: 0 },
      createdAt: at,
      updatedAt: at,
      finishedAt: null,
      error: null,
      runner: null
    }
    return yield* store.write("JOBS", jobKey(job), encodeJob(job), 0).pipe(
      // Whoever is told that it failed asks again, and a second job of `all` would send everything twice. The id is random: what is there is ours.
      Effect.catchAll((error) =>
        Effect.flatMap(
          read(jobKey(job)),
          (found) => Option.isSome(found) || error._tag === "RevisionConflict" ? Effect.void : Effect.fail(error)
        )
      ),
      Effect.as(job)
    )
  })

  const cancel = (
    workspaceId: WorkspaceId,
    id: string,
    tries = 20
  ): Effect.Effect<Job, JobNotFound | BrokerUnavailable> =>
    Effect.gen(function*() {
      const { job, revision } = yield* get(workspaceId, id)
      if (job.state !== "running") return job
      const cancelled = finished(job, "cancelled", clock.now())
      return yield* store.write("JOBS", jobKey(job), encodeJob(cancelled), revision).pipe(
        Effect.as(cancelled),
        // Its runner was faster: it writes twice a second.
        Effect.catchTag("RevisionConflict", () =>
          tries > 0
            ? cancel(workspaceId, id, tries - 1)
            : new BrokerUnavailable({ operation: `cancelling ${id}`, detail: "it changes all the time" }))
      )
    })

  return Jobs.of({
    // Without an end of its own: this machine's clock may be behind the broker's.
    preview: (order) => history.ask("recoverableCount", question(order, Number.MAX_SAFE_INTEGER)),
    create,
    get,
    list: Effect.fnUntraced(function*({ cursor, limit, workspaceId }) {
      const all = yield* keysOf(workspaceId)
      const after = cursor === undefined ? all : all.filter((name) => name < `${workspaceId}.${cursor}`)
      const jobs = yield* readAll(after.slice(0, limit))
      return { jobs, next: after.length > limit ? after[limit - 1]?.slice(workspaceId.length + 1) : undefined }
    }),
    cancel
  })
})
