// Publishes one event and waits until it is stored.
//
//   npm install nats@2
//   export NATS_URL="$(node dist/main.js nats-url --publisher)"
//   node publish.mjs ws_demo project.created '{"name":"Website Redesign"}'
//
// A fourth argument is the event's id: publishing it twice delivers it once.
import { randomUUID } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import { connect, headers } from "nats"

/** What ends up in a subject. Anything else could be read as another subject, or as another command to the broker. */
const token = /^[A-Za-z0-9_-]{1,64}$/

/** Errors that no repetition mends: a subject or a size that is refused. */
const isFinal = (error) =>
  error.api_error?.err_code === 10054 || // over the stream's 1 MiB
  ["MAX_PAYLOAD_EXCEEDED", "PERMISSIONS_VIOLATION", "BAD_SUBJECT"].includes(error.code)

/**
 * Ends when the broker has acknowledged the event: from then on it is owed to every webhook that subscribes to it.
 * Throws when that did not happen within `patience` milliseconds: the event may be stored all the same, so publish it
 * again later with the same id.
 */
export const publishEvent = async (jetstream, { workspace, type, id, data, timestamp }, patience = 60_000) => {
  const tokens = [workspace, id, ...type.split(".")]
  if (tokens.length !== 4 || !tokens.every((text) => token.test(text))) {
    throw new Error(`not publishable: ${JSON.stringify({ workspace, type, id })}`)
  }
  const options = headers()
  // The workspace belongs into it: the broker compares this header across all workspaces.
  options.set("Nats-Msg-Id", `${workspace}/${id}`)
  const body = JSON.stringify({ id, timestamp, data })

  const deadline = Date.now() + patience
  for (let wait = 250;; wait = Math.min(wait * 2, 10_000)) {
    try {
      return await jetstream.publish(`events.${workspace}.${type}`, body, { headers: options, timeout: 5_000 })
    } catch (error) {
      if (isFinal(error) || Date.now() + wait > deadline) throw error
      await pause(wait)
    }
  }
}

const [workspace, type, data, id = `evt_${randomUUID()}`] = process.argv.slice(2)
const url = new URL(process.env.NATS_URL)
const connection = await connect({
  servers: url.host,
  // The client does not take these from the address.
  user: decodeURIComponent(url.username),
  pass: decodeURIComponent(url.password),
  maxReconnectAttempts: -1,
  waitOnFirstConnect: true
})
// The time of the fact, not of its publication: made once, like the id, so that every try sends the same bytes.
const timestamp = new Date().toISOString()
const stored = await publishEvent(connection.jetstream(), { workspace, type, id, data: JSON.parse(data), timestamp })
console.log(`${id} ${stored.duplicate ? "was stored before" : `is stored as ${stored.stream} ${stored.seq}`}`)
await connection.close()
