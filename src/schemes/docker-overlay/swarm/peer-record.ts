import { ProtobufReader, ProtobufWriter } from '../../../control/gossip/networkdb/protobuf.ts'
import {
  formatIpv4,
  type Ipv4Address,
  maskOf,
  parseInterfaceAddress,
  parseIpv4,
} from '../../../wire/ipv4-address.ts'
import { formatMac, parseMac } from '../../../wire/mac-address.ts'
import type { Peer } from '../peer-table.ts'

/** Where hosts tell where an endpoint is, by its id (overlay.proto). */
export const PEER_TABLE = 'overlay_peer_table'
/** Where they tell its name (agent.proto). */
export const ENDPOINT_TABLE = 'endpoint_table'

/** @param length of the subnet's prefix. */
export function encodePeer({ address, mac, vtep }: Peer, length: number): Uint8Array {
  return new ProtobufWriter()
    .text(1, `${formatIpv4(address)}/${length}`)
    .text(2, formatMac(mac))
    .text(3, formatIpv4(vtep))
    .finish()
}

/** All hosts get the same bytes of an endpoint: they are read once. */
const decoded = new WeakMap<Uint8Array, Peer>()

/** @returns null for what is no record of a peer. */
export function decodePeer(endpointId: string, value: Uint8Array): Peer | null {
  const known = decoded.get(value)
  if (known?.endpointId === endpointId) return known
  const peer = readPeer(endpointId, value)
  if (peer !== null) decoded.set(value, peer)
  return peer
}

function readPeer(endpointId: string, value: Uint8Array): Peer | null {
  const reader = new ProtobufReader(value)
  const texts = ['', '', '', '']
  while (reader.next()) texts[reader.field] = reader.text()
  const [, addressText = '', macText = '', vtepText = ''] = texts
  const place = parseInterfaceAddress(addressText)
  const mac = parseMac(macText)
  const vtep = parseIpv4(vtepText)
  if (reader.isBad || place === null || mac === null || vtep === null) return null
  const { address, length } = place
  return { endpointId, address, mask: maskOf(length), mac, vtep, isLocal: false }
}

/** A container's name and address, for the others' name service. */
export function encodeEndpoint(name: string, address: Ipv4Address): Uint8Array {
  return new ProtobufWriter().text(1, name).text(5, formatIpv4(address)).finish()
}
