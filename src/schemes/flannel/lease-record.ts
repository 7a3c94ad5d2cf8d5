/** Leases as they stand in the store: their keys, their values. */
import {
  formatIpv4,
  type Ipv4Address,
  type Ipv4Prefix,
  parseIpv4,
  parsePrefix,
} from '../../wire/ipv4-address.ts'
import { formatMac, type MacAddress, parseMac } from '../../wire/mac-address.ts'
import type { Lease } from './lease.ts'
import type { FlannelVersion } from './options.ts'

/** What a host tells of itself (LeaseAttrs of pkg/lease). */
export interface LeaseAttributes {
  readonly publicIp: Ipv4Address
  /** Empty of the udp backend, which says nothing of itself. */
  readonly backendType: string
  readonly vtepMac: MacAddress | null
}

/** `10.1.15.0-24`. */
export function subnetKey({ base, length }: Ipv4Prefix): string {
  return `${formatIpv4(base)}-${length}`
}

/** @returns the subnet that a key ends with; null when it is none. */
export function parseSubnetKey(key: string): Ipv4Prefix | null {
  const match = /(\d+\.\d+\.\d+\.\d+)-(\d+)$/.exec(key)
  return match === null ? null : parsePrefix(`${match[1]}/${match[2]}`)
}

/** What flanneld marshals, fields in its order. */
export function encodeAttributes(
  { publicIp, backendType, vtepMac }: LeaseAttributes,
  vni: number,
  version: FlannelVersion,
): string {
  return JSON.stringify({
    PublicIP: formatIpv4(publicIp),
    // IPv6 came with 0.14.
    ...(version === '0.11' ? {} : { PublicIPv6: null }),
    ...(backendType === '' ? {} : { BackendType: backendType }),
    ...(vtepMac === null ? {} : { BackendData: backendData(vtepMac, vni, version) }),
  })
}

/** Of the vxlan backend. */
export function backendData(vtepMac: MacAddress, vni: number, version: FlannelVersion): object {
  const VtepMAC = formatMac(vtepMac)
  return version === '0.11' ? { VtepMAC } : { VNI: vni, VtepMAC }
}

/** @returns null when the text is no lease, such as one without PublicIP. */
export function decodeAttributes(text: string): LeaseAttributes | null {
  const json = parseObject(text)
  const publicIp = json === null ? null : parseIpv4(String(json['PublicIP']))
  if (json === null || publicIp === null) return null
  return {
    publicIp,
    backendType: String(json['BackendType'] ?? ''),
    vtepMac: vtepMacOf(json['BackendData']),
  }
}

/** @param data `{ VtepMAC }`. */
export function vtepMacOf(data: unknown): MacAddress | null {
  if (typeof data !== 'object' || data === null) return null
  return parseMac(String((data as Readonly<Record<string, unknown>>)['VtepMAC']))
}

export function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? (value as Record<string, unknown> | null) : null
  } catch {
    return null
  }
}

/** As the backend takes it. */
export function leaseOf(subnet: Ipv4Prefix, { publicIp, vtepMac }: LeaseAttributes): Lease {
  return { subnet, publicIp, vtepMac }
}
