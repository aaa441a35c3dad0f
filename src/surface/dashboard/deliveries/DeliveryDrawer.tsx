import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useNavigate } from "@tanstack/react-router"
import { useCallback, useEffect, useRef, useState } from "react"
import type { Answer, Attempt } from "../api/Contract.ts"
import type { Batch } from "../api/Live.ts"
import { useApi, useCan, useHeaderNames, useLive, useWorkspaceKey } from "../session/Session.tsx"
import { useSecondLook } from "../session/useSecondLook.ts"
import { Button } from "../shared/Button.tsx"
import { after } from "../shared/Clock.ts"
import { Copy } from "../shared/Copy.tsx"
import { Drawer } from "../shared/Dialog.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { latency } from "../shared/Numbers.ts"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign } from "../shared/Text.tsx"
import { Time } from "../shared/Time.tsx"
import { moment } from "../shared/Times.ts"
import { webhookQuery } from "../webhooks/Queries.ts"
import { AttemptBadge, AttemptDetail } from "./AttemptDetail.tsx"
import { curl } from "./Curl.ts"
import styles from "./DeliveryDrawer.module.css"
import { DeliveryStatus } from "./DeliveryStatus.tsx"
import { patchedDetail } from "./Patches.ts"
import { Payload } from "./Payload.tsx"
import { deliveryKey, deliveryQuery } from "./Queries.ts"
import { useRetry } from "./useRetry.ts"
import { failReason, heldReason } from "./Words.ts"

type Detail = Answer<"deliveries.show">

/** Milliseconds after something was told of it, when the delivery itself is asked: the stream cuts responses. */
const lookAgain = 1000

const Exactly = ({ at }: { readonly at: string }) => (
  <>
    <Time at={at} /> ({moment(Date.parse(at))})
  </>
)

/** What comes next, or why nothing does. */
const Outlook = ({ delivery, gone }: { readonly delivery: Detail; readonly gone: boolean }) => {
  switch (delivery.status) {
    case "succeeded":
      return <>Delivered. Nothing more is sent.</>
    case "retrying":
      return delivery.next_attempt_at === null
        ? <>An attempt is under way, or comes next.</>
        : (
          <>
            Next attempt: <Exactly at={delivery.next_attempt_at} />.
          </>
        )
    case "held":
      return (
        <>
          Held: {heldReason(delivery.held_reason)}. That uses up no attempt.
          {delivery.held_since !== null && (
            <>
              Since <Exactly at={delivery.held_since} />.
            </>
          )}
        </>
      )
    case "failed":
      return <>{failReason(delivery.fail_reason)}{gone ? "" : " It can be retried by hand."}</>
    case "suppressed":
      return <>It came due while the webhook was disabled, and was not sent.</>
    case "cancelled":
      return <>It waited when its webhook was deleted.</>
  }
}

const OneAttempt = ({ attempt, first, open }: {
  readonly attempt: Attempt
  /** The first of its round, which is not the delivery's first. */
  readonly first: boolean
  readonly open: boolean
}) => {
  // Opened by hand or not, it stays as it is while others come.
  const [initially] = useState(open)
  return (
    <li className={styles["attempt"]}>
      <details open={initially}>
        <summary>
          <span className={styles["number"]}>#{attempt.attempt}</span>
          <AttemptBadge attempt={attempt} />
          <span>{latency(attempt.latency_ms)}</span>
          <span className={styles["when"]}>{moment(Date.parse(attempt.started_at))}</span>
        </summary>
        <div className={styles["inside"]}>
          {first && (
            <p className={styles["soft"]}>The first after a retry by hand: from here the schedule began anew.</p>
          )}
          <AttemptDetail attempt={attempt} />
          {attempt.next_attempt_at !== null && (
            <p className={styles["soft"]}>It made the next one due {moment(Date.parse(attempt.next_attempt_at))}.</p>
          )}
        </div>
      </details>
    </li>
  )
}

const Attempts = ({ delivery }: { readonly delivery: Detail }) => {
  const list = delivery.attempt_list.toReversed()
  const left = delivery.attempts - list.length
  if (list.length === 0) return <p className={styles["soft"]}>No request has been made so far.</p>
  return (
    <>
      <ol reversed className={styles["attempts"]}>
        {list.map((attempt, index) => (
          <OneAttempt
            key={attempt.attempt}
            attempt={attempt}
            open={index === 0}
            first={attempt.round > 1 && list[index + 1]?.round !== attempt.round}
          />
        ))}
      </ol>
      {left > 0 && (
        <p className={styles["soft"]}>Of the {delivery.attempts} attempts, the last {list.length} are shown.</p>
      )}
    </>
  )
}

