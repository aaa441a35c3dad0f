import { Args, Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { type RejectionReason, rejectionReasons } from "../../../model/Rejection.ts"
import type { QuarantineEntry } from "../../api/contract/Quarantine.ts"
import { bold, given, idOf, layout, print, type Where, where, within } from "../Common.ts"
import { wrong } from "../Failure.ts"
import { page } from "../Help.ts"
import { Shell, type ShellService } from "../Shell.ts"
import { fields, table } from "../Table.ts"
import { printableLines, shortTime } from "../Text.ts"

const client = Effect.promise(() => import("../Client.ts"))

const list = Command.make("list", {
  cursor: Options.text("cursor").pipe(Options.withDescription("Where the page before ended."), Options.optional),
  limit: within("limit", 1, 100).pipe(Options.withDescription("At most so many, 1 to 100."), Options.optional),
  reason: Options.text("reason").pipe(
    Options.withDescription("Only entries with this reason, such as unknown_type."),
    Options.optional
  ),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const found = yield* callIn(input, (api, request) =>
      api.quarantine.list({
        ...request,
        urlParams: {
          ...given("cursor", input.cursor),
          ...given("limit", input.limit),
          ...given("reason", input.reason)
        }
      }))
    yield* print(input.json, found, (shell, { data, next }) =>
      [
        data.length === 0 ? "nothing in quarantine" : table<typeof QuarantineEntry.Type>(
          [
            { title: "ID", value: ({ id }) => id },
            { title: "REASON", value: ({ reason }) => reason },
            { title: "MESSAGE", value: ({ message }) => message, shrinks: true },
            { title: "SUBJECT", value: ({ subject }) => subject, shrinks: true },
            { title: "BYTES", value: ({ size }) => size, align: "right" },
            { title: "INPUT", value: ({ raw }) => raw.slice(0, 200), shrinks: true },
            { title: "RELEASED", value: ({ released }) => (released ? "yes" : "") },
            { title: "SINCE (UTC)", value: ({ quarantined_at }) => shortTime(quarantined_at) }
          ],
          data,
          layout(shell)
        ),
        ...(next === null ? [] : [`more: --cursor ${next}`])
      ].join("\n"))
  })).pipe(
    Command.withDescription(
      "List what was published and is no event, newest first. The workspace _ holds what names none."
    )
  )

const show = Command.make("show", { id: idOf("entry"), ...where }, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const entry = yield* callIn(input, (api, request) => api.quarantine.show({ ...request, path: { id: input.id } }))
    yield* print(input.json, entry, shown)
  })).pipe(Command.withDescription("Show an entry with its whole input; what is not UTF-8 is printed as base64."))

const shown = (shell: ShellService, entry: typeof QuarantineEntry.Type): string =>
  [
    fields([
      ["id", entry.id],
      ["reason", entry.reason],
      ["message", entry.message],
      ["subject", entry.subject],
      ["event id", entry.event_id],
      ["published", `${shortTime(entry.published_at)} UTC`],
      ["in quarantine", `since ${shortTime(entry.quarantined_at)} UTC`],
      ["released", entry.released ? "yes" : "no"],
      ["input", `${entry.size} bytes${entry.encoding === "base64" ? ", no UTF-8: as base64" : ""}`]
    ], bold(shell)),
    "",
    printableLines(entry.raw)
  ].join("\n")

interface Totals {
  readonly released: ReadonlyArray<string>
  readonly still_rejected: number
  readonly already_released: number
}

/** Part after part until the end; the counts so far are said after each. */
const releaseAll = (where: Where, reason: RejectionReason) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const shell = yield* Shell
    let cursor: string | null = null
    let totals: Totals = { released: [], still_rejected: 0, already_released: 0 }
    do {
      const payload: { reason: RejectionReason; cursor?: string } = cursor === null ? { reason } : { reason, cursor }
      const part: Totals & { readonly next: string | null } = yield* callIn(
        where,
        (api, request) => api.quarantine.releaseByReason({ ...request, payload })
      )
      totals = {
        released: [...totals.released, ...part.released],
        still_rejected: totals.still_rejected + part.still_rejected,
        already_released: totals.already_released + part.already_released
      }
      cursor = part.next
      if (cursor !== null) yield* shell.error(`${summary(totals)} so far, up to ${cursor}`)
    } while (cursor !== null)
    return totals
  })

const summary = ({ already_released, released, still_rejected }: Totals): string =>
  [
    `${released.length} released`,
    `${still_rejected} still rejected`,
    ...(already_released === 0 ? [] : [`${already_released} released before`])
  ].join(", ")

const release = Command.make("release", {
  id: Args.optional(idOf("entry")),
  reason: Options.choice("reason", rejectionReasons).pipe(
    Options.withDescription("Instead of one entry: all with this reason, the oldest first."),
    Options.optional
  ),
  ...where
}, (input) =>
  Effect.gen(function*() {
    if (Option.isSome(input.id) === Option.isSome(input.reason)) {
      return yield* wrong("give the id of one entry, or --reason for all with that reason")
    }
    if (Option.isSome(input.reason)) {
      return yield* print(input.json, yield* releaseAll(input, input.reason.value), (_, totals) => summary(totals))
    }
    const id = Option.getOrElse(input.id, () => "")
    const { callIn } = yield* client
    const released = yield* callIn(input, (api, request) => api.quarantine.release({ ...request, path: { id } }))
    yield* print(input.json, released, (_, { id: event }) => `${id} released as event ${event}`)
  })).pipe(
    Command.withDescription(
      "Publish an entry, or all of a reason, after the cause is mended: each is checked again, and keeps its id and time. What is still bad stays."
    )
  )

export const quarantine = Command.make("quarantine").pipe(
  Command.withDescription("Look at input that cannot be an event, and release it."),
  Command.withSubcommands([list, show, release])
)

export const quarantinePage = page("quarantine", quarantine, [
  page("list", list),
  page("show", show),
  page("release", release)
])
