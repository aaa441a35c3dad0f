import { useQuery } from "@tanstack/react-query"
import { useId } from "react"
import type { EventType } from "../api/Contract.ts"
import { useApi } from "../session/Session.tsx"
import { Disclosure } from "../shared/Disclosure.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Check } from "../shared/Field.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign } from "../shared/Text.tsx"
import styles from "./EventChoice.module.css"
import { eventTypesQuery } from "./Queries.ts"

interface Group {
  readonly entity: string
  readonly types: ReadonlyArray<EventType>
  readonly reserved: boolean
}

/** In the catalogue's order, hookline's own last. */
const grouped = (types: ReadonlyArray<EventType>): ReadonlyArray<Group> => {
  const groups = new Map<string, Array<EventType>>()
  for (const type of types) {
    const entity = type.type.split(".")[0] ?? type.type
    groups.set(entity, [...groups.get(entity) ?? [], type])
  }
  const all = [...groups].map(([entity, types]) => ({ entity, types, reserved: types[0]?.reserved === true }))
  return [...all.filter(({ reserved }) => !reserved), ...all.filter(({ reserved }) => reserved)]
}

interface ChoiceProps {
  readonly value: ReadonlyArray<string>
  readonly onChange: (events: ReadonlyArray<string>) => void
}

const toggle = (value: ReadonlyArray<string>, event: string, on: boolean): ReadonlyArray<string> =>
  on ? [...value, event] : value.filter((other) => other !== event)

const GroupChoice = ({ group, onChange, value }: ChoiceProps & { readonly group: Group }) => {
  const all = `${group.entity}.*`
  const hasAll = value.includes(all)
  const chooseAll = (on: boolean): void => {
    const others = value.filter((event) => !event.startsWith(`${group.entity}.`))
    onChange(on ? [...others, all] : others)
  }
  return (
    <fieldset className={styles["group"]}>
      <legend className={styles["legend"]}>{group.entity}</legend>
      <Check
        label={
          <>
            All {group.entity} events <code>{all}</code>
          </>
        }
        hint="Those that are added to the catalogue later, too."
        checked={hasAll}
        onChange={(event) => chooseAll(event.target.checked)}
      />
      {group.types.map(({ description, type }) => (
        <Check
          key={type}
          label={<Foreign mono>{type}</Foreign>}
          hint={<Foreign>{description}</Foreign>}
          disabled={hasAll}
          checked={hasAll || value.includes(type)}
          onChange={(event) => onChange(toggle(value, type, event.target.checked))}
        />
      ))}
    </fieldset>
  )
}

/** What a webhook subscribes to, as the API takes it: exact types, families (`project.*`), or `*`. */
export const EventChoice = ({ error, onChange, value }: ChoiceProps & { readonly error: string | undefined }) => {
  const { data, error: failure, isFetching, refetch } = useQuery(eventTypesQuery(useApi()))
  const id = useId()
  const groups = data === undefined ? [] : grouped(data.data)
  const own = new Set(groups.filter(({ reserved }) => reserved).map(({ entity }) => entity))
  const isOwn = (event: string): boolean => own.has(event.split(".")[0] ?? "")
  const every = value.includes("*")
  const chooseEvery = (on: boolean): void => onChange([...(on ? ["*"] : []), ...value.filter(isOwn)])

  return (
    <fieldset
      className={styles["choice"]}
      aria-invalid={error === undefined ? undefined : true}
      aria-describedby={`${id}-said`}
    >
      <legend className={styles["title"]}>Events</legend>
      <div id={`${id}-said`} aria-live="polite" className={styles["said"]}>{error}</div>
      <div className={styles["kinds"]}>
        <Check
          type="radio"
          name={id}
          label="Every event"
          hint="Of all types, those that are added later too."
          checked={every}
          onChange={() => chooseEvery(true)}
        />
        <Check
          type="radio"
          name={id}
          label="Only those chosen here"
          checked={!every}
          onChange={() => chooseEvery(false)}
        />
      </div>
      {failure !== null && (
        <ErrorNotice
          title="The event types could not be loaded."
          error={failure}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
      {data === undefined && failure === null && (
        <div className={styles["groups"]}>
          {[0, 1, 2, 3].map((group) => (
            <div key={group} className={styles["group"]}>
              {[0, 1, 2, 3, 4].map((line) => <Skeleton key={line} width={28} />)}
            </div>
          ))}
        </div>
      )}
      {!every && (
        <div className={styles["groups"]}>
          {groups.filter(({ reserved }) => !reserved).map((group) => (
            <GroupChoice key={group.entity} group={group} value={value} onChange={onChange} />
          ))}
        </div>
      )}
      {own.size > 0 && (
        <Disclosure name="Events about the webhooks themselves" needed={value.some(isOwn)}>
          <p className={styles["hint"]}>
            They are in no “every event”: choose them if this endpoint is to watch the others.
          </p>
          <div className={styles["groups"]}>
            {groups.filter(({ reserved }) => reserved).map((group) => (
              <GroupChoice key={group.entity} group={group} value={value} onChange={onChange} />
            ))}
          </div>
        </Disclosure>
      )}
    </fieldset>
  )
}
