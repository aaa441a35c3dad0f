import type { Sqlite } from "./Sqlite.ts"

/**
 * Small numbers for workspaces, webhooks and event types, which keep rows and indexes small. Given out in the order of first mention, so that they
 * differ from one rebuild to the next: they never leave this folder.
 */
export class Numbers {
  readonly #file: Sqlite
  readonly #workspaces = new Map<string, number>()
  readonly #types = new Map<string, number>()
  readonly #webhooks = new Map<string, number>()

  constructor(file: Sqlite) {
    this.#file = file
    for (const [number, id] of file.statement("SELECT number, id FROM workspaces").all([])) {
      this.#workspaces.set(String(id), Number(number))
    }
    for (const [number, name] of file.statement("SELECT number, name FROM types").all([])) {
      this.#types.set(String(name), Number(number))
    }
    for (const [number, id] of file.statement("SELECT number, id FROM webhooks").all([])) {
      this.#webhooks.set(String(id), Number(number))
    }
  }

  workspace(id: string): number {
    return this.#of(
      this.#workspaces,
      id,
      (number) => this.#file.statement("INSERT INTO workspaces VALUES (?, ?)").run([number, id])
    )
  }

  type(name: string): number {
    return this.#of(
      this.#types,
      name,
      (number) => this.#file.statement("INSERT INTO types VALUES (?, ?)").run([number, name])
    )
  }

  webhook(id: string, workspaceId: string): number {
    return this.#of(
      this.#webhooks,
      id,
      (number) =>
        this.#file.statement("INSERT INTO webhooks (number, id, workspace) VALUES (?, ?, ?)").run([
          number,
          id,
          this.workspace(workspaceId)
        ])
    )
  }

  #of(known: Map<string, number>, name: string, insert: (number: number) => void): number {
    const number = known.get(name)
    if (number !== undefined) return number
    const next = known.size + 1
    insert(next)
    known.set(name, next)
    return next
  }
}
