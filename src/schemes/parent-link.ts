import { linkAdd } from '../host/device-factory.ts'
import type { Host } from '../host/host.ts'
import { LinkError } from '../host/link-error.ts'

/** VLAN ids that a parent may have. */
const VLAN_IDS = 4094

/**
 * Makes a parent that is not there, as the engine does: `eth0.10` as VLAN 10 of eth0.
 * @returns why not, in the engine's words, or null.
 */
export function makeVlanParent(host: Host, parent: string): string | null {
  const [lower, id, ...rest] = parent.split('.')
  if (id === undefined) {
    return `invalid subinterface vlan name ${parent}, example formatting is eth0.10`
  }
  if (rest.length > 0) {
    return (
      'required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, ' +
      `instead received ${parent}`
    )
  }
  if (!/^\d+$/.test(id)) {
    return `unable to parse a valid vlan id from: ${id} (ex. eth0.10 for vlan 10)`
  }
  const below = host.root.device(lower!)
  if (below === undefined) return `-o parent interface was not found on the host: ${lower}`
  if (Number(id) < 1 || Number(id) > VLAN_IDS) {
    return `vlan id must be between 1-${VLAN_IDS}, received: ${Number(id)}`
  }
  const made = linkAdd(host.root, { name: parent, type: 'vlan', lower: below, id: Number(id) })
  if (made instanceof LinkError) return `failed to create ${parent} vlan link: ${made.message}`
  made.setUp(true)
  return null
}

/** A parent for a network without one: its children meet each other and nobody else. */
export function makeDummyParent(host: Host, parent: string): string | null {
  const made = linkAdd(host.root, { name: parent, type: 'dummy' })
  if (made instanceof LinkError) return made.message
  made.setUp(true)
  return null
}
