import {
  type InputHTMLAttributes,
  type ReactNode,
  type Ref,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId
} from "react"
import { classes } from "./classes.ts"
import styles from "./Field.module.css"

/** What an input must be given so that its label, hint and error are its own. */
interface Described {
  readonly id: string
  readonly "aria-describedby"?: string | undefined
  readonly "aria-invalid"?: true | undefined
}

interface FieldProps {
  readonly label: string
  readonly optional?: boolean
  readonly hint?: ReactNode
  /** What is wrong with it and what would be right; it is announced. */
  readonly error?: string | undefined
  /** What is well, or worth a look: below the input, where an error would stand. */
  readonly note?: ReactNode
  readonly children: (described: Described) => ReactNode
}

export const Field = ({ children, error, hint, label, note, optional = false }: FieldProps) => {
  const id = useId()
  const hasHint = hint !== undefined
  return (
    <div className={styles["field"]}>
      <label className={styles["label"]} htmlFor={id}>
        {label}
        {optional && <span className={styles["optional"]}>optional</span>}
      </label>
      {hasHint && <div id={`${id}-hint`} className={styles["hint"]}>{hint}</div>}
      {children({
        id,
        "aria-describedby": classes(hasHint && `${id}-hint`, `${id}-said`),
        "aria-invalid": error === undefined ? undefined : true
      })}
      <div id={`${id}-said`} aria-live="polite" className={styles["said"]}>
        {error === undefined ? note : <span className={styles["error"]}>{error}</span>}
      </div>
    </div>
  )
}

export const Input = (
  { className, ...rest }: InputHTMLAttributes<HTMLInputElement> & { readonly ref?: Ref<HTMLInputElement> }
) => <input {...rest} className={classes(styles["input"], className)} />

/** For what is not prose: addresses, secrets, header names. */
export const CodeInput = (
  { className, ...rest }: InputHTMLAttributes<HTMLInputElement> & { readonly ref?: Ref<HTMLInputElement> }
) => (
  <input
    {...rest}
    autoComplete={rest.autoComplete ?? "off"}
    autoCapitalize="none"
    autoCorrect="off"
    spellCheck={false}
    className={classes(styles["input"], styles["code"], className)}
  />
)

export const TextArea = (
  { className, ...rest }: TextareaHTMLAttributes<HTMLTextAreaElement> & { readonly ref?: Ref<HTMLTextAreaElement> }
) => <textarea {...rest} className={classes(styles["input"], styles["area"], className)} />

export const Select = (props: SelectHTMLAttributes<HTMLSelectElement>) => (
  <select {...props} className={styles["input"]} />
)

interface CheckProps extends InputHTMLAttributes<HTMLInputElement> {
  readonly label: ReactNode
  readonly hint?: ReactNode
}

/** A check box, or with `type="radio"` a radio button, with its label beside it. */
export const Check = ({ hint, label, type = "checkbox", ...rest }: CheckProps) => {
  const id = useId()
  return (
    <div className={classes(styles["check"], rest.disabled === true && styles["off"])}>
      <input {...rest} type={type} id={id} aria-describedby={hint === undefined ? undefined : `${id}-hint`} />
      <div className={styles["beside"]}>
        <label htmlFor={id}>{label}</label>
        {hint !== undefined && <div id={`${id}-hint`} className={styles["hint"]}>{hint}</div>}
      </div>
    </div>
  )
}
