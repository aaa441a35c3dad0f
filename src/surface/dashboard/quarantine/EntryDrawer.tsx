import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { failureFrom, sentence } from "../api/ApiFailure.ts"
import type { QuarantineEntry } from "../api/Contract.ts"
import { Payload } from "../deliveries/Payload.tsx"
import { useApi, useCan, useWorkspaceKey } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { Code } from "../shared/Code.tsx"
import { Drawer } from "../shared/Dialog.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Notice } from "../shared/Notice.tsx"
import { bytes } from "../shared/Numbers.ts"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign } from "../shared/Text.tsx"
import { moment } from "../shared/Times.ts"
import { hexDump } from "./Hex.ts"
import styles from "./QuarantinePage.module.css"
import { entryQuery, quarantineKey } from "./Queries.ts"
import { reasonOf } from "./Reasons.ts"

/** Of input that is no text, the bytes that are shown; all of it is copied. */
const shownBytes = 4096

const Input = ({ entry }: { readonly entry: QuarantineEntry }) => {
  if (entry.size === 0) return <p className={styles["soft"]}>The input is empty.</p>
  return entry.encoding === "utf8"
    ? (
      <div>
        <h3>Input, {bytes(entry.size)}</h3>
        <Payload body={entry.raw} />
      </div>
    )
    : (
      <Code
        label={`Input, ${bytes(entry.size)}, no UTF-8: in hex; copied as base64`}
        text={entry.raw}
        shown={hexDump(entry.raw, shownBytes)}
      />
    )
}

const Facts = ({ entry }: { readonly entry: QuarantineEntry }) => {
  const reason = reasonOf(entry.reason)
  return (
    <>
      <Notice tone={entry.released ? "good" : "warn"}>
        <strong>{reason.title}</strong>
        <p>
          <Foreign>{sentence(entry.message)}</Foreign>
        </p>
        <p>{entry.released ? "It was released since, and is an event now." : reason.mend}</p>
      </Notice>
      <dl className={styles["facts"]}>
        <dt>Subject</dt>
        <dd>
          <Foreign mono>{entry.subject}</Foreign>
        </dd>
        <dt>Published</dt>
        <dd>{moment(Date.parse(entry.published_at))}</dd>
        <dt>Quarantined</dt>
        <dd>{moment(Date.parse(entry.quarantined_at))}</dd>
        {entry.event_id !== null && (
          <>
            <dt>Event id</dt>
            <dd>
              {entry.released
                ? (
                  <Link to="/events/$eventId" params={{ eventId: entry.event_id }}>
                    <Foreign mono>{entry.event_id}</Foreign>
                  </Link>
                )
                : <Foreign mono>{entry.event_id}</Foreign>}
            </dd>
          </>
        )}
        <dt>Entry</dt>
        <dd>
          <Foreign mono>{entry.id}</Foreign>
        </dd>
      </dl>
      <Input entry={entry} />
    </>
  )
}

/** One entry: what came, to the byte, and its release. */
export const EntryDrawer = ({ id, onClose }: { readonly id: string; readonly onClose: () => void }) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const mayRelease = useCan("send")
  const { data: entry, error, isFetching, refetch } = useQuery(entryQuery(api, workspace, id))
  const release = useMutation({
    mutationFn: () => api("quarantine.release", { path: { id } }),
    onSettled: () => queries.invalidateQueries({ queryKey: quarantineKey(workspace) })
  })
  const failure = release.error === null ? undefined : failureFrom(release.error)
  const offered = mayRelease && entry !== undefined && !entry.released && entry.reason !== "bad_subject"
  return (
    <Drawer
      open
      onOpenChange={(open) => open || onClose()}
      title="Quarantined input"
      {...(offered
        ? {
          footer: (
            <Button kind="primary" busy={release.isPending} onClick={() => release.mutate()}>
              Check again and release
            </Button>
          )
        }
        : {})}
    >
      {error !== null && (
        <ErrorNotice
          title="The entry could not be loaded."
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
      {entry === undefined && error === null && [32, 40, 24].map((width) => <Skeleton key={width} width={width} />)}
      <div role="status">
        {release.data !== undefined && (
          <Notice tone="good">
            <strong>It is an event now.</strong>
            <p>
              It kept its id and its time, and goes to every webhook that subscribes to it:{" "}
              <Link to="/events/$eventId" params={{ eventId: release.data.id }}>see what became of it</Link>.
            </p>
          </Notice>
        )}
      </div>
      {failure !== undefined && (
        <ErrorNotice
          title={failure.status === 422
            ? "It is still no event, and stays."
            : failure.passing
            ? "Whether it was released is not known. Trying again is safe: it is released once."
            : "It was not released."}
          error={failure}
        />
      )}
      {entry !== undefined && <Facts entry={entry} />}
      {offered && (
        <p className={styles["soft"]}>
          Releasing checks it anew with today’s catalogue. If it is an event now, it keeps its id and time and is
          delivered, once; if not, it stays.
        </p>
      )}
    </Drawer>
  )
}
