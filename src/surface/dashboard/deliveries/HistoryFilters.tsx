import { useQuery } from "@tanstack/react-query"
import { useNavigate } from "@tanstack/react-router"
import { useEffect, useState } from "react"
import { useApi } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { after } from "../shared/Clock.ts"
import { CodeInput, Field, Input, Select } from "../shared/Field.tsx"
import { fromLocal, toLocal, zone } from "../shared/LocalTime.ts"
import { eventTypesQuery } from "../webhooks/Queries.ts"
import { type Filters, isEventId, isFiltered, type Status, statuses } from "./Filters.ts"
import styles from "./HistoryFilters.module.css"
import { statusLooks } from "./Words.ts"

/** Milliseconds without a key pressed, after which it is looked for. */
const pause = 400

const EventId = ({ onChange, value }: {
  readonly value: string
  readonly onChange: (value: string | undefined) => void
}) => {
  const [typed, setTyped] = useState(value)
  // Somebody went back, or cleared the filters.
  useEffect(() => setTyped(value), [value])
  const wanted = typed.trim()
  const wrong = wanted !== "" && !isEventId(wanted)
  useEffect(
    () => wrong || wanted === value ? undefined : after(pause, () => onChange(wanted === "" ? undefined : wanted)),
    [wanted, value, wrong, onChange]
  )
  return (
    <Field
      label="Event id"
      error={wrong ? "An id has letters, digits, _ and - only, at most 64." : undefined}
    >
      {(described) => (
        <CodeInput
          {...described}
          value={typed}
          placeholder="evt_…"
          onChange={({ target }) => setTyped(target.value)}
        />
      )}
    </Field>
  )
}

const Moment = ({ label, onChange, value }: {
  readonly label: string
  readonly value: string | undefined
  readonly onChange: (value: string | undefined) => void
}) => (
  <Field label={label}>
    {(described) => (
      <Input
        {...described}
        type="datetime-local"
        title={`In your time zone, ${zone()}`}
        value={toLocal(value)}
        onChange={({ target }) => onChange(fromLocal(target.value))}
      />
    )}
  </Field>
)

/** What of the history is shown; it stands in the address, so that it can be linked and gone back to. */
export const HistoryFilters = ({ filters }: { readonly filters: Filters }) => {
  const api = useApi()
  const navigate = useNavigate({ from: "/webhooks/$webhookId" })
  const { data } = useQuery(eventTypesQuery(api))
  const [set] = useState(() => (change: { readonly [Name in keyof Filters]?: Filters[Name] | undefined }): void => {
    void navigate({
      search: (before) => {
        const after: Record<string, unknown> = { ...before, ...change }
        return Object.fromEntries(Object.entries(after).filter(([, value]) => value !== undefined))
      },
      replace: true,
      resetScroll: false
    })
  })
  const [setEvent] = useState(() => (event: string | undefined): void => set({ event }))
  const types = data?.data.map(({ type }) => type) ?? []
  const all = filters.type === undefined || types.includes(filters.type) ? types : [filters.type, ...types]
  return (
    <search className={styles["filters"]} aria-label="Filter the deliveries">
      <Field label="Status">
        {(described) => (
          <Select
            {...described}
            value={filters.status ?? ""}
            onChange={({ target }) => set({ status: target.value === "" ? undefined : target.value as Status })}
          >
            <option value="">Any</option>
            {statuses.map((status) => <option key={status} value={status}>{statusLooks[status][0]}</option>)}
          </Select>
        )}
      </Field>
      <Field label="Event type">
        {(described) => (
          <Select
            {...described}
            value={filters.type ?? ""}
            onChange={({ target }) => set({ type: target.value === "" ? undefined : target.value })}
          >
            <option value="">Any</option>
            {all.map((type) => <option key={type} value={type}>{type}</option>)}
          </Select>
        )}
      </Field>
      <EventId value={filters.event ?? ""} onChange={setEvent} />
      <Moment label="Published from" value={filters.from} onChange={(from) => set({ from })} />
      <Moment label="Until" value={filters.to} onChange={(to) => set({ to })} />
      {isFiltered(filters) && (
        <Button
          kind="quiet"
          className={styles["clear"]}
          onClick={() => set({ status: undefined, type: undefined, event: undefined, from: undefined, to: undefined })}
        >
          Clear
        </Button>
      )}
    </search>
  )
}
