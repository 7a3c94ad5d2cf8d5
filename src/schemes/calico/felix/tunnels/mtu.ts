import type { IPPoolSpec } from '../../datastore/model.ts'

export type TunnelKind = 'ipip' | 'vxlan'

/** Bytes before an inner packet: an IPv4 header; with VXLAN also UDP, VXLAN and an inner Ethernet header. */
const OVERHEAD = { ipip: 20, vxlan: 50 } as const

/** MTU of a tunnel device, unless FelixConfiguration says another. @param hostMtu of the NIC. */
export function tunnelMtu(kind: TunnelKind, hostMtu: number): number {
  return hostMtu - OVERHEAD[kind]
}

export function usesTunnel(kind: TunnelKind, pool: IPPoolSpec): boolean {
  const mode = kind === 'ipip' ? pool.ipipMode : pool.vxlanMode
  return (mode ?? 'Never') !== 'Never'
}
