/** What was found, as tables. */
import type { DrainResult } from "./Drain.ts"
import type { HangingResult } from "./Hanging.ts"
import type { Paced } from "./Pace.ts"
import type { Results } from "./Results.ts"
import { type Drained, median } from "./Stage.ts"
import { type Row, table, whole } from "./Table.ts"
import type { ByProcess, Use } from "./Use.ts"
import { verdicts } from "./Verdicts.ts"

const processes = ["hookline", "history", "ceiling", "undici", "nats-server", "sink", "publisher"]

const byProcess = (taken: ByProcess, scale = 1): Row =>
  processes.map((name) => {
    const value = taken[name]
    return value === undefined ? "" : value === null ? "?" : (value * scale).toFixed(2)
  })

const drainRow = (drain: DrainResult, who: string, drained: Drained, more: Row): Row => [
  `${drain.name}, ${drain.sync}: ${who}`,
  whole(drained.deliveries),
  whole(drained.perSecond),
  whole(drained.middlePerSecond),
  whole(drained.connections),
  ...byProcess(drained.cpuSeconds, 1000 / drained.deliveries),
  ...more
]

const drainRows = (drain: DrainResult): ReadonlyArray<Row> => [
  drainRow(drain, "undici alone", drain.control, ["", ""]),
  ...drain.pairs.flatMap(({ ceiling, product, ratio }) => [
    drainRow(drain, "ceiling", ceiling, ["", ""]),
    drainRow(drain, "hookline", product, [ratio.toFixed(3), whole(product.deferredRecords)])
  ])
]

/** Of the last pair: what grows with a run is largest there. */
const useRows = (
  name: string,
  pair: { readonly ceiling: Use; readonly product: Use } | undefined
): ReadonlyArray<Row> =>
  pair === undefined
    ? []
    : ([["ceiling", pair.ceiling], ["hookline", pair.product]] as const).map(([who, use]) => [
      `${name}: ${who}`,
      ...processes.map((process) => use.peakMegabytes[process]?.toFixed(0) ?? ""),
      use.writtenMegabytes["nats-server"]?.toFixed(1) ?? "?"
    ])

const pacedRow = (name: string, paced: Paced): Row => [
  name,
  whole(paced.deliveries),
  ...[paced.p50, paced.p90, paced.p99, paced.p999, paced.most, paced.publisherLate].map((value) => value.toFixed(2)),
  ...byProcess(paced.cpuSeconds, 1000 / paced.deliveries)
]

const pacedRows = (name: string, ceiling: ReadonlyArray<Paced>, product: ReadonlyArray<Paced>): ReadonlyArray<Row> => [
  ...ceiling.map((paced) => pacedRow(`${name}, ${whole(paced.perSecond)}/s: ceiling`, paced)),
  ...product.map((paced) => pacedRow(`${name}, ${whole(paced.perSecond)}/s: hookline`, paced))
]

const hangingRows = ({ p99, pairs, sync, throughput }: HangingResult): ReadonlyArray<Row> => [
  ...pairs.flatMap(({ hanging, without }) =>
    ([["without", without], ["hanging", hanging]] as const).map(([name, { drained, paced }]) => [
      `W6, ${sync}: ${name}`,
      whole(drained.perSecond),
      ...[paced.p50, paced.p99, paced.most].map((value) => value.toFixed(2)),
      "",
      ""
    ])
  ),
  [`W6, ${sync}: median`, "", "", "", "", throughput.toFixed(3), p99.toFixed(2)]
]

const perThousand = "CPU in seconds per 1,000 deliveries"

/** Where the figures are from, and what was asked for. */
const configuration = ({ machine = {}, options }: Results): string =>
  [
    Object.entries(machine).map(([name, value]) => `${name}: ${value}`).join(" · "),
    options === undefined
      ? ""
      : `pairs: ${options.pairs} · events: ${options.events} · seconds: ${options.seconds} and ${options.stepSeconds} a step · due over: ${options.over} minutes`,
    ""
  ].join("\n")

