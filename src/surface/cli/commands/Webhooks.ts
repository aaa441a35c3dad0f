import { Args, Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { parseDuration } from "../../../Config.ts"
import type { WebhookCounted, WebhookView } from "../../api/contract/Webhooks.ts"
import { commandName } from "../Banner.ts"
import { given, idOf, layout, listOf, print, where } from "../Common.ts"
import { wrong } from "../Failure.ts"
import type { CommandFailed } from "../Failure.ts"
import { page } from "../Help.ts"
import { Shell } from "../Shell.ts"
import type { ShellService } from "../Shell.ts"
import { fields, table } from "../Table.ts"
import { printable, shortTime } from "../Text.ts"
import { recover } from "./Recover.ts"
import { health } from "./Stats.ts"
import { test } from "./TestWebhook.ts"

// The contract and its client are loaded when a command needs them, not for `--help`.
const client = Effect.promise(() => import("../Client.ts"))

const id = idOf("webhook")

const described = <A>(option: Options.Options<A>, text: string) =>
  option.pipe(Options.withDescription(text), Options.optional)

/** A number, or the word that takes the setting away. */
const numberOr = (name: string, word: string, text: string) =>
  described(
    Options.text(name).pipe(
      Options.withPseudoName("number"),
      Options.filterMap((value) => {
        if (value === word) return Option.some(null)
        return value.trim() !== "" && Number.isFinite(Number(value)) ? Option.some(Number(value)) : Option.none()
      }, `--${name} takes a number or the word ${word}`)
    ),
    `${text}; ${word} takes it away.`
  )

const url = Options.text("url")
const events = Options.text("events").pipe(Options.withAlias("e"), Options.map(listOf))
const eventsText = "Event types, separated by commas: exact ones, all of an entity as 'project.*', or all as '*'."
const concurrency = numberOr("concurrency", "default", "Attempts in flight at once, 1 to 256")
const rateLimit = numberOr("rate-limit", "none", "Attempts a second")
const headers = Options.text("header").pipe(
  Options.withPseudoName("name: value"),
  Options.withDescription(
    "An extra header of every delivery, such as 'authorization: Bearer …'; repeat it for several."
  ),
  Options.repeated
)
const secret = described(
  Options.text("secret"),
  "A secret of your own, 8 to 256 printable characters or whsec_ and base64 of 24 to 64 bytes; made when not given."
)
const description = described(Options.text("description"), "What it is for, at most 500 characters.")

const headersFrom = (
  lines: ReadonlyArray<string>
): Effect.Effect<{ readonly headers?: Readonly<Record<string, string>> }, CommandFailed> =>
  Effect.gen(function*() {
    if (lines.length === 0) return {}
    const entries: Array<readonly [string, string]> = []
    for (const line of lines) {
      const [name, ...rest] = line.split(":")
      // The line may hold a credential: it is not repeated in the message.
      if (name === undefined || name.trim() === "" || rest.length === 0) {
        return yield* wrong("--header takes 'name: value'")
      }
      entries.push([name.trim(), rest.join(":").trim()])
    }
    return { headers: Object.fromEntries(entries) }
  })

const add = Command.make(
  "add",
  {
    url: Args.text({ name: "url" }).pipe(
      Args.withDescription("Where the events go: https, unless the operator allows http.")
    ),
    concurrency,
    description,
    events: events.pipe(Options.withDescription(`${eventsText} Required.`)),
    headers,
    rateLimit,
    secret,
    ...where
  },
  (input) =>
    Effect.gen(function*() {
      const { callIn } = yield* client
      const extra = yield* headersFrom(input.headers)
      const created = yield* callIn(input, (api, request) =>
        api.webhooks.create({
          ...request,
          payload: {
            url: input.url,
            events: input.events,
            ...extra,
            ...given("description", input.description),
            ...given("secret", input.secret),
            ...given("concurrency", input.concurrency),
            ...given("rate_limit", input.rateLimit)
          }
        }))
      yield* warn(created.warnings)
      yield* print(input.json, created, (shell) => shown(shell, created, [["secret", created.secret]]) + secretNote)
    })
).pipe(Command.withDescription("Create a webhook. Its secret is shown once."))

const list = Command.make("list", where, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const found = yield* callIn(input, (api, request) => api.webhooks.list({ ...request, urlParams: {} }))
    yield* print(input.json, found, (shell, { data }) =>
      data.length === 0 ? "no webhooks" : table<WebhookView>(
        [
          { title: "ID", value: ({ id }) => id },
          { title: "STATE", value: ({ state }) => state },
          { title: "EVENTS", value: ({ events }) => events.join(","), shrinks: true },
          { title: "URL", value: ({ url }) => url, shrinks: true },
          { title: "DESCRIPTION", value: ({ description }) => description, shrinks: true },
          { title: "CREATED (UTC)", value: ({ created_at }) => shortTime(created_at) }
        ],
        data,
        layout(shell)
      ))
  })).pipe(Command.withDescription("List a workspace's webhooks."))

