import type { Answer } from "../api/Contract.ts"

type Page = Pick<Answer<"quarantine.list">, "next"> & { readonly data: ReadonlyArray<{ readonly id: string }> }

/** How many of the newest came before `first`, the first that is shown (undefined: none is); `unsure`: there may be more of them. */
export const newerThan = (
  first: { readonly id: string } | undefined,
  { data, next }: Page
): { readonly found: number; readonly unsure: boolean } => {
  const place = data.findIndex(({ id }) => id === first?.id)
  return place === -1 ? { found: data.length, unsure: next !== null } : { found: place, unsure: false }
}
