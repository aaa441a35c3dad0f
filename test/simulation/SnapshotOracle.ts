import { type Claims, ended, type Evidence, type Found, isNewer } from "./Evidence.ts"
import type { RecordState } from "./Journal.ts"

interface Head {
  readonly epoch: number
  readonly s0: number
  readonly live: number
  readonly spills: number
}

type Place = { readonly webhookId: string; readonly eventSequence: number }
type Pair = readonly [number, number]

/** What a snapshot says of a backlog that is not in memory: which records its deliveries are at. */
interface Spilled {
  readonly webhookId: string
  readonly ranges: ReadonlyArray<{ readonly from: number; readonly to: number; readonly open: boolean }>
  readonly before: ReadonlyArray<Pair>
  readonly beside: ReadonlyArray<Pair>
  readonly fences: ReadonlyArray<Pair>
}

/** Whether reading the backlog finds the delivery at this record. */
const stands = (spilled: Spilled | undefined, { entry, epoch, eventSequence, state }: RecordState): boolean => {
  const { sequence } = entry.message
  return spilled !== undefined && state === "held" &&
    spilled.ranges.some(({ from, open, to }) => sequence >= from && (open || sequence <= to)) &&
    !spilled.before.some(([event, upTo]) => event === eventSequence && sequence <= upTo) &&
    !spilled.beside.some(([event, at]) => event === eventSequence && at === sequence) &&
    !spilled.fences.some(([behind, newest]) => sequence > behind && epoch < newest)
}

const keyOf = ({ eventSequence, webhookId }: Place): string => `${webhookId}/${eventSequence}`

/**
 * What a recovery makes of a snapshot is what it would make of all records: whatever is recorded up to its S0 is in it, no older than there, and
 * live if it is live. A snapshot is of a later moment than its S0 when an append is still without an acknowledgement: what has ended by then is met
 * behind its S0. Records of former owners behind a later one's claim apart, which may be in it.
 */
export const judgeSnapshots = (
  { snapshots }: Evidence,
  records: ReadonlyMap<string, ReadonlyArray<RecordState>>,
  claims: Claims,
  isDeleted: (webhookId: string) => boolean,
  found: Found
): void => {
  const byPartition = new Map<string, Array<RecordState>>()
  for (const state of [...records.values()].flat()) {
    const partition = `p${state.entry.message.subject.split(".")[1]}`
    const known = byPartition.get(partition)
    if (known === undefined) byPartition.set(partition, [state])
    else known.push(state)
  }
  for (const states of byPartition.values()) states.sort((a, b) => a.entry.message.sequence - b.entry.message.sequence)
  const read = snapshots.map(({ data, name, order }) => {
    const lines = Buffer.from(data).toString().split("\n")
    const head = JSON.parse(lines[0] ?? "") as Head
    const live = lines.slice(1, 1 + head.live).map((line) =>
      JSON.parse(line) as Place & Pick<RecordState, "epoch" | "step">
    )
    const spilled = lines.slice(1 + head.live, 1 + head.live + head.spills).map((line) => JSON.parse(line) as Spilled)
    return {
      name,
      order,
      epoch: head.epoch,
      partition: name.split("-")[0] ?? "",
      s0: head.s0,
      live,
      spilled: new Map(spilled.map((one) => [one.webhookId, one]))
    }
  }).sort((one, other) => one.s0 - other.s0)
  for (const [partition, states] of byPartition) {
    const recorded = new Map<string, RecordState>()
    /** Where a former owner's late record is the newest: it may count. */
    const unsure = new Set<string>()
    let next = 0
    for (const { epoch, live, name, order, s0, spilled } of read.filter((one) => one.partition === partition)) {
      for (
        let state = states[next];
        state !== undefined && state.entry.message.sequence <= s0;
        state = states[++next]
      ) {
        const key = keyOf(state)
        if (!isNewer(state, recorded.get(key))) continue
        if (claims.isLate(state)) unsure.add(key)
        else recorded.set(key, state)
      }
      const isElsewhere = (state: RecordState): boolean =>
        ended.has(state.state) || stands(spilled.get(state.webhookId), state)
      /** Other copies of its record (an append without an answer may be stored twice), and what its owner had recorded beyond S0. */
      const isElsewhereToo = (known: RecordState): boolean =>
        states.some((state) =>
          keyOf(state) === keyOf(known) && state.entry.order < order && isElsewhere(state) &&
          ((state.epoch === known.epoch && state.step === known.step) ||
            (state.epoch === epoch && state.entry.message.sequence > s0 && isNewer(state, known)))
        )
      const inIt = new Map(live.map((delivery) => [keyOf(delivery), delivery]))
      for (const [key, state] of recorded) {
        const has = inIt.get(key)
        const what = `${name}: ${key}, ${state.state} at ${state.entry.message.sequence}`
        if (has !== undefined && isNewer(state, has)) found("a snapshot has what is recorded up to its S0", what)
        const isMissing = has === undefined && !unsure.has(key) && !isDeleted(state.webhookId)
        if (isMissing && !isElsewhere(state) && !isElsewhereToo(state)) {
          found("a snapshot has what is live", what)
        }
      }
    }
  }
}
