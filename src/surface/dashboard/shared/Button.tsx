import { createLink } from "@tanstack/react-router"
import type { AnchorHTMLAttributes, ButtonHTMLAttributes, Ref } from "react"
import styles from "./Button.module.css"
import { classes } from "./classes.ts"

type Kind = "primary" | "secondary" | "quiet" | "danger"

interface Look {
  /** One primary button a view; `quiet` in rows and tool bars. */
  readonly kind?: Kind
  readonly small?: boolean
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement>, Look {
  /** What it began is under way: it shows so and takes no second click, but keeps the focus. */
  readonly busy?: boolean
  readonly ref?: Ref<HTMLButtonElement>
}

const look = (kind: Kind, small: boolean | undefined, more: string | undefined): string =>
  classes(styles["button"], styles[kind], small === true && styles["small"], more)

export const Button = ({ busy = false, className, kind = "secondary", onClick, small, type, ...rest }: ButtonProps) => (
  <button
    {...rest}
    type={type ?? "button"}
    className={look(kind, small, className)}
    aria-busy={busy || undefined}
    aria-disabled={busy || undefined}
    onClick={(event) => {
      if (busy) event.preventDefault()
      else onClick?.(event)
    }}
  />
)

interface AnchorProps extends AnchorHTMLAttributes<HTMLAnchorElement>, Look {
  readonly ref?: Ref<HTMLAnchorElement>
}

const Anchor = ({ className, kind = "secondary", small, ...rest }: AnchorProps) => (
  <a {...rest} className={look(kind, small, className)} />
)

/** Looks like a button and goes somewhere: the router's link. */
export const ButtonLink = createLink(Anchor)
