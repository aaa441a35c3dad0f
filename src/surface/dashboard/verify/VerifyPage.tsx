import { useQuery } from "@tanstack/react-query"
import { Link, useNavigate, useSearch } from "@tanstack/react-router"
import { useApi, useHeaderNames, useWorkspaceKey } from "../session/Session.tsx"
import { classes } from "../shared/classes.ts"
import { Code } from "../shared/Code.tsx"
import { Disclosure } from "../shared/Disclosure.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Field, Select } from "../shared/Field.tsx"
import { Notice } from "../shared/Notice.tsx"
import { Card, Page, Section } from "../shared/Page.tsx"
import { visible } from "../shared/Text.tsx"
import { moment } from "../shared/Times.ts"
import { webhooksQuery } from "../webhooks/Queries.ts"
import { CheckBox } from "./CheckBox.tsx"
import { withNames } from "./Names.ts"
import type { HeaderNames } from "./Request.ts"
import { samples } from "./Samples.ts"
import styles from "./VerifyPage.module.css"

const short = (text: string): string => text.length > 80 ? `${text.slice(0, 77)}…` : text

/** For a webhook there is more to say: while its secret is rotated, two are valid. */
const WebhookChoice = ({ names }: { readonly names: HeaderNames }) => {
  const { webhook: chosen = "" } = useSearch({ from: "/verify" })
  const navigate = useNavigate({ from: "/verify" })
  const { data, error, isFetching, refetch } = useQuery(webhooksQuery(useApi(), useWorkspaceKey()))
  const webhooks = data?.data ?? []
  const webhook = webhooks.find(({ id }) => id === chosen)
  return (
    <>
      {error !== null && (
        <ErrorNotice
          title="The webhooks could not be loaded. The rest of this page works without them."
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
      <div className={styles["choice"]}>
        <Field label="Webhook" optional>
          {(described) => (
            <Select
              {...described}
              value={chosen}
              onChange={({ target }) =>
                void navigate({ search: (search) => ({ ...search, webhook: target.value }), replace: true })}
            >
              <option value="">Any of them</option>
              {webhooks.map(({ id, url }) => <option key={id} value={id}>{short(visible(url))}</option>)}
              {chosen !== "" && webhook === undefined && <option value={chosen}>{short(visible(chosen))}</option>}
            </Select>
          )}
        </Field>
      </div>
      {webhook !== undefined && (
        <Notice tone={webhook.overlap_until === undefined ? "neutral" : "warn"}>
          {webhook.overlap_until === undefined
            ? (
              <p>
                Its secret was shown when it was made, and cannot be shown again. If it is lost,{" "}
                <Link to="/webhooks/$webhookId" params={{ webhookId: webhook.id }}>give the webhook a new one</Link>.
              </p>
            )
            : (
              <>
                <strong>Two secrets are valid until {moment(Date.parse(webhook.overlap_until))}.</strong>
                <p>
                  {names.standardPrefix}-signature carries both signatures. {names.hex}{" "}
                  stays on the former secret until then.
                </p>
              </>
            )}
        </Notice>
      )}
    </>
  )
}

const Samples = ({ names }: { readonly names: HeaderNames }) => {
  const { language } = useSearch({ from: "/verify" })
  const navigate = useNavigate({ from: "/verify" })
  const sample = samples.find(({ id }) => id === language) ?? samples[0]
  if (sample === undefined) return null
  const choose = (id: string): void =>
    void navigate({ search: (search) => ({ ...search, language: id }), replace: true, resetScroll: false })
  return (
    <Section
      title="In your endpoint"
      lead="Each function answers whether a request is ours. They need nothing but what the language brings, and our tests run them as they stand here."
    >
      <Card>
        <div className={styles["part"]}>
          <div role="group" aria-label="Language" className={styles["languages"]}>
            {samples.map(({ id, label }) => (
              <button
                key={id}
                type="button"
                aria-pressed={id === sample.id}
                className={classes(styles["language"], id === sample.id && styles["chosen"])}
                onClick={() => choose(id)}
              >
                {label}
              </button>
            ))}
          </div>
          <p className={styles["soft"]}>{sample.body}</p>
          <Code key={sample.id} label={sample.verify[0]} text={withNames(sample.verify[1], names)} />
          <Disclosure key={`${sample.id} endpoint`} name="A whole endpoint" needed={false}>
            <div className={styles["endpoint"]}>
              <Code label={sample.receive[0]} text={withNames(sample.receive[1], names)} />
            </div>
          </Disclosure>
        </div>
      </Card>
    </Section>
  )
}

/** How to know that a request is ours: the code for it, and a check of one that was received. */
export const VerifyPage = () => {
  const names = useHeaderNames()
  return (
    <Page
      title="Verify signatures"
      lead="Anybody can send a POST to your URL. What is ours carries a signature that only somebody with the webhook's secret can make."
    >
      <WebhookChoice names={names} />
      <CheckBox names={names} />
      <Samples names={names} />
    </Page>
  )
}
