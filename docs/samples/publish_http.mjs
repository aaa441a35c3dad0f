// Publishes one event over HTTP and waits until it is stored. Needs nothing but Node.
//
//   export API_URL=http://127.0.0.1:8080 API_KEY="$(cat data/operator.key)"
//   node publish_http.mjs ws_demo project.created '{"name":"Website Redesign"}'
//
// A fourth argument is the event's id: publishing it twice delivers it once.
import { randomUUID } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"

/**
 * Ends when the event is stored: `{id, duplicate}`. Throws when it is refused (4xx: repeating does not help), or when
 * it was not acknowledged within `patience` milliseconds: then it may be stored all the same, so publish it again later
 * with the same id.
 */
export const publishEvent = async ({ workspace, id, type, data, timestamp }, patience = 60_000) => {
  const body = JSON.stringify({ id, event: type, timestamp, data })
  const deadline = Date.now() + patience
  for (let wait = 250;; wait = Math.min(wait * 2, 10_000)) {
    let failure
    try {
      const answer = await fetch(new URL("/v1/events", process.env.API_URL), {
        method: "POST",
        headers: {
          authorization: `Bearer ${process.env.API_KEY}`,
          "content-type": "application/json",
          "x-workspace-id": workspace
        },
        body,
        signal: AbortSignal.timeout(15_000)
      })
      if (answer.status === 202) return await answer.json()
      const { error } = await answer.json()
      failure = new Error(`${answer.status} ${error.type}: ${error.message}`)
      if (answer.status < 500) throw Object.assign(failure, { final: true })
      wait = Math.max(wait, Number(answer.headers.get("retry-after") ?? 0) * 1000)
    } catch (error) {
      if (error.final) throw error
      failure = error
    }
    if (Date.now() + wait > deadline) throw failure
    await pause(wait)
  }
}

const [workspace, type, data, id = `evt_${randomUUID()}`] = process.argv.slice(2)
// The time of the fact, not of its publication: made once, like the id, so that every try sends the same bytes.
const timestamp = new Date().toISOString()
const stored = await publishEvent({ workspace, id, type, data: JSON.parse(data), timestamp })
console.log(`${stored.id} ${stored.duplicate ? "was stored before" : "is stored"}`)
