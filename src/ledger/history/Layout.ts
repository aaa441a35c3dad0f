import { blockOf } from "./Blocks.ts"
import { open, remove, type Sqlite } from "./Sqlite.ts"

/**
 * The tables of the history: a fold of EVENTS, WEBHOOKS, DELIVERIES and QUARANTINE that can be thrown away. Times are broker milliseconds.
 * Whoever changes a table, or what is written into one, raises the version: the file is then made anew from the streams.
 */
const version = 2

const tables = `
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE positions (stream TEXT PRIMARY KEY, created TEXT NOT NULL, sequence INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE workspaces (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE types (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- recent: the last attempts, one bit each, the newest lowest, 1 for success.
CREATE TABLE webhooks (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, workspace INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0,
  recent INTEGER NOT NULL DEFAULT 0, recent_count INTEGER NOT NULL DEFAULT 0,
  last_attempt_at INTEGER, last_success_at INTEGER, failing_since INTEGER, last_error TEXT, last_error_at INTEGER
);
CREATE INDEX webhooks_of_workspace ON webhooks (workspace);
CREATE TABLE facts (sequence INTEGER PRIMARY KEY, webhook INTEGER NOT NULL, recorded_at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX facts_of_webhook ON facts (webhook, sequence);

-- What can be read as an event, whatever came of it. size: NULL once it has left EVENTS and only its deliveries tell of it.
CREATE TABLE events (
  sequence INTEGER PRIMARY KEY, workspace INTEGER NOT NULL, type INTEGER NOT NULL, id TEXT NOT NULL,
  published_at INTEGER NOT NULL, size INTEGER
);
-- Tables of their own: streams are read side by side, and what is said of an event may be read before it.
CREATE TABLE duplicates (event_sequence INTEGER PRIMARY KEY, first_sequence INTEGER NOT NULL);
CREATE TABLE quarantined (event_sequence INTEGER PRIMARY KEY, entry INTEGER NOT NULL, reason TEXT NOT NULL);

CREATE TABLE deliveries (
  event_sequence INTEGER NOT NULL, webhook INTEGER NOT NULL, workspace INTEGER NOT NULL, type INTEGER NOT NULL, key INTEGER NOT NULL,
  status INTEGER NOT NULL, event_id TEXT NOT NULL, state TEXT NOT NULL, round INTEGER NOT NULL, attempt INTEGER NOT NULL,
  round_attempt INTEGER NOT NULL, round_start INTEGER NOT NULL, due_at INTEGER NOT NULL, held_reason TEXT, held_since INTEGER NOT NULL,
  fail_reason TEXT, published_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, webhook_revision INTEGER NOT NULL,
  webhooks_sequence INTEGER NOT NULL, epoch INTEGER NOT NULL, step INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  record_sequence INTEGER NOT NULL, last_class TEXT, last_status INTEGER, last_latency REAL, last_error TEXT,
  PRIMARY KEY (event_sequence, webhook)
) WITHOUT ROWID;

-- The rest of an attempt (response, headers, address) stays in its record. A crash can repeat a number: then the epochs differ.
CREATE TABLE attempts (
  event_sequence INTEGER NOT NULL, webhook INTEGER NOT NULL, attempt INTEGER NOT NULL, epoch INTEGER NOT NULL,
  record_sequence INTEGER NOT NULL, PRIMARY KEY (event_sequence, webhook, attempt, epoch)
) WITHOUT ROWID;

-- seconds: 60 or 3600. latencies: how many attempts in each class of Latencies.ts.
CREATE TABLE series (
  webhook INTEGER NOT NULL, seconds INTEGER NOT NULL, start INTEGER NOT NULL, succeeded INTEGER NOT NULL, failed INTEGER NOT NULL,
  latencies BLOB NOT NULL, PRIMARY KEY (webhook, seconds, start)
) WITHOUT ROWID;
`

/**
 * Two things keep an insert cheap: new entries stand beside the newest ones (see Blocks.ts), and what changes is in no index but the small one of
 * what has not succeeded. Made after a rebuild has read what there is: filling them row by row takes twice as long. Each costs every delivery a few microseconds, so that
 * there is none for what Deliveries.ts can find by way of another.
 */
const indexes = `
CREATE INDEX IF NOT EXISTS events_by_id ON events (${blockOf("sequence")}, id);
CREATE INDEX IF NOT EXISTS events_of_workspace ON events (workspace, sequence);
CREATE INDEX IF NOT EXISTS events_by_type ON events (workspace, type, sequence);
CREATE INDEX IF NOT EXISTS deliveries_by_key ON deliveries (${blockOf("event_sequence")}, key);
CREATE INDEX IF NOT EXISTS deliveries_of_workspace ON deliveries (workspace, event_sequence, webhook);
CREATE INDEX IF NOT EXISTS deliveries_of_webhook ON deliveries (webhook, event_sequence);
CREATE INDEX IF NOT EXISTS deliveries_by_status ON deliveries (webhook, status, event_sequence) WHERE status > 0;
`

/** The streams a history is of, with their creation times: a stream made anew makes the history another one. */
export type Streams = ReadonlyMap<string, string>

const fits = (file: Sqlite, streams: Streams): boolean => {
  try {
    const [known] = file.statement("SELECT value FROM about WHERE key = 'version'").get([]) ?? []
    if (known !== String(version)) return false
    const positions = file.statement("SELECT stream, created FROM positions").all([])
    return positions.length === streams.size &&
      positions.every(([stream, created]) => streams.get(String(stream)) === created)
  } catch {
    return false
  }
}

const create = (file: Sqlite, streams: Streams): void => {
  file.exec("BEGIN")
  file.exec(tables)
  file.statement("INSERT INTO about VALUES ('version', ?)").run([String(version)])
  for (const [stream, created] of streams) {
    file.statement("INSERT INTO positions VALUES (?, ?, 0)").run([stream, created])
  }
  file.exec("COMMIT")
}

const attempt = (path: string): Sqlite | undefined => {
  try {
    return open(path)
  } catch {
    // Torn, or no database at all: it is a cache.
    return undefined
  }
}

/** Opens the file; one that is damaged, of another version or of other streams is replaced by an empty one. */
export const openHistory = (path: string, streams: Streams): Sqlite => {
  const found = attempt(path)
  if (found !== undefined && fits(found, streams)) return found
  found?.close()
  remove(path)
  const made = open(path)
  create(made, streams)
  return made
}

export const makeIndexes = (file: Sqlite): void => file.exec(indexes)

/** Whether the rebuild that filled the file is done. */
export const hasIndexes = (file: Sqlite): boolean =>
  file.statement("SELECT 1 FROM sqlite_schema WHERE name = 'deliveries_by_status'").get([]) !== undefined
