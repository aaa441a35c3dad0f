import { askFirst } from "./FirstView.ts"
import { takePortalToken } from "./session/Portal.ts"

/** The page's first script, a small one: what it asks is answered while the browser still gets the application ready. */

takePortalToken()
const first = askFirst()
const application = import("./Application.tsx")

const couldNotBeLoaded = (): void => {
  const waiting = document.querySelector("#root .waiting")
  if (waiting !== null) waiting.textContent = "This page could not be loaded. Check your connection, and load it anew."
}
void application.then(({ open }) => open(first), couldNotBeLoaded)
