import { Clock, Effect } from "effect"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import { createSecureContext, rootCertificates, type SecureContext, type SecureContextOptions } from "node:tls"
import { type HooklineConfig, InvalidSetting, settings } from "../Config.ts"

/**
 * The files of TLS: certificate authorities beside Node's own, and the deployment's client certificate. Read once, at start; a file that cannot be
 * used is an error that names its setting, never an attempt that fails later.
 */
export interface TlsFiles {
  /** PEM, one certificate each. */
  readonly authorities: ReadonlyArray<string>
  readonly client: ClientCertificate | undefined
}

interface ClientCertificate {
  /** PEM, with its chain. */
  readonly certificate: string
  readonly key: string
  /** Milliseconds since the epoch. */
  readonly validFrom: number
  readonly validTo: number
}

type Settings = Pick<HooklineConfig, "tlsCa" | "tlsCert" | "tlsKey">
type FileSetting = "tlsCa" | "tlsCert" | "tlsKey"

const accepted: Readonly<Record<FileSetting, string>> = {
  tlsCa: "a PEM file with one certificate or more",
  tlsCert: "a PEM file with the certificate and its chain, the certificate first",
  tlsKey: "a PEM file with the private key of HOOKLINE_TLS_CERT, without a passphrase"
}

const unusable = (name: FileSetting, value: string): InvalidSetting =>
  new InvalidSetting({ setting: settings[name].env, value, accepts: accepted[name] })

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "it cannot be read"

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

const read = (name: FileSetting, path: string): Effect.Effect<string, InvalidSetting> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (cause) => unusable(name, `${JSON.stringify(path)} (${codeOf(cause)})`)
  })

/** Every certificate of a file; fails where there is none, or one that cannot be read. */
const certificates = (
  name: FileSetting,
  path: string
): Effect.Effect<readonly [X509Certificate, ...Array<X509Certificate>], InvalidSetting> =>
  Effect.flatMap(read(name, path), (text) =>
    Effect.try({
      try: () => {
        const [first, ...others] = (text.match(pemCertificate) ?? []).map((pem) => new X509Certificate(pem))
        if (first === undefined) throw new Error("none")
        return [first, ...others] as const
      },
      catch: () => unusable(name, `${JSON.stringify(path)} (no certificate that can be read)`)
    }))

const clientOf = ({ tlsCert, tlsKey }: Settings): Effect.Effect<ClientCertificate | undefined, InvalidSetting> =>
  Effect.gen(function*() {
    if (tlsCert === undefined && tlsKey === undefined) return undefined
    if (tlsCert === undefined) return yield* unusable("tlsCert", `not set, but ${settings.tlsKey.env} is`)
    if (tlsKey === undefined) return yield* unusable("tlsKey", `not set, but ${settings.tlsCert.env} is`)
    const chain = yield* certificates("tlsCert", tlsCert)
    const text = yield* read("tlsKey", tlsKey)
    const key = yield* Effect.try({
      try: () => createPrivateKey(text),
      // What OpenSSL says of the file is not told: it may hold some of it.
      catch: () =>
        unusable("tlsKey", `${JSON.stringify(tlsKey)} (no private key that can be read without a passphrase)`)
    })
    const [own] = chain
    if (!own.checkPrivateKey(key)) {
      return yield* unusable("tlsKey", `${JSON.stringify(tlsKey)} (not the key of the first certificate in ${tlsCert})`)
    }
    return {
      certificate: chain.map((one) => one.toString()).join(""),
      key: text,
      validFrom: Date.parse(own.validFrom),
      validTo: Date.parse(own.validTo)
    }
  })

export const readTlsFiles = (config: Settings): Effect.Effect<TlsFiles, InvalidSetting> =>
  Effect.gen(function*() {
    const { tlsCa } = config
    const authorities = tlsCa === undefined ? [] : yield* certificates("tlsCa", tlsCa)
    return { authorities: authorities.map((one) => one.toString()), client: yield* clientOf(config) }
  })

/** One context for every connection: what it parses (150 authorities, where there is one of our own) is parsed once. TLS from 1.2 on. */
const secureContext = (files: TlsFiles): SecureContext => {
  const options: SecureContextOptions = { minVersion: "TLSv1.2" }
  // `ca` replaces Node's list, so it has to be there again.
  if (files.authorities.length > 0) options.ca = [...rootCertificates, ...files.authorities]
  if (files.client !== undefined) {
    options.cert = files.client.certificate
    options.key = files.client.key
  }
  return createSecureContext(options)
}

/** What is wrong with the client certificate's time, in words; nothing is refused for it: endpoints that do not ask for it are well. */
const untimely = ({ validFrom, validTo }: ClientCertificate, now: number): string | undefined =>
  validTo <= now
    ? `has expired on ${new Date(validTo).toISOString().slice(0, 10)}`
    : validFrom > now
    ? `is not valid before ${new Date(validFrom).toISOString().slice(0, 10)}`
    : undefined

/** The files, and a warning in the log where the client certificate is of no use now. */
export const startingTls = (config: Settings): Effect.Effect<SecureContext, InvalidSetting> =>
  Effect.gen(function*() {
    const files = yield* readTlsFiles(config)
    const wrong = files.client === undefined ? undefined : untimely(files.client, yield* Clock.currentTimeMillis)
    if (wrong !== undefined) {
      yield* Effect.logError(
        `the client certificate of ${settings.tlsCert.env} ${wrong}: endpoints that ask for it refuse`
      )
    }
    return secureContext(files)
  })
