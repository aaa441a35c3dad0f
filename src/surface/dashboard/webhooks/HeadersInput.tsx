import { Button } from "../shared/Button.tsx"
import { CodeInput } from "../shared/Field.tsx"
import styles from "./HeadersInput.module.css"
import type { Header } from "./Values.ts"

const most = 20

let last = 0

/** Extra headers of every delivery; their values are secrets. */
export const HeadersInput = ({ error, onChange, value }: {
  readonly value: ReadonlyArray<Header>
  readonly onChange: (headers: ReadonlyArray<Header>) => void
  readonly error: string | undefined
}) => {
  const set = (key: number, part: Partial<Header>): void =>
    onChange(value.map((header) => header.key === key ? { ...header, ...part } : header))
  return (
    <fieldset className={styles["headers"]}>
      <legend className={styles["title"]}>Extra headers</legend>
      <p className={styles["hint"]}>
        Sent with every delivery, such as an authorization. The values are sealed, and never shown again.
      </p>
      {value.map(({ key, name, value: text }, index) => (
        <div key={key} className={styles["row"]}>
          <CodeInput
            aria-label={`Name of header ${index + 1}`}
            placeholder="authorization"
            value={name}
            onChange={(event) => set(key, { name: event.target.value.trim() })}
          />
          <CodeInput
            aria-label={`Value of header ${index + 1}`}
            placeholder="Bearer …"
            value={text}
            onChange={(event) => set(key, { value: event.target.value })}
          />
          <Button
            kind="quiet"
            aria-label={`Remove header ${index + 1}`}
            onClick={() => onChange(value.filter((header) => header.key !== key))}
          >
            Remove
          </Button>
        </div>
      ))}
      <div aria-live="polite" className={styles["said"]}>{error}</div>
      {value.length < most && (
        <Button small onClick={() => onChange([...value, { key: ++last, name: "", value: "" }])}>Add a header</Button>
      )}
    </fieldset>
  )
}
