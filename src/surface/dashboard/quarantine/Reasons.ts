/** Why input is no event, in words for whoever publishes it, and what mends it. The names are the API's. */

export interface Reason {
  readonly title: string
  /** How it is mended; releasing helps only where `mendable`. */
  readonly mend: string
  /** A change of the catalogue can make an event of what was published; else it must be published anew. */
  readonly mendable: boolean
}

const anew = "The publisher must be mended and publish it anew."

export const reasons: Readonly<Record<string, Reason>> = {
  bad_subject: {
    title: "Wrong subject",
    mend: "A subject is events.<workspace>.<entity>.<action>. It cannot be released: publish it anew.",
    mendable: false
  },
  too_large: { title: "Too large", mend: `An event has at most 512 KiB. ${anew}`, mendable: false },
  bom: { title: "Begins with a byte order mark", mend: anew, mendable: false },
  invalid_utf8: { title: "Not UTF-8", mend: anew, mendable: false },
  not_json: { title: "Not JSON", mend: anew, mendable: false },
  too_deep: { title: "Nested too deep", mend: `At most 64 levels are taken. ${anew}`, mendable: false },
  not_object: { title: "Not a JSON object", mend: anew, mendable: false },
  unknown_key: {
    title: "Unknown key",
    mend: `Beside id, event, timestamp, workspace_id and data there is nothing; details belong into data. ${anew}`,
    mendable: false
  },
  repeated_key: { title: "A key comes twice", mend: anew, mendable: false },
  workspace_mismatch: {
    title: "Two workspaces",
    mend: `The subject and the body name different workspaces. ${anew}`,
    mendable: false
  },
  event_missing: { title: "No event type", mend: anew, mendable: false },
  event_mismatch: {
    title: "Two event types",
    mend: `The subject and the body name different types. ${anew}`,
    mendable: false
  },
  bad_id: { title: "Bad id", mend: `An id has 1 to 64 characters of A-Z, a-z, 0-9, _ and -. ${anew}`, mendable: false },
  bad_timestamp: { title: "Bad timestamp", mend: `It must be RFC 3339 with a zone. ${anew}`, mendable: false },
  data_not_object: { title: "Data is no object", mend: anew, mendable: false },
  reserved_type: {
    title: "Reserved event type",
    mend: `Events about webhooks are made here, and cannot be published. ${anew}`,
    mendable: false
  },
  unknown_type: { title: "Unknown event type", mend: "Once the type is in the catalogue, release it.", mendable: true },
  schema: {
    title: "Does not fit its schema",
    mend: "If the schema was wrong, release it once the catalogue is mended. Else publish it anew.",
    mendable: true
  }
}

/** Of a reason that this page does not know yet, its name. */
export const reasonOf = (reason: string): Reason =>
  reasons[reason] ?? { title: reason, mend: "Mend the cause, then release it.", mendable: true }

/** `project.exploded` of `events.ws_1.project.exploded`; undefined for a subject of another shape. */
export const typeOf = (subject: string): string | undefined => /^events\.[^.]+\.([^.]+\.[^.]+)$/.exec(subject)?.[1]
