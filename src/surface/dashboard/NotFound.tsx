import type { ErrorComponentProps } from "@tanstack/react-router"
import { ButtonLink } from "./shared/Button.tsx"
import { Empty } from "./shared/Empty.tsx"
import { ErrorNotice } from "./shared/ErrorNotice.tsx"
import { NotFetched } from "./shared/NotFetched.ts"
import { Page } from "./shared/Page.tsx"
import { useReload } from "./shared/useReload.ts"

export const NotFound = () => (
  <Page title="Not found">
    <Empty title="There is no such page" action={<ButtonLink to="/webhooks">To the webhooks</ButtonLink>}>
      <p>The address may be mistyped, or what it showed may have been deleted.</p>
    </Empty>
  </Page>
)

/** A view that broke: a fault of the page itself, or a part of it that could not be fetched, which mends itself when the server is there. */
export const Fault = ({ error }: ErrorComponentProps) => {
  const reloads = useReload(error instanceof NotFetched ? error.detail : undefined)
  return (
    <Page title="Something broke">
      <ErrorNotice title="This view could not be shown." error={error} onRetry={() => window.location.reload()} />
      {reloads && <p role="status">It opens by itself as soon as the server answers.</p>}
    </Page>
  )
}

/** The same, where even the frame around the views broke. */
export const FaultAlone = (props: ErrorComponentProps) => (
  <main>
    <Fault {...props} />
  </main>
)
