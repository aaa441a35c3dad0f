import type { Endpoint } from "./Endpoint.ts"
import { Fifo } from "./Fifo.ts"

/**
 * Endpoints that wait for a place in the process: round-robin by workspace, then by webhook, so that neither a workspace with many webhooks nor a
 * webhook with much to do comes first more often than others.
 */
export class Turns {
  readonly #workspaces = new Fifo<string>()
  readonly #waiting = new Map<string, Fifo<Endpoint>>()
  readonly #members = new Set<Endpoint>()

  get size(): number {
    return this.#members.size
  }

  add(endpoint: Endpoint): void {
    if (this.#members.has(endpoint)) return
    this.#members.add(endpoint)
    const waiting = this.#waiting.get(endpoint.workspaceId)
    if (waiting !== undefined) return waiting.push(endpoint)
    const first = new Fifo<Endpoint>()
    first.push(endpoint)
    this.#waiting.set(endpoint.workspaceId, first)
    this.#workspaces.push(endpoint.workspaceId)
  }

  next(): Endpoint | undefined {
    const workspaceId = this.#workspaces.shift()
    if (workspaceId === undefined) return undefined
    const waiting = this.#waiting.get(workspaceId)
    const endpoint = waiting?.shift()
    if (waiting !== undefined && waiting.size > 0) this.#workspaces.push(workspaceId)
    else this.#waiting.delete(workspaceId)
    if (endpoint !== undefined) this.#members.delete(endpoint)
    return endpoint
  }
}
