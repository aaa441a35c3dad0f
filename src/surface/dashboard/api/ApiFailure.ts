/** A request that did not succeed: what the API said of it, or why it could not say anything. */
export class ApiFailure extends Error {
  /** HTTP status; 0: there was no answer. */
  readonly status: number
  /** The API's word for it, such as `unknown_type`; `unreachable` when there was no answer. */
  readonly type: string
  /** Where in the input, as the API names it: `url`, `events[1]`. */
  readonly field: string | undefined

  constructor(problem: {
    readonly status: number
    readonly type: string
    readonly message: string
    readonly field?: string | undefined
  }) {
    super(problem.message)
    this.name = "ApiFailure"
    this.status = problem.status
    this.type = problem.type
    this.field = problem.field
  }

  /** The reason as a sentence, without the field's name before it: it is shown beside the field. */
  get reason(): string {
    const prefix = `${this.field}: `
    return sentence(this.message.startsWith(prefix) ? this.message.slice(prefix.length) : this.message)
  }

  /** Asking again may help without anybody changing anything. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

export const unreachable = (): ApiFailure =>
  new ApiFailure({
    status: 0,
    type: "unreachable",
    message: "The server cannot be reached. Check your connection, and try again."
  })

interface ErrorBody {
  readonly error?: { readonly type?: unknown; readonly message?: unknown; readonly field?: unknown }
}

const text = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

/** The failure in an answer; one that is not the API's own (a proxy's, say) is named by its status. */
export const failureOf = async (response: Response): Promise<ApiFailure> => {
  const body = (await response.json().catch(() => ({}))) as ErrorBody | null
  const error = body?.error
  return new ApiFailure({
    status: response.status,
    type: text(error?.type) ?? "unknown",
    message: text(error?.message) ?? `The server answered with status ${response.status} and no reason.`,
    field: text(error?.field)
  })
}

/** What anything thrown says to a person. */
export const failureFrom = (error: unknown): ApiFailure =>
  error instanceof ApiFailure
    ? error
    : new ApiFailure({ status: -1, type: "fault", message: error instanceof Error ? error.message : String(error) })

/** The sentence for one input, if the failure is about it: `events` takes `events[1]` too. */
export const fieldError = (failure: ApiFailure | null | undefined, field: string): string | undefined => {
  if (failure?.field === undefined) return undefined
  const own = failure.field === field || failure.field.startsWith(`${field}[`) || failure.field.startsWith(`${field}.`)
  return own ? failure.reason : undefined
}

/** The API's messages begin in lower case and end without a full stop. */
export const sentence = (message: string): string =>
  message === "" ? message : `${message[0]?.toUpperCase() ?? ""}${message.slice(1)}${/[.!?]$/.test(message) ? "" : "."}`
