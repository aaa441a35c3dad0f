import { Fragment } from "react"
import { classes } from "./classes.ts"
import styles from "./Text.module.css"
import { partsOf } from "./UrlParts.ts"

interface ForeignProps {
  readonly children: string
  /** In the fixed-width face: ids, addresses, code. */
  readonly mono?: boolean
  /** One line, cut off with an ellipsis; the whole stands in the title. */
  readonly oneLine?: boolean
}

const escapes: Readonly<Record<string, string>> = { "\t": "\\t", "\r": "\\r", "\n": "\\n" }

/** C0 and C1, DEL, zero-width and bidirectional control characters, line and paragraph separators, and the byte order mark. */
// oxlint-disable-next-line no-control-regex -- finding them is what it is for
const controls = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

const shownAs = (character: string): string =>
  escapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

/** With every control character spelled out. */
export const visible = (text: string): string => text.replace(controls, shownAs)

/**
 * Text that came from somebody else (an endpoint, a publisher, another user). It is shown as text, in a direction of its own that reaches
 * nothing beside it, breaking anywhere rather than pushing the page wide, and its control characters are spelled out.
 */
export const Foreign = ({ children, mono = false, oneLine = false }: ForeignProps) => {
  const text = visible(children)
  return (
    <span
      dir="auto"
      className={classes(styles["foreign"], mono && styles["mono"], oneLine && styles["line"])}
      title={oneLine ? text : undefined}
    >
      {text}
    </span>
  )
}

/** A URL of somebody else's. It breaks behind its separators, and within a word only where that is longer than a line may be. */
export const ForeignUrl = ({ children, mono = false }: Pick<ForeignProps, "children" | "mono">) => (
  <span dir="auto" className={classes(styles["foreign"], mono && styles["mono"])}>
    {partsOf(visible(children)).map(({ at, breaks, text }) => (
      <Fragment key={at}>
        {at > 0 && <wbr />}
        {breaks ? text : <span className={styles["whole"]}>{text}</span>}
      </Fragment>
    ))}
  </span>
)

/** The same for many lines: a response, a payload. Line ends and tabs stay. */
export const ForeignBlock = ({ children, label }: { readonly children: string; readonly label: string }) => (
  <pre dir="auto" tabIndex={0} role="region" aria-label={label} className={styles["block"]}>
    {children.replace(controls, (character) =>
      character === "\n" || character === "\t" ? character : character === "\r" ? "" : shownAs(character))}
  </pre>
)
