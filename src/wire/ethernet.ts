import { read16, read24, write16, write24 } from './byte-order.ts'
import {
  ETHERNET_HEADER_BYTES,
  ETHERTYPE_VLAN,
  type Frame,
  UNTAGGED,
  VLAN_TAG_BYTES,
} from './frame.ts'
import { formatMacHalves } from './mac-address.ts'

const DESTINATION = 0
const SOURCE = 6
const TYPE = 12
const TAG_CONTROL = 14
const TAGGED_TYPE = 16

/**
 * Reads header and 802.1Q tag of the frame [at, end) and sets `l3Length` to what follows.
 * A second tag, or one that is cut short, stays content: EtherType 0x8100.
 * @returns where the content begins.
 */
export function parseEthernet(bytes: Uint8Array, at: number, end: number, frame: Frame): number {
  frame.dstHi = read24(bytes, at + DESTINATION)
  frame.dstLo = read24(bytes, at + DESTINATION + 3)
  frame.srcHi = read24(bytes, at + SOURCE)
  frame.srcLo = read24(bytes, at + SOURCE + 3)
  frame.etherType = read16(bytes, at + TYPE)
  frame.vlan = UNTAGGED
  let content = at + ETHERNET_HEADER_BYTES
  if (frame.etherType === ETHERTYPE_VLAN && end - content >= VLAN_TAG_BYTES) {
    frame.vlan = read16(bytes, at + TAG_CONTROL)
    frame.etherType = read16(bytes, at + TAGGED_TYPE)
    content += VLAN_TAG_BYTES
  }
  frame.l3Length = Math.max(0, end - content)
  return content
}

/** @returns where the content begins. */
export function emitEthernet(frame: Frame, out: Uint8Array, at: number): number {
  write24(out, at + DESTINATION, frame.dstHi)
  write24(out, at + DESTINATION + 3, frame.dstLo)
  write24(out, at + SOURCE, frame.srcHi)
  write24(out, at + SOURCE + 3, frame.srcLo)
  if (frame.vlan < 0) {
    write16(out, at + TYPE, frame.etherType)
    return at + ETHERNET_HEADER_BYTES
  }
  write16(out, at + TYPE, ETHERTYPE_VLAN)
  write16(out, at + TAG_CONTROL, frame.vlan)
  write16(out, at + TAGGED_TYPE, frame.etherType)
  return at + ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES
}

/** `source > destination`. */
export function describeEthernet(frame: Frame): string {
  const source = formatMacHalves(frame.srcHi, frame.srcLo)
  return `${source} > ${formatMacHalves(frame.dstHi, frame.dstLo)}`
}

/** `vlan 7, p 3, ` or nothing. */
export function describeVlan(frame: Frame): string {
  if (frame.vlan < 0) return ''
  const priority = frame.vlan >>> 13
  const eligible = (frame.vlan & 0x1000) === 0 ? '' : 'DEI, '
  return `vlan ${frame.vlan & 0xfff}, ${priority === 0 ? '' : `p ${priority}, `}${eligible}`
}
