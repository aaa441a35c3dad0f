import styles from "./Skeleton.module.css"

/** Holds the place of a line of text that comes; `width` in characters. */
export const Skeleton = ({ width }: { readonly width: number }) => (
  <span aria-hidden="true" className={styles["line"]} style={{ width: `min(${width}ch, 100%)` }} />
)
