import { Button } from "../shared/Button.tsx"
import { Copy } from "../shared/Copy.tsx"
import { Dialog } from "../shared/Dialog.tsx"
import styles from "./SecretOnce.module.css"

/** Shows a secret the only time that it can be shown; only the button closes it. */
export const SecretOnce = ({ description, onStored, secret, title }: {
  readonly title: string
  readonly description: string
  readonly secret: string
  readonly onStored: () => void
}) => (
  <Dialog
    stays
    open
    onOpenChange={(open) => open || onStored()}
    title={title}
    description={description}
    footer={<Button kind="primary" onClick={onStored}>I have stored it</Button>}
  >
    <div className={styles["secret"]}>
      <code aria-label="Secret">{secret}</code>
      <Copy text={secret} label="Copy secret" />
    </div>
  </Dialog>
)
