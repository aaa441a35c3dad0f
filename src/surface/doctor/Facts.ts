import type { BrokerSurvey, Sync } from "../../broker/BrokerSurvey.ts"

/** What `hookline doctor` found out; what follows from it is in Findings.ts. Holds no secret: only ids of keys and names of files. */
export interface Facts {
  readonly node: { readonly version: string; readonly range: string }
  /** The first setting that cannot be used; nothing else was looked at then. */
  readonly invalidSetting: string | undefined
  readonly site: Site | undefined
}

export interface Site {
  /** Of the embedded broker: its data directory. */
  readonly directory: Directory | undefined
  readonly operatorKey: Key
  readonly masterKeys: Key & {
    /** The sealing one first. */
    readonly ids: ReadonlyArray<string>
  }
  /** Undefined where none is set. `problem`: one of the files of HOOKLINE_TLS_… cannot be used. Milliseconds since the epoch. */
  readonly clientCertificate:
    | { readonly validFrom: number; readonly validTo: number; readonly now: number }
    | { readonly problem: string }
    | undefined
  readonly proxy: Proxy | undefined
  readonly api: Api
  /** Where hookline would listen, when it does not run. */
  readonly ports: ReadonlyArray<Port>
  readonly broker: Broker
  /** Only where the store is on this machine. */
  readonly disk: { readonly path: string; readonly free: number; readonly mayGrow: number } | undefined
}

/** HOOKLINE_PROXY, without its login. */
interface Proxy {
  readonly address: string
  readonly login: boolean
  readonly resolves: boolean
  /** Why no connection is made. */
  readonly unreachable: string | undefined
}

export interface Directory {
  readonly path: string
  readonly exists: boolean
  readonly unusable: string | undefined
  readonly open: boolean
  readonly hasStore: boolean
}

export interface Key {
  /** The variable it is given by, or the file that holds it or would. */
  readonly source: string
  readonly isFile: boolean
  readonly state: "usable" | "missing" | "unusable"
  /** Why it is unusable. */
  readonly detail?: string
  /** Others than the file's owner may read it. */
  readonly open: boolean
}

export interface Api {
  readonly url: string
  /** `silent`: nobody answers. `strange`: somebody else does. */
  readonly state: "ready" | "not ready" | "silent" | "strange"
  /** What is not well. */
  readonly failing: ReadonlyArray<string>
}

export interface Port {
  readonly variable: string
  readonly port: number
  readonly taken: boolean
}

/** `stopped`: the embedded one, with the binary that the next start would use. */
export type Broker =
  | {
    readonly state: "running"
    readonly embedded: boolean
    /** Without credentials. */
    readonly address: string
    readonly survey: BrokerSurvey
    readonly sync: Sync
    /** How many webhooks' secrets each key seals; undefined when SECRETS could not be read. */
    readonly sealedBy: Readonly<Record<string, number>> | undefined
  }
  | {
    readonly state: "stopped"
    readonly binary: { readonly source: string; readonly version: string } | { readonly problem: string }
    readonly sync: Sync
  }
  | { readonly state: "unreachable"; readonly embedded: boolean; readonly detail: string }