export const show = (results: Results): string =>
  [
    configuration(results),
    table(
      `Drains: W1, W2, W3, W9 (${perThousand}, from the first request to the last)`,
      ["", "deliveries", "per second", "middle 80 %", "connections", ...processes, "ratio", "deferred records"],
      (results.drains ?? []).flatMap(drainRows)
    ),
    table(
      "Drains: memory at most (MiB), and MiB that the broker wrote",
      ["", ...processes, "written"],
      (results.drains ?? []).flatMap((drain) => useRows(`${drain.name}, ${drain.sync}`, drain.pairs.at(-1)))
    ),
    table(
      "Drains: medians",
      ["", "ceiling/s", "hookline/s", "ratio", "least", "most", "bytes stored a delivery"],
      (results.drains ?? []).map(({ about, ceiling, name, pairs, product, range, ratio, sync }) => [
        `${name}, ${sync}: ${about}`,
        whole(ceiling),
        whole(product),
        ratio.toFixed(3),
        ...range.map((value) => value.toFixed(3)),
        whole(pairs.at(-1)?.storedBytes ?? Number.NaN)
      ])
    ),
    table(
      `Latency: W4 and each step of W5, publish due → request received (milliseconds; ${perThousand}, warm-up included)`,
      ["", "deliveries", "p50", "p90", "p99", "p99.9", "most", "publisher late p99", ...processes],
      [
        ...(results.latencies ?? []).flatMap(({ pairs, sync }) =>
          pairs.flatMap(({ ceiling, product }) => pacedRows(`W4, ${sync}`, [ceiling], [product]))
        ),
        ...(results.rates ?? []).flatMap(({ pairs, sync }) =>
          pairs.flatMap(({ ceiling, product }) => pacedRows(`W5, ${sync}`, ceiling, product))
        )
      ]
    ),
    table(
      "W5: highest rates with p99 ≤ 50 ms, medians (events/s)",
      ["", "ceiling", "hookline"],
      (results.rates ?? []).map(({ ceiling, product, sync }) => [`W5, ${sync}`, whole(ceiling), whole(product)])
    ),
    table(
      "W6: the healthy, with one of 100 endpoints that hangs and with none (milliseconds)",
      ["", "per second", "p50", "p99", "most", "per second ÷ without", "p99 ÷ without"],
      (results.hanging ?? []).flatMap(hangingRows)
    ),
    table(
      "W7: waiting for a retry, kill -9, start (lateness in milliseconds)",
      [
        "",
        "minutes",
        "ready after s",
        "of that the worker",
        "memory of each B",
        "stored of each B",
        "memory at most MiB",
        "late least",
        "p50",
        "p99",
        "most"
      ],
      (results.waiting ?? []).map((found) => [
        `W7, ${found.sync}: ${whole(found.deliveries)}`,
        String(found.minutes),
        found.seconds.toFixed(2),
        found.workerSeconds?.toFixed(2) ?? "?",
        whole(found.memoryBytes),
        whole(found.storedBytes),
        found.peakMegabytes["hookline"]?.toFixed(0) ?? "?",
        ...[found.lateness.least, found.lateness.p50, found.lateness.p99, found.lateness.most].map(whole)
      ])
    ),
    table(
      `W8: idle webhooks beside ten busy ones (${perThousand}, of the last run)`,
      ["", "per second", "÷ the fewest", "start s", "memory of each B", "nats-server MiB", ...processes],
      (results.many ?? []).flatMap(({ sizes, sync }) =>
        sizes.map((size) => [
          `W8, ${sync}: ${whole(size.webhooks)} webhooks`,
          whole(size.perSecond),
          size.ratio.toFixed(3),
          size.startSeconds.toFixed(2),
          size.memoryBytes === null ? "" : whole(size.memoryBytes),
          size.brokerMegabytes?.toFixed(0) ?? "?",
          ...byProcess(size.runs.at(-1)?.cpuSeconds ?? {}, 1000 / (size.runs.at(-1)?.deliveries ?? 0))
        ])
      )
    ),
    table(
      "Start to ready, empty (seconds)",
      ["", "median", "most"],
      results.start === undefined
        ? []
        : ([["the first time", results.start.first], ["again", results.start.again]] as const).map(([name, all]) => [
          name,
          median(all).toFixed(2),
          Math.max(...all).toFixed(2)
        ])
    ),
    table(
      "First page of the history (milliseconds over HTTP)",
      ["filter", "median", "most"],
      (results.history?.pages ?? []).map(({ filter, medianMs, mostMs }) => [
        filter,
        medianMs.toFixed(1),
        mostMs.toFixed(1)
      ])
    ),
    table(
      `Deliveries with the history kept, and with its process held still (${perThousand})`,
      ["", "deliveries", "per second", ...processes, "ratio"],
      (results.history?.costs ?? []).flatMap(({ kept, ratio, still }) =>
        ([["kept", kept, ratio.toFixed(3)], ["held still", still, ""]] as const).map(([name, drained, ratio]) => [
          name,
          whole(drained.deliveries),
          whole(drained.perSecond),
          ...byProcess(drained.cpuSeconds, 1000 / drained.deliveries),
          ratio
        ])
      )
    ),
    table(
      "A newcomer's GET /healthz, 99th percentile (milliseconds)",
      ["", "without", "with", "ratio"],
      (results.slowClients?.pairs ?? []).map((pair) => [
        `${whole(results.slowClients?.clients ?? 0)} slow clients`,
        pair.without.toFixed(2),
        pair.with.toFixed(2),
        (pair.with / pair.without).toFixed(2)
      ])
    ),
    table(
      "Goals and floors",
      ["", "measured", "wanted", ""],
      verdicts(results).map(({ measured, verdict, wanted, what }) => [what, measured, wanted, verdict])
    )
  ].filter((part) => part !== "").join("\n")
