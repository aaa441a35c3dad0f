import { Link } from "@tanstack/react-router"
import { defaultRangeExtractor, type Range, useWindowVirtualizer } from "@tanstack/react-virtual"
import { type KeyboardEvent, memo, useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react"
import { sentence } from "../api/ApiFailure.ts"
import type { Delivery } from "../api/Contract.ts"
import { count, counted, latency } from "../shared/Numbers.ts"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign } from "../shared/Text.tsx"
import { Time } from "../shared/Time.tsx"
import { useNow } from "../shared/useNow.ts"
import styles from "./DeliveryRows.module.css"
import { DeliveryStatus } from "./DeliveryStatus.tsx"
import type { Listing } from "./Listing.ts"

const columns = ["Status", "Event", "Last answer", "Attempts", "Latency", "Published"]

/** Pixels, the same as in the style sheet: every row is as tall as every other, so that nothing has to be measured. */
const heights = { wide: 57, narrow: 97 }

const narrow = "(max-width: 720px)"
const subscribe = (changed: () => void): () => void => {
  const query = window.matchMedia(narrow)
  query.addEventListener("change", changed)
  return () => query.removeEventListener("change", changed)
}
const isNarrow = (): boolean => window.matchMedia(narrow).matches

const Answer = ({ delivery }: { readonly delivery: Delivery }) => {
  const { last_error: error, last_status: status } = delivery
  if (status !== null) {
    return (
      <span className={styles["answer"]}>
        <span className={delivery.status === "succeeded" ? styles["code"] : styles["badCode"]}>{status}</span>
        {error !== null && (
          <span className={styles["error"]}>
            <Foreign oneLine>{sentence(error)}</Foreign>
          </span>
        )}
      </span>
    )
  }
  if (error === null) return <span className={styles["soft"]}>{delivery.attempts === 0 ? "No attempt yet" : "—"}</span>
  return (
    <span className={styles["error"]}>
      <Foreign oneLine>{sentence(error)}</Foreign>
    </span>
  )
}

/** When the next attempt is due; one whose time has come is under way, or comes next. */
const Due = ({ at }: { readonly at: string }) => {
  const waits = Date.parse(at) > useNow()
  return (
    <span className={styles["due"]}>
      <span className={styles["hidden"]}>{"Next attempt "}</span>
      {waits ? <Time at={at} /> : "now"}
    </span>
  )
}

const Cells = ({ delivery }: { readonly delivery: Delivery }) => (
  <>
    <div role="cell" className={styles["status"]}>
      <DeliveryStatus status={delivery.status} />
      {delivery.status === "retrying" && delivery.next_attempt_at !== null && <Due at={delivery.next_attempt_at} />}
    </div>
    <div role="cell" className={styles["event"]}>
      <Link
        from="/webhooks/$webhookId"
        to="."
        search={(search) => ({ ...search, delivery: delivery.id })}
        resetScroll={false}
        preload={false}
        className={styles["link"]}
      >
        {delivery.event_type}
      </Link>
      <span className={styles["id"]}>
        <Foreign mono oneLine>{delivery.event_id}</Foreign>
      </span>
    </div>
    <div role="cell" className={styles["last"]}>
      <Answer delivery={delivery} />
    </div>
    <div role="cell" className={styles["attempts"]}>
      {count(delivery.attempts)}
      <span className={styles["unit"]}>{delivery.attempts === 1 ? " attempt" : " attempts"}</span>
    </div>
    <div role="cell" className={styles["latency"]}>
      {delivery.last_latency_ms === null ? "" : latency(delivery.last_latency_ms)}
    </div>
    <div role="cell" className={styles["time"]}>
      <Time at={delivery.published_at} />
    </div>
  </>
)

/** A row that was given back and comes again in a moment. */
const Waiting = () => (
  <>
    <div role="cell" className={styles["status"]}>
      <Skeleton width={10} />
    </div>
    <div role="cell" className={styles["event"]}>
      <Skeleton width={18} />
    </div>
  </>
)

const DeliveryRow = memo(({ delivery, index, top }: {
  readonly delivery: Delivery | undefined
  readonly index: number
  /** Pixels from the list's own top. */
  readonly top: number
}) => (
  <div
    role="row"
    aria-rowindex={index + 2}
    data-index={index}
    className={styles["row"]}
    style={{ transform: `translateY(${top}px)` }}
  >
    {delivery === undefined ? <Waiting /> : <Cells delivery={delivery} />}
  </div>
))

const linkOf = (list: HTMLElement | null, index: number): HTMLElement | null =>
  list?.querySelector<HTMLElement>(`[data-index="${index}"] a`) ?? null

/** Deliveries, a row each, of which those in view alone are in the document. The arrow keys go from one to the next. */
export const DeliveryRows = ({ listing }: { readonly listing: Listing }) => {
  const list = useRef<HTMLDivElement>(null)
  const [margin, setMargin] = useState(0)
  const [focused, setFocused] = useState<number>()
  const height = useSyncExternalStore(subscribe, isNarrow) ? heights.narrow : heights.wide
  useEffect(() => {
    const measure = (): void => {
      if (list.current !== null) setMargin(Math.round(list.current.getBoundingClientRect().top + window.scrollY))
    }
    measure()
    // Whatever above it grows or shrinks.
    const observer = new ResizeObserver(measure)
    observer.observe(document.body)
    return () => observer.disconnect()
  }, [])
  const size = listing.size
  const virtual = useWindowVirtualizer({
    count: size,
    estimateSize: () => height,
    overscan: 8,
    scrollMargin: margin,
    // The row with the focus stays, so that it is not lost by scrolling.
    rangeExtractor: useCallback((range: Range) => {
      const shown = defaultRangeExtractor(range)
      return focused === undefined || focused >= size || shown.includes(focused)
        ? shown
        : [...shown, focused].sort((one, other) => one - other)
    }, [focused, size])
  })
  useEffect(() => virtual.measure(), [virtual, height])
  const items = virtual.getVirtualItems()
  const first = virtual.range?.startIndex ?? 0
  const last = virtual.range?.endIndex ?? 0
  useEffect(() => listing.need(first, last), [listing, first, last, size])

  const step = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (by === undefined || focused === undefined) return
    const next = focused + by
    if (next < 0 || next >= size) return
    event.preventDefault()
    const link = linkOf(list.current, next)
    link?.focus({ preventScroll: true })
    link?.scrollIntoView({ block: "nearest" })
  }
  return (
    <>
      <div
        role="table"
        aria-label="Deliveries"
        aria-rowcount={listing.end === "done" ? size + 1 : -1}
        className={styles["table"]}
      >
        <div role="rowgroup" className={styles["head"]}>
          <div role="row" className={styles["columns"]}>
            {columns.map((name) => <div key={name} role="columnheader">{name}</div>)}
          </div>
        </div>
        {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- the keys are those of the links in it */}
        <div
          ref={list}
          role="rowgroup"
          className={styles["rows"]}
          // The last row's line would lie on the table's own.
          style={{ height: Math.max(0, virtual.getTotalSize() - 1) }}
          onKeyDown={step}
          onFocus={({ target }) => {
            const index = target.closest<HTMLElement>("[data-index]")?.dataset["index"]
            if (index !== undefined) setFocused(Number(index))
          }}
          onBlur={() => setFocused(undefined)}
        >
          {items.map(({ index, start }) => (
            <DeliveryRow key={index} index={index} top={start - margin} delivery={listing.at(index)} />
          ))}
        </div>
      </div>
      <span className={styles["hidden"]} role="status">
        {listing.end === "done" ? counted(size, "delivery", "deliveries") : ""}
      </span>
    </>
  )
}
