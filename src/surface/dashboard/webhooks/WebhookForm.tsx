import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react"
import { failureFrom, fieldError } from "../api/ApiFailure.ts"
import { Button } from "../shared/Button.tsx"
import { Disclosure } from "../shared/Disclosure.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Check, CodeInput, Field, Input } from "../shared/Field.tsx"
import { Card } from "../shared/Page.tsx"
import { Foreign } from "../shared/Text.tsx"
import { EventChoice } from "./EventChoice.tsx"
import { HeadersInput } from "./HeadersInput.tsx"
import { useUrlCheck } from "./UrlCheck.ts"
import { flaws, type Values } from "./Values.ts"
import styles from "./WebhookForm.module.css"

interface WebhookFormProps {
  readonly initial: Values
  /** Of an existing webhook: its URL, which needs no check, and the names of its extra headers. */
  readonly existing?: { readonly url: string; readonly headers: ReadonlyArray<string> }
  readonly submit: string
  readonly busy: boolean
  readonly failed: string
  readonly error: unknown
  readonly cancel: ReactNode
  readonly onSubmit: (values: Values) => void
}

/** The fields of which the form shows the error itself. */
const fields = ["url", "events", "description", "secret", "concurrency", "rate_limit", "headers"]

/** A webhook's settings, to add one and to change one. */
export const WebhookForm = (props: WebhookFormProps) => {
  const { busy, cancel, error, existing, failed, initial, onSubmit, submit } = props
  const [values, setValues] = useState(initial)
  const [missing, setMissing] = useState<Readonly<Record<string, string>>>({})
  const form = useRef<HTMLFormElement>(null)
  const check = useUrlCheck(values.url, existing?.url)
  /** The error that something was changed after: it is no longer about what stands here. */
  const [outdated, setOutdated] = useState<unknown>(null)
  const failure = error === null || error === undefined || error === outdated ? null : failureFrom(error)
  const inPlace = fields.some((field) => fieldError(failure, field) !== undefined)

  const set = <Key extends keyof Values>(key: Key, value: Values[Key]): void => {
    setValues((before) => ({ ...before, [key]: value }))
    setMissing({})
    setOutdated(error)
  }
  const problem = (field: string): string | undefined => missing[field] ?? fieldError(failure, field)
  const send = (event: FormEvent): void => {
    event.preventDefault()
    if (busy) return
    const found = flaws(values)
    setMissing(found)
    if (Object.keys(found).length === 0) return onSubmit(values)
    const first = found["url"] !== undefined
      ? "input[name=url]"
      : found["events"] !== undefined
      ? "fieldset input"
      : undefined
    if (first !== undefined) form.current?.querySelector<HTMLElement>(first)?.focus()
  }
  useEffect(() => {
    // Where the server found something, so that it is seen and can be mended at once.
    if (failure?.field !== undefined) {
      form.current?.querySelector<HTMLElement>("[aria-invalid] input, input[aria-invalid]")?.focus()
    }
  }, [failure?.field, error])
  const advanced = values.concurrency !== "" || values.rateLimit !== "" || (existing?.headers.length ?? 0) > 0

  return (
    <form ref={form} noValidate onSubmit={send} className={styles["form"]}>
      <Card>
        <div className={styles["part"]}>
          <Field
            label="Endpoint URL"
            hint="An address of yours that takes POST requests over https."
            error={problem("url") ?? (check.state === "bad" ? check.message : undefined)}
            note={check.state === "idle"
              ? undefined
              : <span className={check.state === "good" ? styles["good"] : styles["soft"]}>{check.message}</span>}
          >
            {(described) => (
              <CodeInput
                {...described}
                type="url"
                inputMode="url"
                name="url"
                placeholder="https://example.com/webhooks"
                value={values.url}
                onChange={(event) => set("url", event.target.value)}
              />
            )}
          </Field>
          <Field label="Description" optional error={problem("description")}>
            {(described) => (
              <Input
                {...described}
                name="description"
                maxLength={1024}
                placeholder="What it is for"
                value={values.description}
                onChange={(event) => set("description", event.target.value)}
              />
            )}
          </Field>
        </div>
        <div className={styles["part"]}>
          <EventChoice value={values.events} error={problem("events")} onChange={(events) => set("events", events)} />
        </div>
        {existing === undefined && (
          <div className={styles["part"]}>
            <Field
              label="Secret"
              optional
              hint="Signs every delivery. Leave it empty and a strong one is made; it is shown once, when the webhook has been added."
              error={problem("secret")}
            >
              {(described) => (
                <CodeInput
                  {...described}
                  name="secret"
                  placeholder="whsec_…"
                  value={values.secret}
                  onChange={(event) => set("secret", event.target.value)}
                />
              )}
            </Field>
          </div>
        )}
        <div className={styles["part"]}>
          <Disclosure
            name="Advanced: rate limit, concurrency, headers"
            needed={advanced || ["concurrency", "rate_limit", "headers"].some((field) => problem(field) !== undefined)}
          >
            <div className={styles["inner"]}>
              <div className={styles["pair"]}>
                <Field
                  label="Rate limit"
                  optional
                  hint="Attempts a second; no limit when empty."
                  error={problem("rate_limit")}
                >
                  {(described) => (
                    <Input
                      {...described}
                      inputMode="decimal"
                      name="rate_limit"
                      value={values.rateLimit}
                      onChange={(event) => set("rateLimit", event.target.value)}
                    />
                  )}
                </Field>
                <Field
                  label="Concurrency"
                  optional
                  hint="Attempts at the same time, 1 to 256."
                  error={problem("concurrency")}
                >
                  {(described) => (
                    <Input
                      {...described}
                      inputMode="numeric"
                      name="concurrency"
                      value={values.concurrency}
                      onChange={(event) => set("concurrency", event.target.value)}
                    />
                  )}
                </Field>
              </div>
              {existing !== undefined && existing.headers.length > 0 && (
                <Check
                  label="Replace the extra headers"
                  hint={
                    <>
                      It has{" "}
                      <Foreign mono>{existing.headers.join(", ")}</Foreign>. Their values are not shown: enter all of
                      them anew.
                    </>
                  }
                  checked={values.headers !== null}
                  onChange={(event) => set("headers", event.target.checked ? [] : null)}
                />
              )}
              {(values.headers !== null || existing?.headers.length === 0) && (
                <HeadersInput
                  value={values.headers ?? []}
                  error={problem("headers")}
                  onChange={(headers) => set("headers", headers)}
                />
              )}
            </div>
          </Disclosure>
        </div>
      </Card>
      {failure !== null && !inPlace && <ErrorNotice title={failed} error={failure} />}
      <div className={styles["buttons"]}>
        <Button kind="primary" type="submit" busy={busy}>{submit}</Button>
        {cancel}
      </div>
    </form>
  )
}
