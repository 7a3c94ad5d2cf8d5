import { DEFAULT_VLAN } from '../fabric/port-vlans.ts'
import type { SwitchPortOptions } from '../fabric/switch-port.ts'
import type { FabricModel } from './model.ts'

/**
 * The VLANs of a switch's port: all of the fabric, tagged, with VLAN 1 untagged.
 * @param host at the other end; only those of its VLANs are let through.
 */
export function trunkTo(
  { vlans }: FabricModel,
  host: string | null = null,
): Pick<SwitchPortOptions, 'vlans'> {
  if (vlans.length === 0) return {}
  const carried = vlans.filter(
    ({ hosts }) => host === null || hosts === null || hosts.includes(host),
  )
  return { vlans: { kind: 'trunk', allowed: [DEFAULT_VLAN, ...carried.map(({ id }) => id)] } }
}
