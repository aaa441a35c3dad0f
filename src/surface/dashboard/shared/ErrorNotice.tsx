import { failureFrom, sentence } from "../api/ApiFailure.ts"
import { Button } from "./Button.tsx"
import styles from "./ErrorNotice.module.css"
import { Foreign } from "./Text.tsx"

interface ErrorNoticeProps {
  /** What could not be done, as a sentence without its reason: `The webhooks could not be loaded.` */
  readonly title: string
  readonly error: unknown
  readonly onRetry?: (() => void) | undefined
  readonly retrying?: boolean
}

/** What failed, why, and the way out. Announced at once. */
export const ErrorNotice = ({ error, onRetry, retrying = false, title }: ErrorNoticeProps) => {
  const failure = failureFrom(error)
  return (
    <div role="alert" className={styles["notice"]}>
      <div className={styles["text"]}>
        <strong>{title}</strong>
        <p>
          <Foreign>{sentence(failure.message)}</Foreign>
        </p>
      </div>
      {onRetry !== undefined && <Button small busy={retrying} onClick={onRetry}>Try again</Button>}
    </div>
  )
}
