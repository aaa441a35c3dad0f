import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** A page without its fenced blocks, in which `](` and `#` mean something else. */
const proseOf = (page: string): string => readFileSync(page, "utf8").replaceAll(/^```[^]*?^```/gm, "")

/** The anchors of a page's headings, as GitHub makes them. */
const anchorsOf = (page: string): ReadonlyArray<string> =>
  [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  )

/** The links of a page that lead to no file, or to no heading of one. Addresses outside are not asked. */
export const deadLinks = (page: string): ReadonlyArray<string> =>
  [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target).filter((target) => {
    if (/^[a-z]+:/.test(target)) return false
    const [path = "", anchor] = target.split("#")
    const file = path === "" ? page : join(dirname(page), path)
    return !existsSync(file) || (anchor !== undefined && !anchorsOf(file).includes(anchor))
  })
