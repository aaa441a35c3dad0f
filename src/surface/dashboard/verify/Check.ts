import { bodyGuesses, secretGuesses } from "./Guesses.ts"
import { fromBase64, hexKey, hmac, standardKey, toBase64, toHex, utf8 } from "./Hmac.ts"
import { type HeaderNames, type Headers, span } from "./Request.ts"

/**
 * Checks a request's two signatures as docs/samples do, and says what is wrong. A verdict is `right` exactly when the functions there answer
 * true (docs/samples/vectors.json). It runs where it is called: nothing of it leaves the page.
 */

export interface Given {
  /** The raw body, as text; its bytes are its UTF-8. */
  readonly body: string
  readonly headers: Headers
  readonly secret: string
  /** Unix seconds. */
  readonly now: number
  readonly names: HeaderNames
}

export interface Verdict {
  /** `old`: the signature fits, but not the time. `absent`: there is nothing to check. */
  readonly state: "right" | "old" | "wrong" | "absent"
  /** What is the matter, a sentence. */
  readonly message: string
  /** Why that usually is, and what to do; none when it is right. */
  readonly more: string | undefined
}

export interface Checked {
  readonly standard: Verdict
  readonly hex: Verdict
}

/** Seconds that a request may be old, or its time ahead of the endpoint's. */
const tolerance = 300

const verdict = (state: Verdict["state"], message: string, more?: string): Verdict => ({ state, message, more })

const noSecret = verdict(
  "wrong",
  "There is no secret.",
  "Paste the webhook's secret, as it was shown when it was made."
)

const dropped = (name: string): string =>
  `Each request of ours has it, so either this is not one, or a proxy or your framework left it out. Look for ${name} where the request arrives first.`

/** The first guess whose signature fits. */
const firstFit = async <Value>(
  guesses: ReadonlyArray<{ readonly value: Value; readonly said: string }>,
  fits: (value: Value) => Promise<boolean>
): Promise<string | undefined> => {
  for (const { said, value } of guesses) {
    if (await fits(value)) return said
  }
  return undefined
}

type Sign = (body: Uint8Array, secret: string) => Promise<boolean>

/** What of body and secret must have been otherwise for the signature to fit. */
const explain = async ({ body, secret }: Given, fits: Sign): Promise<string | undefined> => {
  const asGiven = utf8(body)
  return await firstFit(bodyGuesses(body), (changed) => fits(changed, secret)) ??
    await firstFit(secretGuesses(secret), (changed) => fits(asGiven, changed)) ??
    (body.includes("\ufffd")
      ? "The body has characters that could not be read (\ufffd): somewhere it was decoded as something else than UTF-8."
      : undefined)
}

const unexplained =
  "Either the secret is another webhook's or an older one, or the body is not what was sent, to the byte. The usual cause is a body that was parsed and written anew."

/** The hex signature that there should be. */
const wanted = async (body: Uint8Array, secret: string): Promise<string> => {
  const key = hexKey(secret)
  return key === undefined ? "" : toHex(await hmac(key, body))
}

const checkHex = async (given: Given): Promise<Verdict> => {
  const { body, headers, names, secret } = given
  const signature = headers[names.hex]
  if (signature === undefined || signature === "") {
    return verdict("absent", `There is no header ${names.hex}.`, dropped(names.hex))
  }
  if (secret === "") return noSecret
  const right = await wanted(utf8(body), secret)
  if (signature === right) return verdict("right", `${names.hex} fits the body and the secret.`)
  if (signature.trim().toLowerCase() === right) {
    return verdict("wrong", `${names.hex} is written otherwise.`, "It must be lower-case hex with nothing around it.")
  }
  if (signature.toLowerCase() === `sha256=${right}`) {
    return verdict(
      "wrong",
      `${names.hex} begins with sha256=.`,
      "Ours has nothing before the hex: somebody else wrote this header."
    )
  }
  if (fromBase64(signature) !== undefined && toHex(fromBase64(signature) ?? new Uint8Array()) === right) {
    return verdict(
      "wrong",
      `${names.hex} is in base64.`,
      "Ours is lower-case hex. In your own code, ask the HMAC for hex."
    )
  }
  if (!/^[0-9a-f]{64}$/i.test(signature)) {
    return verdict(
      "wrong",
      `${names.hex} is no signature.`,
      `It must be 64 characters of hex, and this is ${signature.length} long. Copy all of it.`
    )
  }
  const decoded = standardKey(secret)
  if (decoded !== undefined && signature === toHex(await hmac(decoded, utf8(body)))) {
    return verdict(
      "wrong",
      `${names.hex} was made with the decoded secret.`,
      "Its key is the secret as it is written, whsec_ included."
    )
  }
  const said = await explain(given, async (body, secret) => signature === await wanted(body, secret))
  return verdict("wrong", `${names.hex} does not fit.`, said ?? unexplained)
}

/** What is wrong with the time by itself; undefined: nothing. */
const timeProblem = (timestamp: string, name: string): Verdict | undefined => {
  if (/^[0-9]{1,15}$/.test(timestamp) && timestamp.length < 13) return undefined
  return /^[0-9]{13}$/.test(timestamp)
    ? verdict("wrong", `${name} is in milliseconds.`, "It must be in seconds. Use the header as it came.")
    : verdict("wrong", `${name} is no time: it must be whole seconds since 1970.`, "Use the header as it came.")
}