const show = Command.make("show", { id, ...where }, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const webhook = yield* callIn(input, (api, request) => api.webhooks.show({ ...request, path: { id: input.id } }))
    yield* print(input.json, webhook, shown)
  })).pipe(Command.withDescription("Show a webhook."))

const edit = Command.make("edit", {
  id,
  clearHeaders: Options.boolean("clear-headers").pipe(Options.withDescription("Take all extra headers away.")),
  concurrency,
  description,
  events: described(events, eventsText),
  headers,
  rateLimit,
  url: described(url, "Where the events go."),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    if (input.clearHeaders && input.headers.length > 0) {
      return yield* wrong("give --header or --clear-headers, not both")
    }
    const payload = {
      ...given("url", input.url),
      ...given("events", input.events),
      ...given("description", input.description),
      ...given("concurrency", input.concurrency),
      ...given("rate_limit", input.rateLimit),
      ...(input.clearHeaders ? { headers: {} } : yield* headersFrom(input.headers))
    }
    if (Object.keys(payload).length === 0) return yield* wrong("nothing to change: give at least one option")
    const changed = yield* callIn(
      input,
      (api, request) => api.webhooks.change({ ...request, path: { id: input.id }, payload })
    )
    yield* warn(changed.warnings)
    yield* print(input.json, changed, shown)
  })).pipe(Command.withDescription("Change a webhook; what is not given stays. --header replaces all extra headers."))

const disable = Command.make(
  "disable",
  { id, reason: described(Options.text("reason"), "Why, for people; at most 500 characters."), ...where },
  (input) =>
    Effect.gen(function*() {
      const { callIn } = yield* client
      const webhook = yield* callIn(input, (api, request) =>
        api.webhooks.disable({ ...request, path: { id: input.id }, payload: given("reason", input.reason) }))
      yield* print(input.json, webhook, shown)
    })
).pipe(Command.withDescription("Disable a webhook: what comes due is recorded as suppressed and not sent."))

const enable = Command.make("enable", { id, ...where }, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const webhook = yield* callIn(input, (api, request) => api.webhooks.enable({ ...request, path: { id: input.id } }))
    yield* print(input.json, webhook, (shell) => shown(shell, webhook) + suppressedNote(webhook))
  })).pipe(Command.withDescription("Enable a disabled webhook. What was suppressed meanwhile is sent by recover."))

/** Actions that need nothing but the id. */
const actions = {
  pause: ["pause", "Pause a webhook: deliveries are held."],
  "end-overlap": ["endOverlap", "End a rotation's overlap now: the former secret ceases to be valid."]
} as const

const action = <Name extends keyof typeof actions>(name: Name) =>
  Command.make(name, { id, ...where }, (input) =>
    Effect.gen(function*() {
      const { callIn } = yield* client
      const webhook = yield* callIn(
        input,
        (api, request) => api.webhooks[actions[name][0]]({ ...request, path: { id: input.id } })
      )
      yield* print(input.json, webhook, shown)
    })).pipe(Command.withDescription(actions[name][1]))

const resume = Command.make(
  "resume",
  {
    id,
    rate: described(
      Options.float("rate"),
      "How fast what was held drains, attempts a second, above 0 up to 10000; at once when not given."
    ),
    ...where
  },
  (input) =>
    Effect.gen(function*() {
      const { callIn } = yield* client
      const webhook = yield* callIn(input, (api, request) =>
        api.webhooks.resume({ ...request, path: { id: input.id }, payload: given("rate", input.rate) }))
      yield* print(input.json, webhook, shown)
    })
).pipe(Command.withDescription("Resume a paused webhook: what was held flows, at a rate if asked."))

