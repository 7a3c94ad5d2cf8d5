import { bytesOf, textOf } from '../../control/http/text.ts'
import { formatIpv4, type Ipv4Address, parseIpv4 } from '../../wire/ipv4-address.ts'
import { formatMac, parseMac } from '../../wire/mac-address.ts'
import type { Peer } from './peer-table.ts'

/** A container has come to a network on another host, or gone (ov_serf.go). */
export interface PeerEvent {
  readonly action: 'join' | 'leave'
  readonly network: string
  readonly peer: Peer
}

export function eventName(network: string, { vtep, endpointId }: Peer): string {
  return `jl ${formatIpv4(vtep)} ${network} ${endpointId}`
}

export function eventPayload(action: PeerEvent['action'], peer: Peer): Uint8Array {
  const { address, mask, mac } = peer
  return bytesOf(`${action} ${formatIpv4(address)} ${formatIpv4(mask)} ${formatMac(mac)}`)
}

/** @returns null of an event of something else. */
export function parseEvent(name: string, payload: Uint8Array): PeerEvent | null {
  const [kind, vtepText = '', network, endpointId] = name.split(' ')
  const [action, addressText = '', maskText = '', macText = ''] = textOf(payload).split(' ')
  const vtep = parseIpv4(vtepText)
  const address = parseIpv4(addressText)
  const mask = parseIpv4(maskText)
  const mac = parseMac(macText)
  if (kind !== 'jl' || network === undefined || endpointId === undefined) return null
  if (vtep === null || address === null || mask === null || mac === null) return null
  if (action !== 'join' && action !== 'leave') return null
  return { action, network, peer: { endpointId, address, mask, mac, vtep, isLocal: false } }
}

export const LOOKUP_QUERY = 'peerlookup'

export function lookupPayload(network: string, address: Ipv4Address): Uint8Array {
  return bytesOf(`${network} ${formatIpv4(address)}`)
}

export function parseLookup(payload: Uint8Array): { network: string; address: Ipv4Address } | null {
  const [network, text = ''] = textOf(payload).split(' ')
  const address = parseIpv4(text)
  return network === undefined || address === null ? null : { network, address }
}

export function lookupAnswer({ mac, mask, vtep }: Peer): Uint8Array {
  return bytesOf(`${formatMac(mac)} ${formatIpv4(mask)} ${formatIpv4(vtep)}`)
}

/** @returns the peer under the id that stands for one of whom only this is known. */
export function parseAnswer(payload: Uint8Array, address: Ipv4Address): Peer | null {
  const [macText = '', maskText = '', vtepText = ''] = textOf(payload).split(' ')
  const mac = parseMac(macText)
  const mask = parseIpv4(maskText)
  const vtep = parseIpv4(vtepText)
  if (mac === null || mask === null || vtep === null) return null
  return { endpointId: 'dummy', address, mask, mac, vtep, isLocal: false }
}
