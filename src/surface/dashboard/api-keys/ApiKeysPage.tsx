import { useInfiniteQuery } from "@tanstack/react-query"
import { useState } from "react"
import type { ApiKey } from "../api/Contract.ts"
import { useApi, useCan, useSession, useWorkspaceKey } from "../session/Session.tsx"
import { Badge } from "../shared/Badge.tsx"
import { Button } from "../shared/Button.tsx"
import { Empty } from "../shared/Empty.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Card, Page } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Cell, Row, Table } from "../shared/Table.tsx"
import { Foreign } from "../shared/Text.tsx"
import { Time } from "../shared/Time.tsx"
import { useNow } from "../shared/useNow.ts"
import { SecretOnce } from "../webhooks/SecretOnce.tsx"
import styles from "./ApiKeysPage.module.css"
import { CreateApiKey, type CreatedKey } from "./CreateApiKey.tsx"
import { apiKeysQuery } from "./Queries.ts"
import { RevokeApiKey } from "./RevokeApiKey.tsx"

const columns = ["Key", "Role", "Created", "Last used", "Action"]

const KeyRow = ({ apiKey, onRevoke }: { readonly apiKey: ApiKey; readonly onRevoke: () => void }) => {
  const now = useNow()
  const { expires_at: expiresAt } = apiKey
  return (
    <Row>
      <Cell main label="Key">
        <span className={styles["name"]}>
          <Foreign>{apiKey.name}</Foreign>
        </span>
        <span className={styles["soft"]}>
          <code>hk_{apiKey.id}_…</code>
        </span>
      </Cell>
      <Cell label="Role">
        <span className={styles["role"]}>
          <span className={styles["short"]}>{apiKey.role}</span>
          {expiresAt !== null && (
            Date.parse(expiresAt) <= now
              ? <Badge tone="bad">Expired</Badge>
              : (
                <span className={styles["soft"]}>
                  expires <Time at={expiresAt} />
                </span>
              )
          )}
        </span>
      </Cell>
      <Cell label="Created">
        <span className={styles["short"]}>
          <Time at={apiKey.created_at} />
        </span>
      </Cell>
      <Cell label="Last used">
        {apiKey.last_used_at === null
          ? <span className={styles["soft"]}>Never</span>
          : (
            <span className={styles["short"]}>
              <Time at={apiKey.last_used_at} />
            </span>
          )}
      </Cell>
      <Cell label="Action">
        <Button small aria-label={`Revoke ${apiKey.name}`} onClick={onRevoke}>Revoke</Button>
      </Cell>
    </Row>
  )
}

const Keys = () => {
  const api = useApi()
  const { workspaceId } = useSession()
  const workspace = useWorkspaceKey()
  const [adding, setAdding] = useState(false)
  const [created, setCreated] = useState<CreatedKey>()
  const [revoking, setRevoking] = useState<ApiKey>()
  const query = useInfiniteQuery(apiKeysQuery(api, workspace))
  const keys = query.data?.pages.flatMap(({ data }) => data)
  const add = <Button kind="primary" onClick={() => setAdding(true)}>Create API key</Button>

  return (
    <Page
      title="API keys"
      lead={
        <>
          Programs sign in with them. Each is good for {workspaceId === null ? "its workspace" : (
            <>
              the workspace <Foreign mono>{workspaceId}</Foreign>
            </>
          )} alone.
        </>
      }
      actions={keys === undefined || keys.length === 0 ? undefined : add}
    >
      {query.error !== null && (
        <ErrorNotice
          title={keys === undefined ? "The API keys could not be loaded." : "Not all API keys could be loaded anew."}
          error={query.error}
          onRetry={() => void query.refetch()}
          retrying={query.isFetching}
        />
      )}
      {keys === undefined
        ? query.error === null && (
          <Table caption="API keys, loading" columns={columns}>
            {[0, 1, 2].map((row) => (
              <Row key={row}>
                {columns.map((column) => (
                  <Cell key={column} label={column} main={column === "Key"}>
                    <Skeleton width={16} />
                  </Cell>
                ))}
              </Row>
            ))}
          </Table>
        )
        : keys.length === 0
        ? (
          <Card>
            <Empty title="No API keys yet" action={add}>
              <p>A service that publishes events, or a program that reads their history, needs one.</p>
            </Empty>
          </Card>
        )
        : (
          <Table caption="API keys" columns={columns}>
            {keys.map((apiKey) => <KeyRow key={apiKey.id} apiKey={apiKey} onRevoke={() => setRevoking(apiKey)} />)}
          </Table>
        )}
      {query.hasNextPage && (
        <div>
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Show more</Button>
        </div>
      )}
      {adding && (
        <CreateApiKey
          onClose={() => setAdding(false)}
          onCreated={(key) => {
            setAdding(false)
            setCreated(key)
          }}
        />
      )}
      {created !== undefined && (
        <SecretOnce
          title="The new API key"
          description="Store it now: it is shown this once, and cannot be read again. Send it as “Authorization: Bearer …”."
          secret={created.key}
          onStored={() => setCreated(undefined)}
        />
      )}
      {revoking !== undefined && <RevokeApiKey apiKey={revoking} onClose={() => setRevoking(undefined)} />}
    </Page>
  )
}

/** Who may do what over the API. */
export const ApiKeysPage = () =>
  useCan("keys") ? <Keys /> : (
    <Page title="API keys">
      <Card>
        <Empty title="Not with these rights">
          <p>Whoever looks at API keys and makes them needs a key with the role “manage”. Sign in with one.</p>
        </Empty>
      </Card>
    </Page>
  )
