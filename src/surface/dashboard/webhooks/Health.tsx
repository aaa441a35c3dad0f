import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { useNavigate, useSearch } from "@tanstack/react-router"
import { lazy, type ReactNode, Suspense, useMemo } from "react"
import { sentence } from "../api/ApiFailure.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { now } from "../shared/Clock.ts"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { fetched } from "../shared/NotFetched.ts"
import { count, counted, latency, percent } from "../shared/Numbers.ts"
import { Card, Section } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign } from "../shared/Text.tsx"
import { Time } from "../shared/Time.tsx"
import styles from "./Health.module.css"
import { healthQuery, webhookKey } from "./Queries.ts"
import { attemptsIn, type RangeName, ranges } from "./Ranges.ts"

const Chart = lazy(() => fetched(() => import("../shared/Chart.tsx")).then(({ Chart }) => ({ default: Chart })))

const Figure = ({ children, label, note }: {
  readonly label: string
  readonly children: ReactNode
  readonly note?: ReactNode
}) => (
  <div className={styles["figure"]}>
    <dt>{label}</dt>
    <dd>
      <span className={styles["number"]}>{children}</span>
      {note !== undefined && <span className={styles["note"]}>{note}</span>}
    </dd>
  </div>
)

const Figures = ({ webhookId }: { readonly webhookId: string }) => {
  const { data: health, error, isFetching, refetch } = useQuery(healthQuery(useApi(), useWorkspaceKey(), webhookId))
  if (error !== null && health === undefined) {
    return (
      <ErrorNotice
        title="How the webhook fares could not be loaded."
        error={error}
        onRetry={() => void refetch()}
        retrying={isFetching}
      />
    )
  }
  const shown = <A extends object | number>(value: A | null | undefined, show: (value: A) => ReactNode): ReactNode =>
    health === undefined ? <Skeleton width={6} /> : value === null || value === undefined ? "–" : show(value)
  const attempts = health === undefined ? 0 : health.succeeded + health.failed
  return (
    <>
      <dl className={styles["figures"]}>
        <Figure label="Success rate" note={health === undefined ? undefined : `of ${counted(attempts, "attempt")}`}>
          {shown(health?.success_rate, percent)}
        </Figure>
        <Figure label="Latency, p50">{shown(health?.p50_ms, latency)}</Figure>
        <Figure label="Latency, p95">{shown(health?.p95_ms, latency)}</Figure>
        <Figure label="Waiting" note="retrying and held">
          {shown(health?.deliveries, ({ held, retrying }) => count(held + retrying))}
        </Figure>
        <Figure label="Failed" note="schedule used up">
          {shown(health?.deliveries, ({ failed }) => count(failed))}
        </Figure>
      </dl>
      {health !== undefined && health.last_error !== null && health.last_error_at !== null && (
        <p className={styles["error"]}>
          {health.failing_since === null
            ? <span>Last error:</span>
            : (
              <span className={styles["failing"]}>
                Failing since <Time at={health.failing_since} />:
              </span>
            )}{" "}
          <Foreign>
            {sentence(health.last_error)}
          </Foreign>{" "}
          {health.failing_since === null && (
            <span className={styles["soft"]}>
              <Time at={health.last_error_at} />
            </span>
          )}
        </p>
      )}
    </>
  )
}

const Attempts = ({ range, webhookId }: { readonly range: RangeName; readonly webhookId: string }) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const { data, error, isFetching, refetch } = useQuery({
    queryKey: [...webhookKey(workspace, webhookId), "stats", range],
    queryFn: ({ signal }) =>
      api("stats.series", {
        query: {
          webhook_id: webhookId,
          step: ranges[range].ask,
          from: new Date(now() - ranges[range].length).toISOString()
        },
        signal
      }),
    select: (stats) => ({ range, ...attemptsIn(range, stats) }),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000
  })
  const label = useMemo(() => {
    if (data === undefined) return ""
    const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((all, number) => all + number, 0)
    return `Attempts in the last ${ranges[range].label}: ${count(sum(data.succeeded))} succeeded, ${
      count(sum(data.failed))
    } failed`
  }, [data, range])
  if (data === undefined) {
    return error === null ? <div className={styles["place"]} /> : (
      <div className={styles["place"]}>
        <ErrorNotice
          title="The attempts could not be loaded."
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      </div>
    )
  }
  return (
    <Suspense fallback={<div className={styles["place"]} />}>
      <Chart label={label} {...data} />
    </Suspense>
  )
}

/** How a webhook fares: the figures of the last 24 hours, and its attempts over a range that stands in the address. */
export const Health = ({ webhookId }: { readonly webhookId: string }) => {
  const { range = "24h" } = useSearch({ from: "/webhooks/$webhookId" })
  const navigate = useNavigate({ from: "/webhooks/$webhookId" })
  return (
    <Section title="Health" lead="The figures are of the last 24 hours.">
      <Card>
        <Figures webhookId={webhookId} />
        <div className={styles["chart"]}>
          <fieldset className={styles["ranges"]}>
            <legend className={styles["legend"]}>Attempts in the last</legend>
            {Object.entries(ranges).map(([name, { label }]) => (
              <label key={name} className={styles["range"]}>
                <input
                  type="radio"
                  name="range"
                  checked={range === name}
                  onChange={() =>
                    void navigate({
                      search: (search) => ({ ...search, range: name as RangeName }),
                      replace: true,
                      resetScroll: false
                    })}
                />
                <span>{label}</span>
              </label>
            ))}
          </fieldset>
          <Attempts range={range} webhookId={webhookId} />
        </div>
      </Card>
    </Section>
  )
}
