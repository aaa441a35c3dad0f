/** A published advisory about nats-server. */
export interface Advisory {
  /** As it is looked up: https://advisories.nats.io, https://github.com/nats-io/nats-server/security/advisories. */
  readonly id: string
  /** Rising, one a line (2.11, 2.12): what is older than the fix of its own line, or of the newest when its line has none, is affected. */
  readonly fixedIn: ReadonlyArray<string>
  /** Whom it concerns, in a line. */
  readonly about: string
}

/**
 * Those that concern a version hookline may be run with (2.11 and later), as they were known in November 2026. There may be later ones: this
 * list tells what is known to be wrong, not that nothing is.
 */
const advisories: ReadonlyArray<Advisory> = [
  {
    id: "CVE-2025-30215",
    fixedIn: ["2.10.27", "2.11.1"],
    about: "a user of one account could change and delete streams of other accounts"
  },
  {
    id: "CVE-2026-27889",
    fixedIn: ["2.11.14", "2.12.5"],
    about: "anybody who reaches its WebSocket port could end the server"
  },
  {
    id: "CVE-2026-33246",
    fixedIn: ["2.11.15", "2.12.6"],
    about: "a leaf node could claim to be somebody else in the Nats-Request-Info header"
  },
  {
    id: "CVE-2026-33248",
    fixedIn: ["2.11.15", "2.12.6"],
    about: "users told by their TLS certificates (verify_and_map) could be taken for others"
  },
  {
    id: "GHSA-9983-vrx2-fg9c",
    fixedIn: ["2.11.15", "2.12.6"],
    about: "a user who may restore one stream could restore it over another"
  },
  {
    id: "GHSA-38x3-76xf-cq45",
    fixedIn: ["2.11.16", "2.12.7", "2.14.0"],
    about: "with no_auth_user, anybody who reaches its cluster or leaf node port was let in"
  },
  {
    id: "GHSA-jx8g-9g95-6322",
    fixedIn: ["2.11.16", "2.12.7", "2.14.0"],
    about: "a user who is denied a subject could subscribe to it in a queue"
  }
]

/** Major, minor and patch; what comes before a release (`-RC.1`) counts as the patch before it. */
const partsOf = (version: string): readonly [number, number, number] | undefined => {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-)?/.exec(version)
  return match === null
    ? undefined
    : [Number(match[1]), Number(match[2]), Number(match[3]) - (match[4] === undefined ? 0 : 0.5)]
}

/** Negative when the first is the older one; 0 also when one of them is no version. */
export const compareVersions = (a: string, b: string): number => {
  const [left, right] = [partsOf(a), partsOf(b)]
  if (left === undefined || right === undefined) return 0
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2]
}

const line = (version: string): string => partsOf(version)?.slice(0, 2).join(".") ?? ""

const affects = (version: string) => ({ fixedIn }: Advisory): boolean =>
  compareVersions(version, fixedIn.find((fixed) => line(fixed) === line(version)) ?? fixedIn.at(-1) ?? version) < 0

export const advisoriesOf = (version: string): ReadonlyArray<Advisory> => advisories.filter(affects(version))
