import { type Asked, deliveries, delivery } from "./Deliveries.ts"
import { event, events } from "./Events.ts"
import { explain } from "./Explaining.ts"
import { healthOf, stats, struggling } from "./Figures.ts"
import { overview } from "./Overview.ts"
import type { Answers, Questions } from "./Questions.ts"
import { recoverable, recoverableCount } from "./Recoverable.ts"
import { workspaces } from "./Workspaces.ts"

const table: { readonly [Name in keyof Questions]: (asked: Asked, question: Questions[Name]) => Answers[Name] } = {
  deliveries,
  delivery,
  events,
  event,
  explain,
  health: healthOf,
  stats,
  overview,
  workspaces,
  recoverableCount,
  recoverable,
  struggling
}

export const answer = <Name extends keyof Questions>(
  asked: Asked,
  name: Name,
  question: Questions[Name]
): Answers[Name] => table[name](asked, question)
