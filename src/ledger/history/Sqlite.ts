import { Data } from "effect"
import Database from "libsql"
import { closeSync, mkdirSync, openSync, rmSync, statSync } from "node:fs"
import { dirname } from "node:path"

/** What a column can hold. */
export type Value = number | string | Uint8Array | null

/** A prepared statement. Values go in as a list and rows come out as lists: the driver aborts the process on a bare Buffer (libsql 0.5.29). */
interface Statement {
  /** Gives how many rows it changed. */
  readonly run: (values: ReadonlyArray<Value>) => number
  readonly get: (values: ReadonlyArray<Value>) => ReadonlyArray<Value> | undefined
  readonly all: (values: ReadonlyArray<Value>) => ReadonlyArray<ReadonlyArray<Value>>
}

/** One open SQLite file. Only this file knows the driver. */
export interface Sqlite {
  readonly exec: (sql: string) => void
  /** Prepared once for each text. */
  readonly statement: (sql: string) => Statement
  /** False once the file at the path is another one, or gone. */
  readonly isInPlace: () => boolean
  readonly close: () => void
}

/** Another process writes this file. */
export class FileLocked extends Data.TaggedError("FileLocked")<{ readonly path: string }> {}

/** The file and what belongs to it. */
const parts = (path: string): ReadonlyArray<string> => [path, `${path}-wal`, `${path}-shm`]

export const remove = (path: string): void => {
  for (const part of parts(path)) rmSync(part, { force: true })
}

const inode = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino

/** So many statements are kept prepared: filters come in many shapes. */
const mostStatements = 200

export const open = (path: string): Sqlite => {
  // Only the owner may read what customers' endpoints answered.
  closeSync(openSync(path, "a", 0o600))
  const ino = inode(path)
  const database = new Database(path)
  // A cache: what a power cut takes is read again. WAL with NORMAL cannot leave a torn file behind.
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536")
  database.exec("PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 8000")
  const prepared = new Map<string, Statement>()
  const prepare = (sql: string): Statement => {
    const statement = database.prepare(sql)
    const raw = statement.reader ? statement.raw(true) : statement
    return {
      run: (values) => statement.run(values).changes,
      get: (values) => raw.get(values) as ReadonlyArray<Value> | undefined,
      all: (values) => raw.all(values) as ReadonlyArray<ReadonlyArray<Value>>
    }
  }
  return {
    exec: (sql) => void database.exec(sql),
    statement: (sql) => {
      const known = prepared.get(sql)
      if (known !== undefined) return known
      if (prepared.size >= mostStatements) prepared.clear()
      const statement = prepare(sql)
      prepared.set(sql, statement)
      return statement
    },
    isInPlace: () => inode(path) === ino,
    close: () => void database.close()
  }
}

/** One writer a file: a lock of the operating system that goes with the process, however it ends. Fails with `FileLocked`. */
export const lock = (path: string): { readonly release: () => void } => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, "a", 0o600))
  const database = new Database(path, { timeout: 0 })
  try {
    database.exec("BEGIN EXCLUSIVE")
  } catch (cause) {
    database.close()
    if (cause instanceof Error && "code" in cause && cause.code === "SQLITE_BUSY") throw new FileLocked({ path })
    throw cause
  }
  return { release: () => void database.close() }
}
