import type { Asked } from "./Deliveries.ts"
import type { Answers, Questions } from "./Questions.ts"

/** Behind every id that begins with what stands before it: ids are printable ASCII. */
const end = "\u007f"

/**
 * The workspaces of whose events the history knows: also of one that has left EVENTS, as long as its deliveries are kept. A number that was given out
 * once stays, so that a workspace which has nothing any more is passed over.
 */
export const workspaces = (
  { file }: Asked,
  { after, limit, prefix }: Questions["workspaces"]
): Answers["workspaces"] =>
  file.statement(
    "SELECT id FROM workspaces WHERE id >= ? AND id > ? AND id < ? AND EXISTS (SELECT 1 FROM events INDEXED BY events_of_workspace WHERE workspace = number) ORDER BY id LIMIT ?"
  ).all([prefix, after, `${prefix}${end}`, limit]).map(([id]) => String(id))