const Actions = ({ delivery, gone, webhook }: {
  readonly delivery: Detail
  readonly webhook: Answer<"webhooks.show"> | undefined
  /** Its webhook was deleted. */
  readonly gone: boolean
}) => {
  const maySend = useCan("send")
  const names = useHeaderNames()
  const { ask, busy, refused, said } = useRetry(delivery.id)
  const [attempts, setAttempts] = useState<number>()
  const retry = (): void => {
    setAttempts(delivery.attempts)
    ask()
  }
  return (
    <div>
      <div className={styles["actions"]}>
        {maySend && !gone && <Button kind="primary" small busy={busy} onClick={retry}>Retry now</Button>}
        {delivery.body !== null && webhook !== undefined && (
          <Copy
            label="Copy as curl"
            text={curl({
              url: webhook.url,
              eventId: delivery.event_id,
              body: delivery.body,
              ownHeaders: Object.keys(webhook.headers),
              names
            })}
          />
        )}
      </div>
      <p aria-live="polite" className={refused ? styles["refused"] : styles["said"]}>
        {/* Once its attempt is there, that says more. */}
        {gone
          ? "Its webhook was deleted: it cannot be retried."
          : refused || attempts === delivery.attempts
          ? said
          : ""}
      </p>
    </div>
  )
}

const Body = ({ delivery }: { readonly delivery: Detail }) => {
  const { data: webhook } = useQuery(webhookQuery(useApi(), useWorkspaceKey(), delivery.webhook_id))
  const gone = webhook === null
  return (
    <>
      <div className={styles["summary"]}>
        <div aria-live="polite" className={styles["fate"]}>
          <DeliveryStatus status={delivery.status} />
          <p>
            <Outlook delivery={delivery} gone={gone} />
          </p>
        </div>
        <Actions delivery={delivery} webhook={webhook ?? undefined} gone={gone} />
        <dl className={styles["facts"]}>
          <dt>Event</dt>
          <dd>
            <Foreign mono>{delivery.event_id}</Foreign>
          </dd>
          <dt>Delivery</dt>
          <dd>
            <Foreign mono>{delivery.id}</Foreign>
          </dd>
          <dt>Published</dt>
          <dd>
            <Exactly at={delivery.published_at} />
          </dd>
        </dl>
      </div>
      <section aria-label="Attempts" className={styles["part"]}>
        <h3>Attempts</h3>
        <Attempts delivery={delivery} />
      </section>
      <section aria-label="Payload" className={styles["part"]}>
        <h3>Payload</h3>
        {delivery.body === null
          ? <p className={styles["soft"]}>The event is no longer kept, and its payload with it.</p>
          : <Payload body={delivery.body} />}
      </section>
    </>
  )
}

/** Keeps an open delivery true: at once by what the stream says, and a moment later by the delivery itself. */
const useLiveDelivery = (id: string): void => {
  const queries = useQueryClient()
  const workspace = useWorkspaceKey()
  const waiting = useRef<() => void>(undefined)
  useEffect(() => () => {
    waiting.current?.()
    waiting.current = undefined
  }, [id])
  useLive(useCallback(({ events, missed }: Batch) => {
    const key = deliveryKey(workspace, id)
    const own = events.filter((event) => event.type !== "test" && event.delivery.id === id)
    if (own.length === 0 && !missed) return
    queries.setQueryData<Detail>(key, (shown) => shown && own.reduce(patchedDetail, shown))
    waiting.current ??= after(lookAgain, () => {
      waiting.current = undefined
      void queries.invalidateQueries({ queryKey: key })
    })
  }, [queries, workspace, id]))
}

/** One delivery: what became of it, every attempt, and what was sent. It stands in the address. */
export const DeliveryDrawer = ({ deliveryId }: { readonly deliveryId: string }) => {
  const navigate = useNavigate({ from: "/webhooks/$webhookId" })
  const { data: delivery, error, isFetching, refetch } = useQuery(
    deliveryQuery(useApi(), useWorkspaceKey(), deliveryId)
  )
  useLiveDelivery(deliveryId)
  useSecondLook(deliveryKey(useWorkspaceKey(), deliveryId))
  const close = (): void =>
    void navigate({
      search: (search) => Object.fromEntries(Object.entries(search).filter(([name]) => name !== "delivery")),
      resetScroll: false
    })
  return (
    <Drawer open onOpenChange={(open) => open || close()} title={delivery?.event_type ?? "Delivery"}>
      {error !== null && (
        <ErrorNotice
          title={delivery === undefined
            ? "The delivery could not be loaded."
            : "What you see may be old: the delivery could not be loaded anew."}
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
      {delivery === undefined
        ? error === null && (
          <div className={styles["part"]}>
            <Skeleton width={24} />
            <Skeleton width={48} />
            <Skeleton width={40} />
          </div>
        )
        : <Body delivery={delivery} />}
    </Drawer>
  )
}
