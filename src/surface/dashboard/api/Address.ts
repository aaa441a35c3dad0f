interface Parts {
  /** By the names behind the colons. */
  readonly path?: unknown
  /** What is undefined or empty is left out. */
  readonly query?: unknown
}

/** Where a route is asked: its path with the parameters filled in, and its query. */
export const address = (path: string, { path: parameters, query }: Parts): string => {
  const values = (parameters ?? {}) as Readonly<Record<string, string>>
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(values[name] ?? ""))
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries((query ?? {}) as Readonly<Record<string, string | number | undefined>>)) {
    if (value !== undefined && value !== "") search.set(name, String(value))
  }
  return search.size === 0 ? filled : `${filled}?${search}`
}
