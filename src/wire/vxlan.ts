import { read24, write24 } from './byte-order.ts'
import { type Frame, VXLAN_HEADER_BYTES } from './frame.ts'

const FLAGS = 0
const VNI = 4

/** The VNI is valid (RFC 7348): the only flag that plain VXLAN knows. */
const FLAG_VNI = 0x08

/** IANA's port, and the one that Linux takes when none is configured. */
export const VXLAN_PORT = 4789
export const VXLAN_PORT_LINUX = 8472

/** Reads flags and VNI; the reserved bytes are not kept. @returns where the inner frame begins. */
export function parseVxlan(bytes: Uint8Array, at: number, frame: Frame): number {
  frame.vxlanFlags = bytes[at + FLAGS]!
  frame.vni = read24(bytes, at + VNI)
  return at + VXLAN_HEADER_BYTES
}

/** @returns where the inner frame begins. */
export function emitVxlan(frame: Frame, out: Uint8Array, at: number): number {
  out[at + FLAGS] = frame.vxlanFlags
  write24(out, at + VNI, frame.vni)
  return at + VXLAN_HEADER_BYTES
}

export function describeVxlan(frame: Frame): string {
  const letters = (frame.vxlanFlags & FLAG_VNI) === 0 ? '.' : 'I'
  const hex = frame.vxlanFlags.toString(16).padStart(2, '0')
  return `VXLAN, flags [${letters}] (0x${hex}), vni ${frame.vni}`
}
