import type { Session } from "../api/Session.ts"
import { accentProperties } from "./Accent.ts"

/** Puts a brand's accent in place of hookline's; the answer takes it away again. */
export const applyBrand = (brand: Session["brand"]): () => void => {
  const accent = brand?.accent_color
  if (accent === undefined || accent === null) return () => undefined
  const root = document.documentElement.style
  const dark = window.matchMedia("(prefers-color-scheme: dark)")
  const apply = (): void => {
    for (const [name, value] of Object.entries(accentProperties(accent, dark.matches))) root.setProperty(name, value)
  }
  apply()
  dark.addEventListener("change", apply)
  return () => {
    dark.removeEventListener("change", apply)
    for (const name of Object.keys(accentProperties(accent, false))) root.removeProperty(name)
  }
}
