import { useMutation, useQuery } from "@tanstack/react-query"
import { useState } from "react"
import type { EventType, Webhook } from "../api/Contract.ts"
import { sessionEnded } from "../api/Queries.ts"
import { useApi } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { Dialog } from "../shared/Dialog.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Field, Select, TextArea } from "../shared/Field.tsx"
import { latency } from "../shared/Numbers.ts"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign, ForeignUrl } from "../shared/Text.tsx"
import { eventTypesQuery } from "../webhooks/Queries.ts"
import { AttemptBadge, AttemptDetail } from "./AttemptDetail.tsx"
import { flawOf } from "./JsonText.ts"
import styles from "./TestEvent.module.css"

const exampleOf = (type: EventType): string => JSON.stringify(type.example ?? {}, undefined, 2)

/** The first that the webhook subscribes to. */
const firstOf = (types: ReadonlyArray<EventType>, webhook: Webhook): EventType | undefined =>
  types.find(({ reserved, type }) =>
    webhook.events.some((wanted) =>
      wanted === type ||
      (wanted === "*" ? reserved !== true : wanted.endsWith(".*") && type.startsWith(wanted.slice(0, -1)))
    )
  ) ?? types[0]

const intoView = (element: HTMLElement | null): void => element?.scrollIntoView({ block: "nearest" })

const Form = ({ onClose, types, webhook }: {
  readonly webhook: Webhook
  readonly types: ReadonlyArray<EventType>
  readonly onClose: () => void
}) => {
  const api = useApi()
  const [type, setType] = useState(() => firstOf(types, webhook)?.type ?? "")
  const chosen = types.find((each) => each.type === type)
  const [typed, setTyped] = useState<string>()
  const text = typed ?? (chosen === undefined ? "{}" : exampleOf(chosen))
  const flaw = flawOf(text)
  const test = useMutation({
    // As it was typed: a number of many digits keeps them all.
    mutationFn: () =>
      api("webhooks.test", { path: { id: webhook.id }, text: `{"event":${JSON.stringify(type)},"data":${text}}` }),
    onError: (error) => sessionEnded(error)
  })
  const send = (): void => {
    if (flaw === undefined) test.mutate()
  }
  return (
    <Dialog
      open
      wide
      onOpenChange={(open) => open || onClose()}
      title="Send a test event"
      description={
        <>
          One signed request to{" "}
          <ForeignUrl mono>{webhook.url}</ForeignUrl>, now. It is marked as a test, not retried, and in no history.
        </>
      }
      footer={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button kind="primary" disabled={flaw !== undefined} busy={test.isPending} onClick={send}>
            {test.isIdle ? "Send" : test.isPending ? "Waiting for the answer…" : "Send again"}
          </Button>
        </>
      }
    >
      <Field label="Event type" hint={chosen?.description}>
        {(described) => (
          <Select
            {...described}
            value={type}
            onChange={({ target }) => {
              setType(target.value)
              setTyped(undefined)
            }}
          >
            {types.map((each) => <option key={each.type} value={each.type}>{each.type}</option>)}
          </Select>
        )}
      </Field>
      <Field
        label="Payload"
        hint="The event's data. It begins as the catalogue's example; change what you like."
        error={flaw === undefined ? undefined : `Line ${flaw.line}, column ${flaw.column}: ${flaw.message}`}
      >
        {(described) => (
          <TextArea
            {...described}
            className={styles["payload"]}
            rows={Math.min(14, Math.max(5, text.split("\n").length))}
            spellCheck={false}
            autoCapitalize="none"
            autoCorrect="off"
            value={text}
            onChange={({ target }) => setTyped(target.value)}
          />
        )}
      </Field>
      <div aria-live="polite" className={styles["result"]}>
        {test.error !== null && <ErrorNotice title="Nothing was sent." error={test.error} />}
        {test.data !== undefined && (
          <section
            // Each result anew: on a phone it would else stay below what was typed.
            key={test.data.id}
            ref={intoView}
            aria-label="Result"
            className={styles["answer"]}
          >
            <h3 className={styles["head"]}>
              <AttemptBadge attempt={test.data.attempt} />
              {test.data.attempt.class === "success" ? "The endpoint accepted it" : "The endpoint did not accept it"}
              <span className={styles["soft"]}>{latency(test.data.attempt.latency_ms)}</span>
            </h3>
            <AttemptDetail attempt={test.data.attempt} />
            <p className={styles["soft"]}>
              Event <Foreign mono>{test.data.id}</Foreign>
              {!test.data.recorded &&
                ". The record of this test could not be stored; the request was made all the same."}
            </p>
          </section>
        )}
      </div>
    </Dialog>
  )
}

/** Tries an endpoint out, and shows at once what it answers. */
export const TestEvent = ({ onClose, webhook }: { readonly webhook: Webhook; readonly onClose: () => void }) => {
  const { data, error, isFetching, refetch } = useQuery(eventTypesQuery(useApi()))
  if (data !== undefined) return <Form webhook={webhook} types={data.data} onClose={onClose} />
  return (
    <Dialog open wide onOpenChange={(open) => open || onClose()} title="Send a test event">
      {error === null
        ? <Skeleton width={32} />
        : (
          <ErrorNotice
            title="The event types could not be loaded."
            error={error}
            onRetry={() => void refetch()}
            retrying={isFetching}
          />
        )}
    </Dialog>
  )
}