const formProblem = (signatures: string, name: string): Verdict | undefined => {
  if (signatures.split(" ").some((one) => /^v1,[A-Za-z0-9+/]{43}=$/.test(one))) return undefined
  const more = /^v1,[0-9a-f]{64}$/i.test(signatures)
    ? "It is in hex, and must be in base64."
    : /^v1,[^ ]*,v1,/.test(signatures)
    ? "Between two signatures there is a space, no comma. Something joined them."
    : /^v\d+[a-z]?,/.test(signatures) && !signatures.startsWith("v1,")
    ? "Its version is not v1, which is the one we send."
    : !signatures.startsWith("v1,")
    ? "It must begin with v1, and a comma. Copy all of it."
    : "Behind v1, there must be 44 characters of base64. Copy all of it."
  return verdict("wrong", `${name} is not written as it should be.`, more)
}

const checkStandard = async (given: Given): Promise<Verdict> => {
  const { body, headers, names, now, secret } = given
  const [idName, timeName, name] = ["id", "timestamp", "signature"].map((part) =>
    `${names.standardPrefix}-${part}`
  ) as [
    string,
    string,
    string
  ]
  const { [idName]: id, [timeName]: timestamp, [name]: signatures } = headers
  if (signatures === undefined || signatures.trim() === "") {
    return verdict("absent", `There is no header ${name}.`, dropped(name))
  }
  for (const [value, part] of [[id, idName], [timestamp, timeName]] as const) {
    if (value === undefined || value === "") {
      return verdict(
        "wrong",
        `There is no header ${part}.`,
        `${name} covers it: without it nothing can be checked. ${dropped(part)}`
      )
    }
  }
  if (id === undefined || timestamp === undefined) return verdict("absent", `There is no header ${name}.`)
  const badTime = timeProblem(timestamp, timeName)
  if (badTime !== undefined) return badTime
  if (secret === "") return noSecret
  if (standardKey(secret) === undefined) {
    return verdict(
      "wrong",
      "The secret is not whole.",
      "Behind whsec_ there must be base64, its = at the end included. Copy all of it."
    )
  }
  const badForm = formProblem(signatures, name)
  if (badForm !== undefined) return badForm

  const all = signatures.split(" ")
  const signedBy = async (body: Uint8Array, key: Uint8Array<ArrayBuffer> | undefined, covered: string) =>
    key !== undefined && all.includes(`v1,${toBase64(await hmac(key, utf8(covered), body))}`)
  const covered = `${id}.${timestamp}.`
  const age = now - Number(timestamp)
  if (await signedBy(utf8(body), standardKey(secret), covered)) {
    if (Math.abs(age) <= tolerance) return verdict("right", `${name} fits the body, the id, the time and the secret.`)
    const past = age > 0
    return verdict(
      "old",
      past
        ? `It was signed ${span(age)} ago: at most ${span(tolerance)} are accepted.`
        : `Its time is ${span(-age)} ahead of this machine's clock: at most ${span(tolerance)} are accepted.`,
      past
        ? "Everything else is right. For a request from a log that is as it should be; if your endpoint refuses new ones for it, its clock is fast. Each attempt is signed anew."
        : "Everything else is right. A clock is wrong: this machine's, or that of the sender."
    )
  }
  const text = hexKey(secret)
  if (secret.startsWith("whsec_") && await signedBy(utf8(body), text, covered)) {
    return verdict(
      "wrong",
      `${name} was made with the secret's text.`,
      "Its key is what stands behind whsec_, decoded from base64."
    )
  }
  if (await signedBy(utf8(body), standardKey(secret), "")) {
    return verdict(
      "wrong",
      `${name} covers the body alone.`,
      `It must cover ${idName}, ${timeName} and the body, with a dot between.`
    )
  }
  const said = await explain(given, (body, secret) => signedBy(body, standardKey(secret), covered))
  return verdict("wrong", `${name} does not fit.`, said ?? unexplained)
}

const fits = ({ state }: Verdict): boolean => state === "right" || state === "old"

/** Both signatures. Where one fits and the other does not, that says more than either alone. */
export const check = async (given: Given): Promise<Checked> => {
  const [standard, hex] = await Promise.all([checkStandard(given), checkHex(given)])
  const { names } = given
  if (fits(standard) && hex.state === "wrong" && hex.more === unexplained) {
    return {
      standard,
      hex: {
        ...hex,
        more:
          `Secret and body are right, as ${names.standardPrefix}-signature shows. While a secret is being rotated, ${names.hex} stays on the former one until the overlap ends.`
      }
    }
  }
  if (fits(hex) && standard.state === "wrong" && standard.more === unexplained) {
    return {
      hex,
      standard: {
        ...standard,
        more:
          `Secret and body are right, as ${names.hex} shows. So the id, the time or the signature is another request's: take all headers from the same attempt.`
      }
    }
  }
  return { standard, hex }
}
