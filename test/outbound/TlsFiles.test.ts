import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TLSSocket } from "node:tls"
import type { HooklineConfig } from "../../src/Config.ts"
import { readTlsFiles } from "../../src/outbound/TlsFiles.ts"
import { authority, type Issued, selfSigned } from "../support/certificates.ts"
import { request, sender } from "./support.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-tls-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Writes PEM files; gives their paths. */
const files = <K extends string>(texts: Readonly<Record<K, string>>) =>
  Effect.map(directory, (path) =>
    Object.fromEntries(
      Object.entries<string>(texts).map(([name, text]) => {
        const file = join(path, `${name}.pem`)
        writeFileSync(file, text)
        return [name, file]
      })
    ) as Record<K, string>)

/** An endpoint with a certificate; says who its clients were, by the common name of theirs. */
const endpointWith = (
  { certificate, key }: Issued,
  clients?: { readonly ca: string; readonly maxVersion?: "TLSv1.2" }
) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<{ readonly port: number; readonly seen: Array<string>; readonly close: () => void }>((resume) => {
        const seen: Array<string> = []
        const server = createServer(
          {
            cert: certificate,
            key,
            ...(clients === undefined ? {} : { requestCert: true, rejectUnauthorized: true, ...clients })
          },
          (message, response) => {
            seen.push(String((message.socket as TLSSocket).getPeerCertificate().subject?.CN))
            message.resume().on("end", () => response.end("ok"))
          }
        )
        server.on("tlsClientError", () => {})
        server.listen(0, "127.0.0.1", () =>
          resume(Effect.succeed({
            port: (server.address() as AddressInfo).port,
            seen,
            close: () => {
              server.close()
              server.closeAllConnections()
            }
          })))
      }),
      ({ close }) => Effect.sync(close)
    ),
    ({ port, seen }) => ({ url: `https://localhost:${port}/`, seen })
  )

type Files = Pick<HooklineConfig, "tlsCa" | "tlsCert" | "tlsKey">
const none: Files = { tlsCa: undefined, tlsCert: undefined, tlsKey: undefined }

describe("an endpoint's certificate", () => {
  it.scopedLive("of an authority in HOOKLINE_TLS_CA is accepted, beside Node's own; without the setting it is refused", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* authority("One"), yield* authority("Other")]
      const paths = yield* files({ both: `${one.certificate}\n${other.certificate}` })
      const endpoints = [
        yield* endpointWith(yield* one.issue({ commonName: "localhost" })),
        yield* endpointWith(yield* other.issue({ commonName: "localhost" }))
      ]
      const trusting = yield* sender({ tlsCa: paths.both })
      const wary = yield* sender()
      for (const { url } of endpoints) {
        expect(yield* trusting.send(request(url))).toMatchObject({ class: "success" })
        expect(yield* wary.send(request(url))).toMatchObject({ class: "tls", error: expect.stringContaining("issuer") })
      }
    }))

  it.scopedLive("that is expired, not yet valid, self-signed or another host's is refused, each in its own words", () =>
    Effect.gen(function*() {
      const own = yield* authority("Own")
      const { ca } = yield* files({ ca: own.certificate })
      const cases = [
        [yield* own.issue({ commonName: "localhost", from: -10, to: -1 }), "its certificate has expired"],
        [yield* own.issue({ commonName: "localhost", from: 1 }), "its certificate is not valid yet"],
        [yield* selfSigned({ commonName: "localhost", hosts: ["localhost"] }), "its certificate is self-signed"],
        [yield* own.issue({ commonName: "example.org" }), "its certificate is for another name"]
      ] as const
      const { send } = yield* sender({ tlsCa: ca })
      for (const [issued, says] of cases) {
        const endpoint = yield* endpointWith(issued)
        expect(yield* send(request(endpoint.url))).toMatchObject({ class: "tls", error: expect.stringContaining(says) })
        expect(endpoint.seen).toEqual([])
      }
    }))
})

