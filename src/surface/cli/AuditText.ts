import type { Report } from "../../ledger/audit/Report.ts"
import { bold } from "./Common.ts"
import type { ShellService } from "./Shell.ts"
import { fields } from "./Table.ts"
import { printable } from "./Text.ts"

/** So many lines of a kind are shown to a person; JSON has a thousand. */
const shown = 100

const grouped = <A>(all: ReadonlyArray<A>, key: (one: A) => string): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const one of all) {
    const group = groups.get(key(one))
    if (group === undefined) groups.set(key(one), [one])
    else group.push(one)
  }
  return groups
}

const listed = <A>(all: ReadonlyArray<A>, count: number, line: (one: A) => string): ReadonlyArray<string> => [
  ...all.slice(0, shown).map((one) => `  ${printable(line(one))}`),
  ...(count > shown ? [`  … and ${count - Math.min(shown, all.length)} more`] : [])
]

const counted = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts).map(([name, count]) => `${count} ${name.replace("_", " ")}`).join(", ")

/** What a report says, for a person. */
export const auditText = (shell: ShellService, report: Report): string => {
  const strong = bold(shell)
  const { counts } = report
  const { event_range: range } = report
  const lines = grouped(report.deliveries, ({ state }) => state)
  const countOf = (state: string): number =>
    state === "either_way"
      ? counts.either_way
      : state === "cancelled"
      ? counts.outcomes.cancelled
      : counts.live[state as keyof typeof counts.live]
  const sections = [
    ...Array.from(grouped(report.findings, ({ kind }) => kind), ([kind, found]) => {
      const count = report.finding_counts[found[0]?.kind ?? "missing"] ?? found.length
      return [
        strong(`${kind} (${count})`),
        ...listed(found, count, ({ delivery_id, event_seq, message, sequence, stream, webhook_id }) =>
          [
            event_seq === undefined ? `${stream} ${sequence}` : `event ${event_seq}`,
            webhook_id,
            delivery_id,
            message
          ].filter((part) => part !== undefined).join("  "))
      ].join("\n")
    }),
    ...Array.from(lines, ([state, all]) =>
      [
        strong(`${state.replace("_", " ")} (${countOf(state)})`),
        ...listed(all, countOf(state), ({ delivery_id, due_at, event_seq, webhook_id }) =>
          [delivery_id, `event ${event_seq}`, webhook_id, due_at].filter((part) =>
            part !== undefined
          ).join("  "))
      ].join("\n"))
  ]
  const untold = report.unknown.length === 0 ? undefined : `cannot be told: ${report.unknown.join("; ")}`
  const verdict = report.verdict === "findings"
    ? ["not proven: see what was found", untold].filter((part) => part !== undefined).join("; ")
    : untold ?? "proven: nothing that was owed is missing"
  return [
    fields([
      ["events", `${counts.events} (EVENTS ${range.first_seq} to ${range.last_seq})`],
      ["webhooks", counts.webhooks],
      ["records", `${counts.records} of ${counts.messages} messages`],
      ["deliveries", counts.deliveries],
      ["ended", counted(counts.outcomes)],
      ["live", counted(counts.live)],
      [
        "either way",
        counts.either_way === 0 ? 0 : `${counts.either_way}: a webhook changed while the event was matched`
      ],
      ["owed to nobody", `${counts.duplicates} duplicates, ${counts.quarantined} quarantined`],
      [
        "repeats",
        counted({
          attempts: counts.repeated_attempts,
          records: counts.repeated_records,
          overtaken: counts.overtaken_records
        })
      ],
      ["left aside", counted({ aged: counts.aged, "outside the range": counts.outside })],
      [
        "seals",
        report.sealed.seals === 0
          ? "none"
          : `${report.sealed.seals}, the last ${report.sealed.last}; ${report.sealed.checked} sealed messages looked at, ${report.sealed.aged} aged, ${report.sealed.outside} outside`
      ],
      ["as of", `${report.at}${report.worker_running ? "" : " (no worker runs: what is due waits)"}`]
    ], strong),
    ...sections,
    strong(verdict)
  ].join("\n\n")
}
