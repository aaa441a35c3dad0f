/**
 * When a stream was made, by which one that was made anew is told from the one that is known. In the stream's metadata, because the broker's own
 * `created` moves: nats-server 2.11.6 gives a stream whose settings were changed another one at its next start [measured]. A backup keeps it.
 */
const stamp = "hookline-created"

interface Info {
  readonly created: string
  readonly config: { readonly metadata?: Readonly<Record<string, string>> }
}

/** As text; only whether it is the same means anything. */
export const createdOf = ({ config, created }: Info): string => config.metadata?.[stamp] ?? created

export const isStamped = ({ config }: Info): boolean => config.metadata?.[stamp] !== undefined

/** The metadata of a stream that is made at `created`, or was found and is changed; without what is the broker's own to say. */
export const stamped = (created: string, metadata: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(metadata).filter(([name]) => !name.startsWith("_nats."))),
  [stamp]: created
})
