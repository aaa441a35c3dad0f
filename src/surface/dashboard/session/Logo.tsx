import type { Session } from "../api/Session.ts"
import { Foreign } from "../shared/Text.tsx"
import styles from "./Logo.module.css"

/** icon.svg. As a picture it would be fetched, and laid out as a document of its own, before the page has come to rest. */
const Own = () => (
  <svg aria-hidden="true" width={24} height={24} viewBox="0 0 32 32" fill="none">
    <rect width={32} height={32} rx={8} fill="#3d5fe0" />
    <path
      d="M11 8v10a5 5 0 0 0 10 0v-3M17.5 17.5 21 14l3.5 3.5"
      stroke="#fff"
      strokeWidth={3}
      strokeLinecap="round"
      strokeLinejoin="round"
    />
  </svg>
)

/** A portal's own name and logo, or hookline's. */
export const Logo = ({ brand }: { readonly brand?: Session["brand"] }) => {
  const own = brand === undefined || brand === null
  return (
    <span className={styles["logo"]}>
      {own ? <Own /> : brand.logo_url !== null && <img src={brand.logo_url} alt="" height={24} />}
      <Foreign oneLine>{own ? "hookline" : brand.name ?? "Webhooks"}</Foreign>
    </span>
  )
}
