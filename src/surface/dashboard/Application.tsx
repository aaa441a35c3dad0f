import "./shared/tokens.css"
import { QueryClientProvider } from "@tanstack/react-query"
import { RouterProvider } from "@tanstack/react-router"
import { setNonce } from "get-nonce"
import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { apiOf } from "./api/Api.ts"
import { queryClient, sessionKey } from "./api/Queries.ts"
import type { First } from "./FirstView.ts"
import { router } from "./Routes.tsx"
import { listWebhooks } from "./webhooks/List.ts"
import { webhooksKey } from "./webhooks/Queries.ts"

// Radix writes style elements; the policy lets those through that have the nonce of this very page.
const nonce = document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.content
if (nonce !== undefined) setNonce(nonce)

/**
 * Draws the page, once it is known whose it is or that this cannot be told. The views ask what they show themselves, and find there what was asked
 * first, or on its way; what of that failed they ask once more.
 */
export const open = async (first: Promise<First>): Promise<void> => {
  // Without it the router would draw nothing at first, and the view in a second go. What comes of it, it shows.
  const routed = router.load().catch(() => undefined)
  const { list, session } = await first
  if (session !== undefined) queryClient.setQueryData(sessionKey, session)
  if (list !== undefined) {
    void queryClient.prefetchQuery({
      queryKey: webhooksKey(list.scope.workspaceId),
      queryFn: async ({ signal }) => await list.webhooks ?? await listWebhooks(apiOf(list.scope), signal)
    })
  }
  await routed
  const root = document.querySelector("#root")
  if (root === null) throw new Error("index.html has no #root")
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>
  )
}
