import { shellQuoted } from "./Text.ts"

export interface Started {
  /** Where the API listens, e.g. `http://127.0.0.1:8080`. */
  readonly apiUrl: string
  /** Where the operator's key lies; undefined when it was given as HOOKLINE_OPERATOR_KEY. */
  readonly keyFile: string | undefined
  /** Without credentials: `hookline nats-url` is the only place that shows them. */
  readonly natsAddress: string
  /** The broker is our own, not the one of HOOKLINE_NATS_URL. */
  readonly embedded: boolean
  readonly dev: boolean
  /** The data directory as the settings name it. */
  readonly data: string
}

/** How the product is called from the project's root, as in all lines to copy. */
export const commandName = "node dist/main.js"

const defaultData = "./data"
/** Known to both sides of the first delivery, so that the receiver can verify it. */
const trialSecret = "a-secret-for-trying-out"

interface Step {
  readonly what: string
  readonly line: string
}

/**
 * What `hookline start` prints when it is ready: where everything is, and the lines that lead to a first delivery, as
 * they work from the project's root. Holds no credentials.
 */
export const banner = (started: Started): string => {
  const { apiUrl, data, dev, embedded, keyFile, natsAddress } = started
  // A setting of this terminal is not there in the next one: what a line needs, it says.
  const where = data === defaultData ? "" : ` --data-dir ${shellQuoted(data)}`
  const facts = {
    dashboard: `${apiUrl}/ (sign in with the key)`,
    API: apiUrl,
    key: keyFile === undefined ? "the one in HOOKLINE_OPERATOR_KEY" : `in ${keyFile}`,
    NATS: embedded ? `${natsAddress} (with credentials: ${commandName} nats-url${where})` : natsAddress,
    ...(dev ? { mode: "--dev allows endpoints on http and loopback; not for production" } : {})
  }
  return [
    `hookline is ready${dev ? " (dev)" : ""}`,
    "",
    ...Object.entries(facts).map(([name, value]) => `  ${name.padEnd(11)}${value}`),
    "",
    "A first delivery, from a second terminal:",
    ...steps(started, where).flatMap(({ line, what }) => ["", `  # ${what}`, `  ${line}`]),
    ""
  ].join("\n")
}

const steps = ({ dev, keyFile }: Started, where: string): ReadonlyArray<Step> => {
  const common = `--workspace ws_demo${where}`
  return [
    ...(keyFile === undefined
      ? [{ what: "the operator's key", line: "read -rs HOOKLINE_API_KEY && export HOOKLINE_API_KEY" }]
      : []),
    ...(dev
      ? [{
        what: "a receiver that prints and verifies what arrives; it keeps this terminal, go on in a third",
        line: `${commandName} receive --port 4000 --secret ${trialSecret}`
      }]
      : []),
    {
      what: dev ? "a webhook to it" : "a webhook, with your endpoint's URL (start --dev allows one on this machine)",
      line: `${commandName} webhooks add ${
        dev ? "http://127.0.0.1:4000/" : "https://example.com/webhooks"
      } --events '*' ${dev ? `--secret ${trialSecret} ` : ""}${common}`
    },
    { what: "an event", line: `${commandName} publish project.created --example ${common}` }
  ]
}