describe("the client certificate", () => {
  for (const maxVersion of [undefined, "TLSv1.2"] as const) {
    it.scopedLive(`is shown to an endpoint that asks for it (${maxVersion ?? "TLSv1.3"}); without it nothing is delivered`, () =>
      Effect.gen(function*() {
        const [own, strange] = [yield* authority("Own"), yield* authority("Strange")]
        const client = yield* own.issue({ commonName: "hookline" })
        const stranger = yield* strange.issue({ commonName: "somebody" })
        const paths = yield* files({
          ca: own.certificate,
          cert: client.certificate,
          key: client.key,
          strangeCert: stranger.certificate,
          strangeKey: stranger.key
        })
        const endpoint = yield* endpointWith(yield* own.issue({ commonName: "localhost" }), {
          ca: own.certificate,
          ...(maxVersion === undefined ? {} : { maxVersion })
        })
        const refused = /^(?:tls|reset)$/
        const known = yield* sender({ tlsCa: paths.ca, tlsCert: paths.cert, tlsKey: paths.key })
        expect(yield* known.send(request(endpoint.url))).toMatchObject({ class: "success" })
        const without = yield* sender({ tlsCa: paths.ca })
        // Node's server judges the client after the handshake, and closes without a word.
        expect((yield* without.send(request(endpoint.url))).class).toMatch(refused)
        const wrong = yield* sender({ tlsCa: paths.ca, tlsCert: paths.strangeCert, tlsKey: paths.strangeKey })
        expect((yield* wrong.send(request(endpoint.url))).class).toMatch(refused)
        expect(endpoint.seen).toEqual(["hookline"])
      }))
  }
})

describe("a file that cannot be used", () => {
  it.scopedLive("is an error that names the setting and tells nothing of what is in the file", () =>
    Effect.gen(function*() {
      const own = yield* authority("Own")
      const client = yield* own.issue({ commonName: "hookline" })
      const paths = yield* files({
        cert: client.certificate,
        key: client.key,
        otherKey: own.key,
        text: "canary7 is no certificate",
        broken: "-----BEGIN CERTIFICATE-----\nY2FuYXJ5Nw==\n-----END CERTIFICATE-----\n",
        brokenKey: "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5Nw==\n-----END PRIVATE KEY-----\n"
      })
      const cases: ReadonlyArray<readonly [settings: Partial<Files>, setting: string, says: string]> = [
        [{ tlsCa: "/nowhere/ca.pem" }, "HOOKLINE_TLS_CA", "ENOENT"],
        [{ tlsCa: "/" }, "HOOKLINE_TLS_CA", "EISDIR"],
        [{ tlsCa: paths.text }, "HOOKLINE_TLS_CA", "no certificate"],
        [{ tlsCa: paths.broken }, "HOOKLINE_TLS_CA", "no certificate"],
        [{ tlsCert: paths.cert }, "HOOKLINE_TLS_KEY", "HOOKLINE_TLS_CERT is"],
        [{ tlsKey: paths.key }, "HOOKLINE_TLS_CERT", "HOOKLINE_TLS_KEY is"],
        [{ tlsCert: paths.key, tlsKey: paths.key }, "HOOKLINE_TLS_CERT", "no certificate"],
        [{ tlsCert: paths.cert, tlsKey: paths.cert }, "HOOKLINE_TLS_KEY", "no private key"],
        [{ tlsCert: paths.cert, tlsKey: paths.brokenKey }, "HOOKLINE_TLS_KEY", "no private key"],
        [{ tlsCert: paths.cert, tlsKey: paths.otherKey }, "HOOKLINE_TLS_KEY", "not the key of"]
      ]
      for (const [given, setting, says] of cases) {
        const error = yield* Effect.flip(readTlsFiles({ ...none, ...given }))
        expect(error.setting).toBe(setting)
        expect(error.message).toContain(says)
        expect(error.message).not.toMatch(/canary7|Y2FuYXJ5Nw/)
      }
      const read = yield* readTlsFiles({ ...none, tlsCert: paths.cert, tlsKey: paths.key })
      expect((read.client?.validTo ?? 0) - (read.client?.validFrom ?? 0)).toBe(31 * 86_400_000)
    }))
})
