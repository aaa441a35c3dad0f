/**
 * The body that endpoints receive (CONTRACT 5): keys in a fixed order, no white space outside `data`, and the bytes of
 * `data` from its `{` to its `}` as they were published. Made once per event; every attempt sends these bytes.
 */
export interface EnvelopeFields {
  readonly id: string
  readonly type: string
  readonly timestamp: string
  readonly workspaceId: string
}

/**
 * The four fields must be ASCII that needs no escaping: tokens, an event type, a timestamp. The bytes are copied, so
 * the envelope holds on to nothing of the message from which it was made.
 */
export const envelope = (fields: EnvelopeFields, data: Uint8Array): Uint8Array => {
  const head =
    `{"id":"${fields.id}","event":"${fields.type}","timestamp":"${fields.timestamp}","workspace_id":"${fields.workspaceId}","data":`
  const body = Buffer.allocUnsafe(head.length + data.length + 1)
  body.write(head, 0, "latin1")
  body.set(data, head.length)
  body[body.length - 1] = 0x7d
  return body
}
