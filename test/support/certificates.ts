import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { Clock, Effect } from "effect"
import { webcrypto } from "node:crypto"

/** Certificates made when a test runs (P-256): with node:crypto alone there is no way to sign one. */

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
const day = 86_400_000
const live = Clock.make()

/** PEM. */
export interface Issued {
  readonly certificate: string
  readonly key: string
}

interface Request {
  readonly commonName: string
  /** Names and addresses it is for. */
  readonly hosts?: ReadonlyArray<string>
  /** Days from now. */
  readonly from?: number
  readonly to?: number
}

export interface Authority extends Issued {
  readonly issue: (request: Request) => Effect.Effect<Issued>
}

const names = (hosts: ReadonlyArray<string>) =>
  new x509.SubjectAlternativeNameExtension(
    hosts.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? "ip" : "dns", value }))
  )

const pemOf = async (certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): Promise<Issued> => ({
  certificate: certificate.toString("pem"),
  key: x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY")
})

const validity = ({ from = -1, to = 30 }: Request) => {
  const now = live.unsafeCurrentTimeMillis()
  return { notBefore: new Date(now + from * day), notAfter: new Date(now + to * day) }
}

let serial = 1

/** A certificate that signed itself, for whatever it is asked for. */
export const selfSigned = (request: Request): Effect.Effect<Issued> =>
  Effect.promise(async () => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: String(serial++).padStart(2, "0"),
      name: `CN=${request.commonName}`,
      ...validity(request),
      signingAlgorithm: algorithm,
      keys,
      extensions: [names(request.hosts ?? [])]
    })
    return pemOf(certificate, keys)
  })

/** An authority that issues certificates, for servers and clients alike. */
export const authority = (commonName: string): Effect.Effect<Authority> =>
  Effect.promise(async () => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])
    const own = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: String(serial++).padStart(2, "0"),
      name: `CN=${commonName}`,
      ...validity({ commonName }),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)
      ]
    })
    return {
      ...await pemOf(own, keys),
      issue: (request) =>
        Effect.promise(async () => {
          const subject = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])
          const certificate = await x509.X509CertificateGenerator.create({
            serialNumber: String(serial++).padStart(2, "0"),
            subject: `CN=${request.commonName}`,
            issuer: own.subject,
            ...validity(request),
            signingKey: keys.privateKey,
            publicKey: subject.publicKey,
            signingAlgorithm: algorithm,
            extensions: [names(request.hosts ?? [request.commonName])]
          })
          return pemOf(certificate, subject)
        })
    }
  })
