/** A key's allowance after a request: what the standard headers say of it. */
export interface Allowance {
  readonly allowed: boolean
  /** Requests that may be made at once after an idle time. */
  readonly limit: number
  /** Requests that may be made now. */
  readonly remaining: number
  /** Seconds until all of them may be made again, rounded up. */
  readonly reset: number
  /** Seconds until the next request is worth making, rounded up; 0 when it is now. */
  readonly retryAfter: number
}

interface Bucket {
  tokens: number
  at: number
}

/**
 * A token bucket for each name: `burst` tokens when full, `rate` come back a second. Of more than `most` names those used longest ago are
 * forgotten, and begin with a full bucket again: that gives them a burst at most. A clock that goes back gives and takes nothing.
 */
export const makeRateLimit = ({ burst, most, rate }: {
  readonly rate: number
  readonly burst: number
  readonly most: number
}) => {
  const buckets = new Map<string, Bucket>()

  const filled = (name: string, at: number): Bucket => {
    const bucket = buckets.get(name) ?? { tokens: burst, at }
    bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, at - bucket.at) * rate / 1000)
    bucket.at = at
    // The order of the map is that of the last use.
    buckets.delete(name)
    buckets.set(name, bucket)
    for (const oldest of buckets.keys()) {
      if (buckets.size <= most) break
      buckets.delete(oldest)
    }
    return bucket
  }

  return {
    /** Takes a token if there is one. `at` in milliseconds. */
    take: (name: string, at: number): Allowance => {
      const bucket = filled(name, at)
      const allowed = bucket.tokens >= 1
      if (allowed) bucket.tokens -= 1
      return {
        allowed,
        limit: burst,
        remaining: Math.floor(bucket.tokens),
        reset: Math.ceil((burst - bucket.tokens) / rate),
        retryAfter: allowed ? 0 : Math.ceil((1 - bucket.tokens) / rate)
      }
    }
  }
}
