import { Schema } from "effect"

/** How a platform wants the dashboard to look for its customers. */
export const Brand = Schema.Struct({
  name: Schema.NullOr(Schema.String),
  /** `#rrggbb`. */
  color: Schema.NullOr(Schema.String),
  /** SHA-256 of the picture, in hex. */
  logo: Schema.NullOr(Schema.String)
})
export type Brand = typeof Brand.Type

const beginsWith = (bytes: Uint8Array, text: string, at = 0): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1", at, at + text.length) === text

/** The media type of a picture by its first bytes; undefined for anything but PNG, JPEG, GIF and WebP. */
export const pictureType = (bytes: Uint8Array): string | undefined =>
  beginsWith(bytes, "\x89PNG\r\n\x1a\n")
    ? "image/png"
    : beginsWith(bytes, "\xff\xd8\xff")
    ? "image/jpeg"
    : beginsWith(bytes, "GIF87a") || beginsWith(bytes, "GIF89a")
    ? "image/gif"
    : beginsWith(bytes, "RIFF") && beginsWith(bytes, "WEBP", 8)
    ? "image/webp"
    : undefined
