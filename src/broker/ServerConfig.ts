import { join } from "node:path"
import type { HooklineConfig } from "../Config.ts"
import type { BrokerFile } from "./BrokerFile.ts"
import { storeDirectory } from "./DataDirectory.ts"

/** Room for WEBHOOKS, the buckets and the snapshots, beside the streams that have a size of their own. */
const further = 16 * 1024 ** 3

/**
 * Bytes the store may take. Not a guard against a full disk but room that the streams' own limits are reserved from; without it the server
 * takes 75 % of what is free at the moment.
 */
export const storeLimit = (
  config: Pick<HooklineConfig, "eventsMaxBytes" | "deliveriesMaxBytes" | "quarantineMaxBytes">
): number => config.eventsMaxBytes + config.deliveriesMaxBytes + config.quarantineMaxBytes + further

/** Names and paths that the broker and those who look after it must agree on. */
export const files = (directory: string) => ({
  config: join(directory, "nats-server.conf"),
  log: join(directory, "nats.log"),
  pid: join(directory, "nats.pid"),
  store: join(directory, storeDirectory)
})

/** JSON's escapes of what may be in a path are those of the server's format too. */
const text = (value: string): string => JSON.stringify(value)

/**
 * The embedded broker's configuration. Publishers have an account of their own that imports `events.>`: an account is a subject space, so
 * a publisher may subscribe to `_INBOX.>` for the acknowledgements of its publishes, and sees nobody else's replies there. Measured with
 * 2.11.6: no slower than publishing inside the account of the streams (31k and 31k awaited publishes a second).
 */
export const serverConfig = (
  directory: string,
  broker: BrokerFile,
  options: { readonly name: string; readonly sync: "always" | "2m" }
): string => {
  const file = files(directory)
  return `# Written by hookline at each start of its embedded broker; changes are lost.
server_name: ${text(options.name)}
listen: ${text(`127.0.0.1:${broker.port}`)}
pid_file: ${text(file.pid)}
log_file: ${text(file.log)}
logfile_size_limit: 8MB
logfile_max_num: 3
max_payload: 2MB
write_deadline: "10s"
jetstream {
  store_dir: ${text(file.store)}
  sync_interval: ${text(options.sync)}
  max_file_store: ${broker.maxStore}
  max_memory_store: ${64 * 1024 ** 2}
}
accounts {
  HOOKLINE {
    jetstream: enabled
    users: [{ user: ${text(broker.operator.user)}, password: ${text(broker.operator.password)} }]
    exports: [{ service: "events.>", accounts: [PUBLISHERS] }]
  }
  PUBLISHERS {
    users: [{
      user: ${text(broker.publisher.user)}, password: ${text(broker.publisher.password)}
      permissions: { publish: { allow: ["events.>"] }, subscribe: { allow: ["_INBOX.>"] } }
    }]
    imports: [{ service: { account: HOOKLINE, subject: "events.>" } }]
  }
}
`
}
