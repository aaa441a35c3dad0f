import type { Session } from "../api/Session.ts"
import icon from "../icon.svg"
import { Foreign } from "../shared/Text.tsx"
import styles from "./Logo.module.css"

/** A portal's own name and logo, or hookline's. */
export const Logo = ({ brand }: { readonly brand?: Session["brand"] }) => {
  const own = brand === undefined || brand === null
  const logo = own ? icon : brand.logo_url
  return (
    <span className={styles["logo"]}>
      {logo !== null && <img src={logo} alt="" height={24} />}
      <Foreign oneLine>{own ? "hookline" : brand.name ?? "Webhooks"}</Foreign>
    </span>
  )
}