const rotate = Command.make("rotate", {
  id,
  overlap: described(
    Options.text("overlap").pipe(
      Options.withPseudoName("duration"),
      Options.filterMap(
        (text) => Option.map(Option.fromNullable(parseDuration(text)), (millis) => Math.round(millis / 1000)),
        "--overlap takes a duration such as 0s, 30m or 24h"
      )
    ),
    "How long the former secret stays valid, 0s to 7d."
  ),
  secret,
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const rotated = yield* callIn(input, (api, request) =>
      api.webhooks.rotateSecret({
        ...request,
        path: { id: input.id },
        payload: { ...given("secret", input.secret), ...given("overlap_seconds", input.overlap) }
      }))
    yield* print(input.json, rotated, (shell) => shown(shell, rotated, [["secret", rotated.secret]]) + secretNote)
  })).pipe(
    Command.withDescription("Give a webhook a new secret. It is shown once; the former one stays valid for an overlap.")
  )

const remove = Command.make("remove", { id, ...where }, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    yield* callIn(input, (api, request) => api.webhooks.remove({ ...request, path: { id: input.id } }))
    yield* print(input.json, { id: input.id, removed: true }, () => `${input.id} removed`)
  })).pipe(
    Command.withDescription(
      "Delete a webhook: waiting deliveries are cancelled, the secret is destroyed, the history stays."
    )
  )

const [pause, endOverlap] = [action("pause"), action("end-overlap")]

export const webhooks = Command.make("webhooks").pipe(
  Command.withDescription("Create, watch and change webhooks."),
  Command.withSubcommands([
    add,
    list,
    show,
    health,
    edit,
    test,
    enable,
    disable,
    pause,
    resume,
    rotate,
    endOverlap,
    recover,
    remove
  ])
)

export const webhooksPage = page("webhooks", webhooks, [
  page("add", add),
  page("list", list),
  page("show", show),
  page("health", health),
  page("edit", edit),
  page("test", test),
  page("enable", enable),
  page("disable", disable),
  page("pause", pause),
  page("resume", resume),
  page("rotate", rotate),
  page("end-overlap", endOverlap),
  page("recover", recover),
  page("remove", remove)
])

const secretNote = "\n\nThe secret is not shown again."

const suppressedNote = ({ id, suppressed }: WebhookCounted): string => {
  if (suppressed === null || suppressed === 0) return ""
  const [what, them] = suppressed === 1 ? ["1 delivery was", "it"] : [`${suppressed} deliveries were`, "them"]
  const line = `${commandName} webhooks recover ${id} --only suppressed`
  return `\n\n${what} suppressed while it was disabled. To send ${them}: ${line}`
}

const warn = (warnings: ReadonlyArray<string> | undefined): Effect.Effect<void, never, Shell> =>
  Effect.flatMap(Shell, (shell) => Effect.forEach(warnings ?? [], (text) => shell.error(`warning: ${printable(text)}`)))

const shown = (
  shell: ShellService,
  webhook: WebhookView & Partial<WebhookCounted>,
  more: ReadonlyArray<readonly [string, string]> = []
): string =>
  fields([
    ["id", webhook.id],
    ["url", webhook.url],
    ["events", webhook.events.join(", ")],
    ["state", webhook.state],
    ["reason", webhook.disabled_reason],
    ["description", webhook.description],
    ["concurrency", webhook.concurrency],
    ["rate limit", webhook.rate_limit === null ? undefined : `${webhook.rate_limit} a second`],
    ["drain rate", webhook.drain_rate === undefined ? undefined : `${webhook.drain_rate} a second`],
    ["headers", Object.entries(webhook.headers).map(([name, value]) => `${name}: ${value}`).join(", ")],
    [
      "former secret",
      webhook.overlap_until === undefined ? undefined : `valid until ${shortTime(webhook.overlap_until)} UTC`
    ],
    ["held", webhook.held],
    ["suppressed", webhook.suppressed],
    ["created", `${shortTime(webhook.created_at)} UTC`],
    ["updated", `${shortTime(webhook.updated_at)} UTC, revision ${webhook.revision}`],
    ...more
  ], layout(shell).bold)
