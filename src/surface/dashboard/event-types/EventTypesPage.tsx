import { useQuery } from "@tanstack/react-query"
import { useNavigate, useSearch } from "@tanstack/react-router"
import type { EventType } from "../api/Contract.ts"
import { useApi } from "../session/Session.tsx"
import { Badge } from "../shared/Badge.tsx"
import { Button } from "../shared/Button.tsx"
import { Code } from "../shared/Code.tsx"
import { Empty } from "../shared/Empty.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Input } from "../shared/Field.tsx"
import { count, counted } from "../shared/Numbers.ts"
import { Card, Page, Section } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign } from "../shared/Text.tsx"
import { eventTypesQuery } from "../webhooks/Queries.ts"
import styles from "./EventTypesPage.module.css"
import { type Group, groupsOf } from "./Groups.ts"

const written = (value: unknown): string => JSON.stringify(value, undefined, 2) ?? ""

const TypeEntry = ({ type }: { readonly type: EventType }) => (
  <details className={styles["type"]}>
    <summary className={styles["summary"]}>
      <span className={styles["name"]}>
        <Foreign mono>{type.type}</Foreign>
      </span>
      <span className={styles["description"]}>
        <Foreign>{type.description}</Foreign>
      </span>
    </summary>
    <div className={styles["more"]}>
      <Code label={`Example of the data of ${type.type}`} text={written(type.example)} />
      {type.schema === undefined
        ? <p className={styles["soft"]}>No schema: any object is taken as its data.</p>
        : <Code label={`JSON Schema of the data of ${type.type}`} text={written(type.schema)} />}
    </div>
  </details>
)

const GroupEntry = ({ group }: { readonly group: Group }) => {
  const own = group.types[0]?.reserved === true
  return (
    <Section
      title={`${group.entity.charAt(0).toUpperCase()}${group.entity.slice(1)}`}
      lead={
        <>
          A webhook takes all of them with <code>{group.entity}.*</code>
          {own && "; they tell of webhooks and deliveries themselves, and “every event” does not include them"}.
        </>
      }
      actions={own && <Badge>About webhooks</Badge>}
    >
      <Card>
        {group.types.map((type) => <TypeEntry key={type.type} type={type} />)}
      </Card>
    </Section>
  )
}

/** The catalogue: what can be published, and what a webhook can subscribe to. */
export const EventTypesPage = () => {
  const { find = "" } = useSearch({ from: "/event-types" })
  const navigate = useNavigate({ from: "/event-types" })
  const { data, error, isFetching, refetch } = useQuery(eventTypesQuery(useApi()))
  const groups = data === undefined ? [] : groupsOf(data.data, find)
  const found = groups.reduce((sum, { types }) => sum + types.length, 0)
  const look = (text: string): void => void navigate({ search: (search) => ({ ...search, find: text }), replace: true })

  return (
    <Page
      title="Event types"
      lead="Everything that can be published here, with an example of each. A webhook chooses among them."
    >
      {error !== null && (
        <ErrorNotice
          title="The event types could not be loaded."
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
      <div className={styles["find"]}>
        <Input
          type="search"
          aria-label="Find an event type"
          placeholder="Find by name or description"
          value={find}
          onChange={({ target }) => look(target.value)}
        />
        <span role="status" className={styles["soft"]}>
          {data !== undefined &&
            (find === ""
              ? counted(data.data.length, "type")
              : `${count(found)} of ${counted(data.data.length, "type")}`)}
        </span>
      </div>
      {data === undefined && error === null && (
        <Card>
          <div className={styles["more"]}>
            {[0, 1, 2, 3, 4, 5].map((line) => <Skeleton key={line} width={48} />)}
          </div>
        </Card>
      )}
      {groups.map((group) => <GroupEntry key={group.entity} group={group} />)}
      {data !== undefined && found === 0 && (
        <Card>
          <Empty title="No such type" action={<Button onClick={() => look("")}>Show all</Button>}>
            <p>Nothing in the catalogue has these words in its name or description.</p>
          </Empty>
        </Card>
      )}
    </Page>
  )
}
