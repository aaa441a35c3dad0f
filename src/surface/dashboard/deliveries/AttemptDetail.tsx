import { sentence } from "../api/ApiFailure.ts"
import type { Attempt } from "../api/Contract.ts"
import { Badge } from "../shared/Badge.tsx"
import { count, latency } from "../shared/Numbers.ts"
import { Foreign, ForeignBlock } from "../shared/Text.tsx"
import styles from "./AttemptDetail.module.css"
import { classWords } from "./Words.ts"

/** What one request came to, all of it: status, error, response, headers, address. */
export const AttemptDetail = ({ attempt }: { readonly attempt: Attempt }) => {
  const headers = Object.entries(attempt.headers)
  return (
    <div className={styles["detail"]}>
      {attempt.error !== null && (
        <p className={styles["error"]}>
          <strong>{classWords(attempt)}.</strong> <Foreign>{sentence(attempt.error)}</Foreign>
        </p>
      )}
      <dl className={styles["facts"]}>
        <dt>Status</dt>
        <dd>{attempt.status ?? "No answer"}</dd>
        <dt>Latency</dt>
        <dd>{latency(attempt.latency_ms)}</dd>
        {attempt.address !== null && (
          <>
            <dt>Connected to</dt>
            <dd>
              <Foreign mono>{attempt.address}</Foreign>
            </dd>
          </>
        )}
      </dl>
      {attempt.response !== null && attempt.response !== "" && (
        <div>
          <h4 className={styles["title"]}>Response</h4>
          <ForeignBlock label={`Response of attempt ${attempt.attempt}`}>{attempt.response}</ForeignBlock>
        </div>
      )}
      {attempt.response === "" && <p className={styles["soft"]}>The response was empty.</p>}
      {headers.length > 0 && (
        <details>
          <summary className={styles["summary"]}>Response headers ({count(headers.length)})</summary>
          <dl className={styles["headers"]}>
            {headers.map(([name, value]) => (
              <div key={name}>
                <dt>
                  <Foreign mono>{name}</Foreign>
                </dt>
                <dd>
                  <Foreign mono>{value}</Foreign>
                </dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </div>
  )
}

/** In one look: the status, or in words that there was none. */
export const AttemptBadge = ({ attempt }: { readonly attempt: Attempt }) => (
  <Badge tone={attempt.class === "success" ? "good" : "bad"}>{attempt.status ?? classWords(attempt)}</Badge>
)
