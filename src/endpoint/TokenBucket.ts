/** A webhook's rate limit: tokens come back at `rate` a second, at most one second's worth is saved up. Times in milliseconds. */
export interface TokenBucket {
  readonly tokens: number
  readonly at: number
}

export const full = (rate: number, at: number): TokenBucket => ({ tokens: Math.max(1, rate), at })

const refilled = (bucket: TokenBucket, rate: number, at: number): number =>
  Math.min(Math.max(1, rate), bucket.tokens + Math.max(0, at - bucket.at) * rate / 1000)

/** The bucket less one token, or undefined when there is none yet. */
export const take = (bucket: TokenBucket, rate: number, at: number): TokenBucket | undefined => {
  const tokens = refilled(bucket, rate, at)
  return tokens >= 1 ? { tokens: tokens - 1, at } : undefined
}

/** When the next token is there. */
export const nextToken = (bucket: TokenBucket, rate: number, at: number): number =>
  at + Math.ceil(Math.max(0, 1 - refilled(bucket, rate, at)) * 1000 / rate)
