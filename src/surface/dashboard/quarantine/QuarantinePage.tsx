import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query"
import { Link, useNavigate, useSearch } from "@tanstack/react-router"
import { useEffect, useState } from "react"
import { sentence } from "../api/ApiFailure.ts"
import type { QuarantineEntry } from "../api/Contract.ts"
import { useApi, useCan, useLiveState, useWorkspaceKey } from "../session/Session.tsx"
import { useLiveRefresh } from "../session/useLiveRefresh.ts"
import { Badge } from "../shared/Badge.tsx"
import { Button } from "../shared/Button.tsx"
import { Empty } from "../shared/Empty.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Field, Select } from "../shared/Field.tsx"
import { Newer } from "../shared/Newer.tsx"
import { bytes } from "../shared/Numbers.ts"
import { Card, Page } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Cell, Row, Table } from "../shared/Table.tsx"
import { Foreign } from "../shared/Text.tsx"
import { Time } from "../shared/Time.tsx"
import { BulkRelease } from "./BulkRelease.tsx"
import { EntryDrawer } from "./EntryDrawer.tsx"
import { newerThan } from "./Newest.ts"
import styles from "./QuarantinePage.module.css"
import { newestQuery, openKey, quarantineQuery } from "./Queries.ts"
import { reasonOf, reasons, typeOf } from "./Reasons.ts"

const columns = ["Why", "Type or subject", "When", "Size", "State"]

const EntryRow = ({ entry }: { readonly entry: QuarantineEntry }) => {
  const type = typeOf(entry.subject)
  return (
    <Row clickable>
      <Cell main label="Why">
        <Link
          to="/quarantine"
          search={(search) => ({ ...search, entry: entry.id })}
          className={styles["title"]}
          resetScroll={false}
        >
          {reasonOf(entry.reason).title}
        </Link>
        <p className={styles["message"]}>
          <Foreign>{sentence(entry.message)}</Foreign>
        </p>
      </Cell>
      <Cell label="Type or subject">
        <Foreign mono>{type ?? entry.subject}</Foreign>
      </Cell>
      <Cell label="When">
        <Time at={entry.quarantined_at} />
      </Cell>
      <Cell label="Size">{bytes(entry.size)}</Cell>
      <Cell label="State">
        {entry.released ? <Badge tone="good">Released</Badge> : <Badge tone="warn">Waits</Badge>}
      </Cell>
    </Row>
  )
}

/** What was published and is no event: why, what it was, and the way to make one of it. */
export const QuarantinePage = () => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const mayRelease = useCan("send")
  const { entry, reason } = useSearch({ from: "/quarantine" })
  const navigate = useNavigate({ from: "/quarantine" })
  const [bulk, setBulk] = useState(false)
  const query = useInfiniteQuery(quarantineQuery(api, workspace, reason))
  // The list is heavy, and stays as it was asked for; what is open is kept true.
  useLiveRefresh(openKey(workspace))
  const entries = query.data?.pages.flatMap(({ data }) => data)
  const queries = useQueryClient()
  // While it is broken, that is said already.
  const { status } = useLiveState()
  const newest = useQuery({ ...newestQuery(api, workspace, reason), enabled: entries !== undefined })
  const news = entries === undefined || newest.data === undefined ? undefined : newerThan(entries[0], newest.data)
  const awaited = entries?.length === 0 && news !== undefined && news.found > 0
  const { queryKey } = quarantineQuery(api, workspace, reason)
  const show = (): void => {
    window.scrollTo({ top: 0 })
    void queries.resetQueries({ queryKey })
  }
  const { refetch } = query
  const { dataUpdatedAt: lookedAt } = newest
  useEffect(() => {
    // With nothing on the screen, nothing is pushed away. Once for each look.
    if (awaited) void refetch()
  }, [awaited, lookedAt, refetch])
  const choose = (value: string): void =>
    void navigate({ search: (search) => ({ ...search, reason: value }), replace: true })

  return (
    <Page
      title="Quarantine"
      lead="Input that cannot be an event is kept here for 30 days as it came, with the reason. Nothing of it is delivered until it is released."
      actions={mayRelease && reason !== undefined && entries !== undefined && entries.length > 0 && (
        <Button onClick={() => setBulk(true)}>Release all with this reason</Button>
      )}
    >
      <div className={styles["filter"]}>
        <Field
          label="Reason"
          hint={mayRelease ? "Choose one to release all of its entries at once." : undefined}
        >
          {(described) => (
            <Select {...described} value={reason ?? ""} onChange={({ target }) => choose(target.value)}>
              <option value="">Every reason</option>
              {Object.entries(reasons).map(([name, { title }]) => <option key={name} value={name}>{title}</option>)}
              {reason !== undefined && !(reason in reasons) && <option value={reason}>{reason}</option>}
            </Select>
          )}
        </Field>
      </div>
      {query.error !== null && (
        <ErrorNotice
          title={entries === undefined
            ? "The quarantine could not be loaded."
            : "What you see may be old: the quarantine could not be loaded anew."}
          error={query.error}
          onRetry={() => void query.refetch()}
          retrying={query.isFetching}
        />
      )}
      {newest.error !== null && query.error === null && status !== "broken" && (
        <ErrorNotice
          title="What you see may be old: newer entries could not be looked for."
          error={newest.error}
          onRetry={() => void newest.refetch()}
          retrying={newest.isFetching}
        />
      )}
      <Newer
        found={entries?.length === 0 ? 0 : news?.found ?? 0}
        unsure={news?.unsure === true}
        nouns={["new entry", "new entries"]}
        onShow={show}
      />
      {entries === undefined
        ? query.error === null && (
          <Table caption="Quarantine, loading" columns={columns}>
            {[0, 1, 2].map((row) => (
              <Row key={row}>
                {columns.map((column) => (
                  <Cell key={column} label={column} main={column === "Why"}>
                    <Skeleton width={16} />
                  </Cell>
                ))}
              </Row>
            ))}
          </Table>
        )
        : entries.length === 0
        ? !query.hasNextPage && (
          <Card>
            <Empty
              title={reason === undefined ? "Nothing is in quarantine" : "Nothing with this reason"}
              action={reason !== undefined && <Button onClick={() => choose("")}>Show every reason</Button>}
            >
              <p>
                Whatever is published to NATS and is no event, such as one of an unknown type or with broken JSON,
                stands here with its reason. Over HTTP the publisher is told at once instead.
              </p>
            </Empty>
          </Card>
        )
        : (
          <Table caption="Quarantine" columns={columns}>
            {entries.map((entry) => <EntryRow key={entry.id} entry={entry} />)}
          </Table>
        )}
      {query.hasNextPage && (
        <div>
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {entries?.length === 0 ? "Look further back" : "Show older"}
          </Button>
        </div>
      )}
      {entry !== undefined && (
        <EntryDrawer
          id={entry}
          onClose={() =>
            void navigate({ search: (search) => ({ ...search, entry: "" }), replace: true, resetScroll: false })}
        />
      )}
      {bulk && reason !== undefined && <BulkRelease reason={reason} onClose={() => setBulk(false)} />}
    </Page>
  )
}
