import "./shared/tokens.css"
import { QueryClientProvider } from "@tanstack/react-query"
import { RouterProvider } from "@tanstack/react-router"
import { setNonce } from "get-nonce"
import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { queryClient } from "./api/Queries.ts"
import { askFirst } from "./FirstView.ts"
import { router } from "./Routes.tsx"
import { takePortalToken } from "./session/Portal.ts"

takePortalToken()

// Radix writes style elements; the policy lets those through that have the nonce of this very page.
const nonce = document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.content
if (nonce !== undefined) setNonce(nonce)

const root = document.querySelector("#root")
if (root === null) throw new Error("index.html has no #root")
void askFirst().then(() =>
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>
  )
)
