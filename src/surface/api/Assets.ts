import { Effect } from "effect"
import { hash } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { extname, join, relative, sep } from "node:path"
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"

/** How a file's bytes go over the wire. */
export type Encoding = "br" | "gzip" | "identity"

export interface Asset {
  readonly contentType: string
  readonly etag: string
  /** Made at the first request for it, once. */
  readonly encoded: (encoding: Encoding) => Effect.Effect<Uint8Array>
  /** Those that it is worth asking for, the best first. */
  readonly encodings: ReadonlyArray<Encoding>
}

/** The built dashboard, all of it in memory: nothing that a request says ever becomes a path of the file system. */
export interface Assets {
  /** index.html, with `__NONCE__` where the nonce goes. */
  readonly page: string
  /** By the path of the URL, such as `/assets/main-3f2a9c.js`. */
  readonly files: ReadonlyMap<string, Asset>
}

const contentTypes: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2"
}
const compressible = /^(?:text\/|application\/(?:json|manifest)|image\/svg)/

/** Quality 9 takes 0.1 s for 1 MB of JavaScript and is within 5 % of the best, 11, which takes 2 s. */
const brotliQuality = 9

const compress = (encoding: "br" | "gzip", bytes: Buffer): Promise<Uint8Array> =>
  encoding === "gzip" ? promisify(gzip)(bytes) : promisify(brotliCompress)(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: brotliQuality, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
  })

/**
 * Begun by the first request, and not given up with it: a page that is left while it loads would else leave its interruption to all who ask
 * later. What cannot be compressed for lack of memory is an end of the process anyway.
 */
const compressed = (encoding: "br" | "gzip", bytes: Buffer): Effect.Effect<Uint8Array> => {
  let made: Promise<Uint8Array> | undefined
  return Effect.promise(() => made ??= compress(encoding, bytes))
}

const asset = (path: string, bytes: Buffer): Asset => {
  const contentType = contentTypes[extname(path)] ?? "application/octet-stream"
  const made = {
    br: compressed("br", bytes),
    gzip: compressed("gzip", bytes),
    identity: Effect.succeed<Uint8Array>(bytes)
  }
  return {
    contentType,
    etag: `"${hash("sha256", bytes, "hex").slice(0, 32)}"`,
    encodings: compressible.test(contentType) && bytes.length > 256 ? ["br", "gzip", "identity"] : ["identity"],
    encoded: (encoding) => made[encoding]
  }
}

/** What `npm run build` has put into the folder; undefined when it has not. Links are not followed. */
export const loadAssets = (folder: string): Effect.Effect<Assets | undefined> =>
  Effect.sync(() => {
    // The folder of the sources has an index.html too.
    if (!existsSync(join(folder, "index.html")) || !existsSync(join(folder, "assets"))) return undefined
    const files = new Map<string, Asset>()
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      const url = `/${relative(folder, path).split(sep).join("/")}`
      if (!entry.isFile() || url === "/index.html") continue
      files.set(url, asset(path, readFileSync(path)))
    }
    return { page: readFileSync(join(folder, "index.html"), "utf8"), files }
  })
