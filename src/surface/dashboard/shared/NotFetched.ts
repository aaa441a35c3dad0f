/** A file of the page could not be fetched: the server is away, or has another version that has no such file. */
export class NotFetched extends Error {
  /** Which, in the browser's words. */
  readonly detail: string

  constructor(cause: unknown) {
    super("A part of this page could not be fetched: the server is away, or has a new version")
    this.name = "NotFetched"
    this.detail = cause instanceof Error ? cause.message : String(cause)
  }
}

/** `load`, whose failure is told apart from any other. */
export const fetched = <Module>(load: () => Promise<Module>): Promise<Module> =>
  load().catch((cause: unknown) => {
    throw new NotFetched(cause)
  })
