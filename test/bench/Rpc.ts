/** What a child of the bench can be asked. */
export type Calls = Readonly<Record<string, (input: never) => Promise<unknown>>>

export interface Request {
  readonly id: number
  readonly name: string
  readonly input: unknown
}

export interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

const answer = (message: Answer) => void process.send?.(message)

/** Answers the calls of the process that forked this one; ends with it. */
export const serve = (calls: Calls): void => {
  process.on("message", ({ id, input, name }: Request) => {
    const call = calls[name] as ((input: unknown) => Promise<unknown>) | undefined
    if (call === undefined) return answer({ id, error: `no call ${name}` })
    call(input).then(
      (value) => answer({ id, value }),
      (cause: unknown) => answer({ id, error: cause instanceof Error ? cause.stack ?? cause.message : String(cause) })
    )
  })
  // Ctrl-C goes to the whole group of the terminal; the bench ends its children itself, last.
  process.on("SIGINT", () => undefined)
  // By an exit, for what node writes at one: profiles.
  process.on("SIGTERM", () => process.exit())
  process.on("disconnect", () => process.exit())
}
