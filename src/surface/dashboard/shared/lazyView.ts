import { type ComponentType, createElement, type ReactNode, use } from "react"
import { fetched } from "./NotFetched.ts"

interface LazyView<Props> {
  (props: Props): ReactNode
  /** Fetches it, when it is about to be entered or is entered. Rejects with `NotFetched`; the next call asks again. */
  readonly preload: () => Promise<void>
}

/**
 * A view, or a part of one that a click opens, in a file of its own, by the name that it has there. The router's own way of doing this loads the whole page anew at once when the file
 * cannot be fetched, and without a server nothing is left of it then; here that is an error like others, which `Fault` shows and mends.
 */
export const lazyView = <Name extends string, Props extends object = object>(
  load: () => Promise<{ readonly [N in Name]: ComponentType<Props> }>,
  name: Name
): LazyView<Props> => {
  let view: ComponentType<Props> | undefined
  let loading: Promise<void> | undefined
  const ask = async (): Promise<void> => {
    try {
      view = (await fetched(load))[name]
    } catch (error) {
      loading = undefined
      throw error
    }
  }
  const preload = (): Promise<void> => loading ??= ask()
  const LazyView = (props: Props) => {
    if (view === undefined) use(preload())
    return view === undefined ? null : createElement(view, props)
  }
  return Object.assign(LazyView, { preload })
}
