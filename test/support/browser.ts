import { Effect } from "effect"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { type Ask, ask } from "./api.ts"

/** What a browser would keep of an answer's cookies: name to value, without those that it would throw away. */
export const cookiesOf = (headers: Headers): ReadonlyMap<string, string> =>
  new Map(
    headers.getSetCookie()
      .filter((line) => !/; ?max-age=0(?:;|$)/i.test(line))
      .map((line) => {
        const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        return [name, value]
      })
  )

export interface Signed {
  readonly cookie: string
  readonly token: string
  readonly view: Readonly<Record<string, unknown>>
  readonly setCookie: string
}

/** Signs in as a page of this server does. */
export const signIn = (body: object, headers: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const { url } = yield* ApiServer
    const answer = yield* ask("POST", "/v1/session", {
      key: null,
      workspace: null,
      body,
      headers: { origin: url, ...headers }
    })
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
    const view = JSON.parse(answer.text) as Record<string, unknown>
    const signed: Signed = {
      cookie: [...cookiesOf(answer.headers)].map(([name, value]) => `${name}=${value}`).join("; "),
      token: String(view["csrf_token"]),
      view,
      setCookie: answer.headers.getSetCookie().join("\n")
    }
    return signed
  })

/** A request as a page makes it that has a session: with the cookie, and with all that a change needs. */
export const asPage = (method: string, path: string, { cookie, token }: Signed, { headers, ...more }: Ask = {}) =>
  Effect.flatMap(ApiServer, ({ url }) =>
    ask(method, path, {
      key: null,
      workspace: null,
      ...more,
      headers: { cookie, ...(method === "GET" ? {} : { origin: url, "x-csrf-token": token }), ...headers }
    }))
