import ipaddr from "ipaddr.js"
import { isIP } from "node:net"

/**
 * Which addresses a request may go to (CONTRACT 8): public unicast ones, and what an operator allows. Pure; whatever
 * cannot be understood is refused.
 */
type Address = ipaddr.IPv4 | ipaddr.IPv6

/** An operator's CIDR, parsed. */
export type AllowedRange = readonly [network: Address, bits: number]

const globalUnicast: readonly [ipaddr.IPv6, number] = [ipaddr.IPv6.parse("2000::"), 3]

/** Addresses that pass for public but are a cloud's own: Azure's wire server answers on this one in every network. */
const special = new Map([["168.63.129.16", "a cloud provider's internal address"]])

/** What ipaddr.js calls a range, in words for a person. */
const rangeNames: Readonly<Record<string, string>> = {
  loopback: "a loopback address",
  private: "a private address",
  uniqueLocal: "a private address",
  linkLocal: "a link-local address",
  carrierGradeNat: "a carrier's internal address",
  multicast: "a multicast address",
  broadcast: "the broadcast address",
  unspecified: "the unspecified address",
  rfc6052: "an IPv4 address behind NAT64",
  rfc6145: "a translated IPv4 address",
  "6to4": "a 6to4 address",
  teredo: "a Teredo address"
}

const network = (text: string): readonly [ipaddr.IPv6, number] => ipaddr.IPv6.parseCIDR(text)

/** Where transition mechanisms carry an IPv4 address inside an IPv6 one (RFC 6052, 3056, 4380). */
const carriers: ReadonlyArray<
  { readonly within: readonly [ipaddr.IPv6, number]; readonly embedded: (bytes: Array<number>) => Array<Array<number>> }
> = [
  { within: network("64:ff9b::/96"), embedded: (bytes) => [bytes.slice(12, 16)] },
  { within: network("2002::/16"), embedded: (bytes) => [bytes.slice(2, 6)] },
  {
    within: network("2001::/32"),
    embedded: (bytes) => [bytes.slice(4, 8), bytes.slice(12, 16).map((byte) => byte ^ 0xff)]
  }
]

const matches = (address: Address, [base, bits]: AllowedRange): boolean =>
  address.kind() === base.kind() && address.match(base, bits)

/** IPv4 addresses that an IPv6 one would reach through a translator or tunnel. */
const embeddedIn = (address: Address): ReadonlyArray<ipaddr.IPv4> =>
  address instanceof ipaddr.IPv6
    ? carriers.filter(({ within }) => address.match(...within))
      .flatMap(({ embedded }) => embedded(address.toByteArray()))
      .map((bytes) => new ipaddr.IPv4(bytes))
    : []

const judge = (address: Address, allowed: ReadonlyArray<AllowedRange>): string | undefined => {
  if (allowed.some((range) => matches(address, range))) {
    // Allowing a translator's prefix says nothing of the addresses behind it.
    for (const inner of embeddedIn(address)) {
      const reason = judge(inner, allowed)
      if (reason !== undefined) return reason
    }
    return undefined
  }
  const range = address.range()
  if (range !== "unicast") return rangeNames[range] ?? "a reserved address"
  if (address instanceof ipaddr.IPv6 && !address.match(...globalUnicast)) return "a reserved address"
  return special.get(address.toString())
}

/** What forbids this address, such as "a private address", or undefined when a request may go there. */
export const judgeAddress = (ip: string, allowed: ReadonlyArray<AllowedRange>): string | undefined => {
  if (isIP(ip) === 0) return "no IP address"
  try {
    // `process` takes an IPv4-mapped address for the IPv4 address that it is.
    return judge(ipaddr.process(ip), allowed)
  } catch {
    return "no IP address"
  }
}

/** A CIDR such as `10.0.0.0/8` or `fd00::/8`; undefined for anything else, IPv4-mapped and bare addresses included. */
export const parseRange = (cidr: string): AllowedRange | undefined => {
  const match = /^([0-9a-fA-F.:]+)\/(0|[1-9]\d{0,2})$/.exec(cidr)
  const [ip, bits] = [match?.[1] ?? "", Number(match?.[2])]
  const family = isIP(ip)
  if (family === 0 || bits > (family === 4 ? 32 : 128)) return undefined
  const address = ipaddr.parse(ip)
  return address.range() === "ipv4Mapped" ? undefined : [address, bits]
}
