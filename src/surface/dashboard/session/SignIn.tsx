import { useMutation } from "@tanstack/react-query"
import { type FormEvent, useEffect, useState } from "react"
import { ApiFailure } from "../api/ApiFailure.ts"
import { type Session, signIn } from "../api/Session.ts"
import { Button } from "../shared/Button.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { CodeInput, Field } from "../shared/Field.tsx"
import { Logo } from "./Logo.tsx"
import styles from "./SignIn.module.css"

/** What is wrong with the text itself, before anybody is asked. */
const flaw = (key: string): string | undefined =>
  key === ""
    ? "Paste your API key."
    : /^hk_[^_\s]+_\S+$/.test(key)
    ? undefined
    : "An API key looks like hk_<id>_<secret>; this does not."

const refusal = (error: unknown): string | undefined =>
  error instanceof ApiFailure && error.status === 401
    ? "This key is not valid: it may have been revoked, or its time is over."
    : undefined

/** Begins a session with an API key. */
const SignIn = ({ onSignedIn }: { readonly onSignedIn: (session: Session) => void }) => {
  const [key, setKey] = useState("")
  const [problem, setProblem] = useState<string>()
  const attempt = useMutation({ mutationFn: signIn, onSuccess: onSignedIn, onError: () => undefined })
  useEffect(() => {
    document.title = "Sign in"
  }, [])

  const submit = (event: FormEvent): void => {
    event.preventDefault()
    const wrong = flaw(key.trim())
    setProblem(wrong)
    if (wrong === undefined && !attempt.isPending) attempt.mutate({ api_key: key.trim() })
  }
  const refused = problem ?? refusal(attempt.error)

  return (
    <main className={styles["page"]}>
      <div className={styles["sheet"]}>
        <Logo />
        <h1>Sign in</h1>
        <p className={styles["lead"]}>Webhooks, their deliveries and every attempt, of one workspace.</p>
        <form className={styles["form"]} noValidate onSubmit={submit}>
          <Field
            label="API key"
            hint="It is sent once, and exchanged for a session of this browser."
            error={refused}
          >
            {(described) => (
              <CodeInput
                {...described}
                type="password"
                name="api_key"
                autoComplete="current-password"
                placeholder="hk_…"
                autoFocus
                value={key}
                onChange={(event) => {
                  setKey(event.target.value)
                  setProblem(undefined)
                  attempt.reset()
                }}
              />
            )}
          </Field>
          {attempt.error !== null && refused === undefined && (
            <ErrorNotice title="You could not be signed in." error={attempt.error} />
          )}
          <Button kind="primary" type="submit" busy={attempt.isPending}>
            {attempt.isPending ? "Signing in…" : "Sign in"}
          </Button>
        </form>
        <p className={styles["foot"]}>
          No key? Whoever runs the platform makes one: <code>hookline keys create</code>, or{" "}
          <a href="/docs">the API</a>.
        </p>
      </div>
    </main>
  )
}

export default SignIn
