import { hash, randomBytes } from "node:crypto"
import type { WorkspaceId } from "./Id.ts"

/**
 * API keys (CONTRACT 8): `hk_<id>_<secret>`. The id names the key in lists, logs and the bucket; the secret is shown once, and only the
 * SHA-256 of the whole text is kept. A plain hash is enough: nobody searches 256 random bits.
 */

/** What a key may do: `publish` events; `read` everything of its workspace; `manage`: both, and every change. */
export const roles = ["publish", "read", "manage"] as const
export type Role = (typeof roles)[number]

export interface ApiKey {
  readonly id: string
  /** The only workspace it can see or touch; null: an operator's key, of no workspace and for all. */
  readonly workspaceId: WorkspaceId | null
  readonly role: Role
  /** For people. */
  readonly name: string
  /** Broker milliseconds, as the following. */
  readonly createdAt: number
  /** From then on it is not valid. */
  readonly expiresAt: number | undefined
  /** Within a minute. */
  readonly lastUsedAt: number | undefined
}

/** The operator's key of the settings may hold `-` and `_` in its secret; a key of ours does not. */
const shape = /^hk_([A-Za-z0-9-]{1,64})_[A-Za-z0-9_-]{16,}$/

/** The id in a key's text; undefined when it is no key. */
export const keyIdOf = (text: string): string | undefined => shape.exec(text)?.[1]

export const digestOf = (text: string): Buffer => hash("sha256", text, "buffer")

/** Letters and digits only, so that a double click takes the whole key: 43 of 62 signs are more than 256 bits. */
const secretLength = 43

const newSecret = (): string => {
  const signs = randomBytes(96).toString("base64url").replaceAll(/[-_]/g, "")
  return signs.length < secretLength ? newSecret() : signs.slice(0, secretLength)
}

/** A fresh key: its id, 96 random bits in hex, and its text. */
export const newApiKey = (): { readonly id: string; readonly text: string } => {
  const id = randomBytes(12).toString("hex")
  return { id, text: `hk_${id}_${newSecret()}` }
}
