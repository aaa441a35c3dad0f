import axe from "axe-core"
import type { Page } from "playwright-core"

/** What axe finds on the page as it stands, a line each: the rule, and the first place where it does not hold. */
export const barriers = async (page: Page): Promise<ReadonlyArray<string>> => {
  if (!await page.evaluate(() => "axe" in window)) await page.evaluate(axe.source)
  return page.evaluate(async () => {
    const { violations } = await (window as unknown as { readonly axe: typeof axe }).axe.run(document, {
      // It would ask for the style sheets once more.
      preload: false,
      resultTypes: ["violations"]
    })
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
  })
}
