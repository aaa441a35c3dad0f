import { hash } from "node:crypto"
import type { EventId, WorkspaceId } from "./Id.ts"

/**
 * What makes two events the same (CONTRACT 4: workspace and id), short enough to keep 125,000 of a partition: the
 * first 16 bytes of SHA-256 as 22 characters of base64url. Neither part can hold the line feed between them.
 */
export const identity = (workspaceId: WorkspaceId, eventId: EventId): string =>
  hash("sha256", `${workspaceId}\n${eventId}`, "buffer").toString("base64url", 0, 16)
