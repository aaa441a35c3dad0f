import { Effect } from "effect"
import type { JetStreamManager } from "nats"

/** How many messages stand where only a request or a publisher puts any. Events of hookline itself are not counted. */
export const counts = (manager: JetStreamManager) =>
  Effect.promise(async () => {
    const found: Record<string, number> = {}
    for (const name of ["WEBHOOKS", "QUARANTINE", "KV_SECRETS", "KV_API_KEYS", "KV_JOBS"]) {
      found[name] = (await manager.streams.info(name)).state.messages
    }
    const { state } = await manager.streams.info("EVENTS", { subjects_filter: ">" })
    const published = Object.entries(state.subjects ?? {}).filter(([subject]) =>
      !/\.(webhook\.(disabled|failing)|delivery\.failed)$/.test(subject)
    )
    found["EVENTS"] = published.reduce((sum, [, messages]) => sum + messages, 0)
    return found
  })

/** What a log says when something happened that nobody had thought of. */
export const faults = (output: string): ReadonlyArray<string> =>
  output.split("\n").filter((line) =>
    /fault of ours|could not be matched|set aside|Unhandled|uncaught|TypeError|RangeError|ReferenceError|AssertionError|history ended/i
      .test(line)
  )
