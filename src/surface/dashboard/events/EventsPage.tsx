import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query"
import { useNavigate, useSearch } from "@tanstack/react-router"
import { type FormEvent, useCallback, useState } from "react"
import { useApi, useLiveState, useWorkspaceKey } from "../session/Session.tsx"
import { useLiveRefresh } from "../session/useLiveRefresh.ts"
import { Button } from "../shared/Button.tsx"
import { Empty } from "../shared/Empty.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { CodeInput, Field, Input, Select } from "../shared/Field.tsx"
import { fromLocal, toLocal } from "../shared/LocalTime.ts"
import { Newer } from "../shared/Newer.tsx"
import { Card, Page } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { eventTypesQuery } from "../webhooks/Queries.ts"
import { EventsList } from "./EventsList.tsx"
import styles from "./EventsPage.module.css"
import { eventsKey, eventsQuery, type Filter, freshKey, newerQuery } from "./Queries.ts"
import { newerThan } from "./Rows.ts"

/** By its id one event is found at once, however old it is. */
const FindById = () => {
  const navigate = useNavigate()
  const [id, setId] = useState("")
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (id.trim() !== "") void navigate({ to: "/events/$eventId", params: { eventId: id.trim() } })
  }
  return (
    <form className={styles["find"]} onSubmit={submit}>
      <Field label="Event id">
        {(described) => (
          <div className={styles["beside"]}>
            <CodeInput {...described} placeholder="evt_…" value={id} onChange={({ target }) => setId(target.value)} />
            <Button type="submit">Open</Button>
          </div>
        )}
      </Field>
    </form>
  )
}

const Filters = ({ filter, onChange }: { readonly filter: Filter; readonly onChange: (filter: Filter) => void }) => {
  const { data } = useQuery(eventTypesQuery(useApi()))
  const types = data?.data.map(({ type }) => type) ?? []
  const { type = "" } = filter
  const set = (change: { readonly [Key in keyof Filter]?: string | undefined }): void => {
    const { from, to, type } = { ...filter, ...change }
    onChange({ ...(type ? { type } : {}), ...(from ? { from } : {}), ...(to ? { to } : {}) })
  }
  return (
    <div className={styles["filters"]}>
      <Field label="Type">
        {(described) => (
          <Select {...described} value={type} onChange={({ target }) => set({ type: target.value })}>
            <option value="">Every type</option>
            {[...types, ...(type === "" || types.includes(type) ? [] : [type])].map((name) => (
              <option key={name} value={name}>{name}</option>
            ))}
          </Select>
        )}
      </Field>
      {(["from", "to"] as const).map((end) => (
        <Field key={end} label={end === "from" ? "Published from" : "Before"}>
          {(described) => (
            <Input
              {...described}
              type="datetime-local"
              value={toLocal(filter[end])}
              onChange={({ target }) => set({ [end]: fromLocal(target.value) })}
            />
          )}
        </Field>
      ))}
      <FindById />
    </div>
  )
}

const Events = ({ filter }: { readonly filter: Filter }) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const query = useInfiniteQuery(eventsQuery(api, workspace, filter))
  const pages = query.data?.pages
  const first = pages?.[0]?.data[0]
  const newer = useQuery({
    ...newerQuery(api, workspace, filter, first?.published_at),
    enabled: pages !== undefined && filter.to === undefined
  })
  useLiveRefresh(freshKey(workspace))
  const found = newer.data?.data ?? []
  // While it is broken, that is said already.
  const { status } = useLiveState()
  const { fetchNextPage, hasNextPage, isFetchingNextPage, isFetchNextPageError } = query
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage && !isFetchNextPageError) void fetchNextPage()
  }, [fetchNextPage, hasNextPage, isFetchingNextPage, isFetchNextPageError])
  const show = (): void => {
    window.scrollTo({ top: 0 })
    void queries.resetQueries({ queryKey: eventsKey(workspace, filter) })
  }
  const filtered = filter.type !== undefined || filter.from !== undefined || filter.to !== undefined
  return (
    <>
      {query.error !== null && (
        <ErrorNotice
          title={pages === undefined ? "The events could not be loaded." : "Older events could not be loaded."}
          error={query.error}
          onRetry={() => void (pages === undefined ? query.refetch() : fetchNextPage())}
          retrying={query.isFetching}
        />
      )}
      {newer.error !== null && query.error === null && status !== "broken" && (
        <ErrorNotice
          title="What you see may be old: newer events could not be looked for."
          error={newer.error}
          onRetry={() => void newer.refetch()}
          retrying={newer.isFetching}
        />
      )}
      <Newer
        found={newerThan(first, found)}
        nouns={["new event", "new events"]}
        unsure={newer.data !== undefined && newer.data.next !== null}
        onShow={show}
      />
      {pages === undefined
        ? query.error === null && (
          <Card>
            <div className={styles["loading"]}>
              {[0, 1, 2, 3, 4, 5].map((line) => <Skeleton key={line} width={56} />)}
            </div>
          </Card>
        )
        : first === undefined
        ? (
          <Card>
            <Empty title={filtered ? "No such events" : "Nothing was published yet"}>
              <p>
                {filtered
                  ? "Of this type and in this time nothing was published, or it is older than what is kept."
                  : "What services publish to this workspace stands here as it comes, and what became of it."}
              </p>
            </Empty>
          </Card>
        )
        : <EventsList key={first.sequence} filter={filter} pages={pages} onEnd={onEnd} />}
      {isFetchingNextPage && <p role="status" className={styles["soft"]}>Loading older events …</p>}
    </>
  )
}

/** What was published, the newest first, and what became of it. */
export const EventsPage = () => {
  const { from, to, type } = useSearch({ from: "/events" })
  const navigate = useNavigate({ from: "/events" })
  const filter: Filter = {
    ...(type === undefined ? {} : { type }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to })
  }
  return (
    <Page title="Events" lead="Everything that was published to this workspace, and what became of it.">
      <Filters
        filter={filter}
        onChange={(changed) =>
          void navigate({
            search: changed,
            replace: true,
            resetScroll: false
          })}
      />
      <Events key={[type, from, to].join(" ")} filter={filter} />
    </Page>
  )
}
