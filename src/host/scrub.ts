import type { NetDevice } from '../stack/device.ts'
import { ETHERNET_HEADER_BYTES, type Frame, VLAN_TAG_BYTES } from '../wire/frame.ts'

/**
 * skb_scrub_packet: what one stack noted on a packet and the next must not see. The conntrack entry
 * always goes, the mark only where the packet leaves its namespace.
 */
export function scrub(frame: Frame, crossesNamespace: boolean): Frame {
  const markStays = frame.mark === 0 || !crossesNamespace
  if (frame.conntrack === null && frame.fragmentMax === 0 && markStays) return frame
  const clean = frame.writable()
  clean.conntrack = null
  clean.fragmentMax = 0
  if (crossesNamespace) clean.mark = 0
  return clean
}

/**
 * is_skb_forwardable: whether a device takes a frame of this length that was not made for it. A unit
 * always: the kernel does not know here whether it will be cut, and does not look at its segments.
 */
export function fits(frame: Frame, device: NetDevice): boolean {
  return frame.length <= device.mtu + ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES || frame.gsoSize !== 0
}

/** Books a frame that `fits` refused. */
export function dropTooBig(frame: Frame, device: NetDevice): void {
  const row = frame.trace === 0 ? undefined : `mtu ${device.mtu}`
  device.namespace.drop(frame, 'packet_too_big', device, row)
}
