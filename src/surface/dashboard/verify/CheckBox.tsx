import { type FormEvent, useState } from "react"
import { Button } from "../shared/Button.tsx"
import { now } from "../shared/Clock.ts"
import { CodeInput, Field, TextArea } from "../shared/Field.tsx"
import { Notice } from "../shared/Notice.tsx"
import { Card, Section } from "../shared/Page.tsx"
import { Foreign } from "../shared/Text.tsx"
import { check, type Checked, type Verdict } from "./Check.ts"
import { canSign } from "./Hmac.ts"
import { type HeaderNames, pastedHeaders } from "./Request.ts"
import styles from "./VerifyPage.module.css"

const looks = {
  right: ["good", "Right"],
  old: ["warn", "Right, but too old"],
  wrong: ["bad", "Wrong"],
  absent: ["neutral", "Not there"]
} as const

const Result = ({ name, verdict }: { readonly name: string; readonly verdict: Verdict }) => {
  const [tone, word] = looks[verdict.state]
  return (
    <Notice tone={tone}>
      <p>
        <code>{name}</code>: <strong>{word}</strong>
      </p>
      <p>
        <Foreign>{verdict.message}</Foreign>
      </p>
      {verdict.more !== undefined && <p>{verdict.more}</p>}
    </Notice>
  )
}

/** Checks a request that was received. The secret stays in this page's memory while the page is open, and goes nowhere. */
export const CheckBox = ({ names }: { readonly names: HeaderNames }) => {
  const [secret, setSecret] = useState("")
  const [headers, setHeaders] = useState("")
  const [body, setBody] = useState("")
  const [checked, setChecked] = useState<Checked>()
  const pasted = pastedHeaders(headers)
  const possible = canSign()
  // What was said is of what was checked: a change takes it back.
  const changing = (set: (text: string) => void) => ({ target }: { readonly target: { readonly value: string } }) => {
    set(target.value)
    setChecked(undefined)
  }
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (!possible) return
    void check({ body, headers: pasted.headers, secret, names, now: Math.floor(now() / 1000) }).then(setChecked)
  }
  const title = `${names.standardPrefix}-signature`
  return (
    <Section
      title="Check a request"
      lead="Paste one that your endpoint received. It is checked here in your browser: neither the secret nor the rest leaves this page, and nothing is stored."
    >
      <Card>
        <form className={styles["part"]} onSubmit={submit} autoComplete="off">
          {!possible && (
            <Notice tone="warn">
              <strong>This browser gives no cryptography to pages over plain http.</strong>
              <p>Open the dashboard over https, or on the machine it runs on, to check requests here.</p>
            </Notice>
          )}
          <Field label="Secret" hint="All of it, whsec_ included.">
            {(described) => (
              <CodeInput
                {...described}
                autoComplete="off"
                value={secret}
                onChange={changing(setSecret)}
              />
            )}
          </Field>
          <Field
            label="Headers"
            hint="One a line, or as JSON. Others than those of the signature do no harm."
            error={pasted.notUnderstood.length === 0
              ? undefined
              : `Not a header: ${
                pasted.notUnderstood.map((line) => `“${line.slice(0, 40)}”`).join(", ")
              }. Write each as “name: value”.`}
          >
            {(described) => (
              <TextArea
                {...described}
                className={styles["code"]}
                rows={4}
                spellCheck={false}
                placeholder={`${names.standardPrefix}-id: evt_…\n${names.standardPrefix}-timestamp: 1795484196\n${title}: v1,…\n${names.hex}: …`}
                value={headers}
                onChange={changing(setHeaders)}
              />
            )}
          </Field>
          <Field label="Body" hint="As it came, to the byte: before anything parsed or printed it.">
            {(described) => (
              <TextArea
                {...described}
                className={styles["code"]}
                rows={6}
                spellCheck={false}
                placeholder={"{\"id\":\"evt_…\",\"event\":\"project.created\",…}"}
                value={body}
                onChange={changing(setBody)}
              />
            )}
          </Field>
          <div>
            <Button kind="primary" type="submit" disabled={!possible}>Check</Button>
          </div>
          <div role="status" className={styles["results"]}>
            {checked !== undefined && (
              <>
                <Result name={title} verdict={checked.standard} />
                <Result name={names.hex} verdict={checked.hex} />
              </>
            )}
          </div>
        </form>
      </Card>
    </Section>
  )
}
