// An endpoint that verifies what arrives, answers at once and works afterwards. Needs nothing but Node.
//
//   WEBHOOK_SECRET=whsec_… PORT=4000 node receive.mjs
import { createServer } from "node:http"
import { verifyStandard } from "./verify.mjs"

const secret = process.env.WEBHOOK_SECRET
if (!secret) throw new Error("set WEBHOOK_SECRET to the webhook's secret")

/** An event has at most 512 KiB, and its envelope a little more. */
const limit = 1024 * 1024

/** Ids that were seen. In a real service: a unique key in the database, kept for as long as repeats may come. */
const seen = new Set()

/** What the event means to you. In a real service: a job queue that outlives the process. */
const work = (event) => console.log(`${event.event} ${event.id} ${JSON.stringify(event.data)}`)

const bodyOf = async (request) => {
  const chunks = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length > limit) throw new Error("too large")
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const server = createServer(async (request, response) => {
  const answer = (status) => response.writeHead(status).end()
  try {
    // The bytes as they came: JSON that was parsed and written again is not what was signed.
    const body = await bodyOf(request)
    if (!verifyStandard(body, request.headers, secret)) return answer(401)
    const event = JSON.parse(body)
    if (!seen.has(event.id)) {
      seen.add(event.id)
      setImmediate(work, event)
    }
    // 200, not 201 or 204. A repeat gets it too, or it would come again.
    answer(200)
  } catch (error) {
    // Anything but 200 has the event sent again later.
    console.error(error.message)
    answer(500)
  }
})

server.listen(Number(process.env.PORT ?? 4000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/webhooks/craftdesk`)
})
