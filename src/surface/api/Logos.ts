import { Clock, Effect, Option } from "effect"
import type { BrokerUnavailable } from "../../broker/Streams.ts"
import type { PortalLinks } from "../../registry/PortalLinks.ts"

/**
 * Pictures of at most 64 KiB, those asked for last, so that a page with a logo is no question to the broker: 4 MiB at most. For ten minutes
 * (`lasts`, milliseconds), so that what is gone from the broker is soon gone here.
 */
const held = { most: 64, lasts: 600_000 }

/** A logo by its SHA-256: from memory, else from the broker, for which `allowed` is asked before. What was not found is not kept. */
export const makeLogos = <E>(links: PortalLinks["Type"], allowed: Effect.Effect<void, E>) => {
  const pictures = new Map<string, { readonly picture: Uint8Array; readonly until: number }>()

  return (id: string): Effect.Effect<Option.Option<Uint8Array>, E | BrokerUnavailable> =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      const known = pictures.get(id)
      pictures.delete(id)
      if (known !== undefined && now < known.until) {
        // The order of the map is that of the last use.
        pictures.set(id, known)
        return Option.some(known.picture)
      }
      yield* allowed
      const found = yield* links.logo(id)
      if (Option.isNone(found)) return found
      pictures.set(id, { picture: found.value, until: now + held.lasts })
      for (const oldest of pictures.keys()) {
        if (pictures.size <= held.most) break
        pictures.delete(oldest)
      }
      return found
    })
}
