import { type AttemptResult, isLocalFault } from "../model/Attempt.ts"

/** What stands for a secret that an endpoint has sent back. */
const hidden = "[hidden]"

/** Shorter ones say nothing, and would be found in every text. */
const shortest = 8

/** Secrets are printable: JSON escapes nothing else of them. */
const insideJson = (secret: string): string => /["\\]/.test(secret) ? JSON.stringify(secret).slice(1, -1) : secret

/** A secret as an endpoint may repeat it: whole, inside of JSON, and without the scheme before it (`Bearer …`). */
const formsOf = (secret: string): ReadonlyArray<string> =>
  [secret, insideJson(secret), secret.slice(secret.indexOf(" ") + 1)].filter(
    (form, index, all) => form.length >= shortest && all.indexOf(form) === index
  )

const without = (text: string, forms: ReadonlyArray<string>): string =>
  forms.reduce((rest, form) => rest.includes(form) ? rest.replaceAll(form, hidden) : rest, text)

/**
 * The result of an attempt without the secrets that the request was made with: an endpoint that answers with what it was sent would otherwise put
 * them into the stream and before everybody who looks at the delivery (CONTRACT 8). One that the end of the kept response cuts in two stays in part.
 */
export const concealed = <Result extends AttemptResult>(result: Result, secrets: ReadonlyArray<string>): Result => {
  if (isLocalFault(result)) return result
  const { headers, response = "" } = result
  const texts = [response, ...Object.values(headers ?? {})]
  const forms = secrets.flatMap(formsOf).filter((form) => texts.some((text) => text.includes(form)))
  if (forms.length === 0) return result
  return {
    ...result,
    ...(response === "" ? {} : { response: without(response, forms) }),
    ...(headers === undefined
      ? {}
      : { headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, without(value, forms)])) })
  }
}
