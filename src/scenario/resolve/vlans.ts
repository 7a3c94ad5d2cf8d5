/** VLANs of the switches, and what the router of the fabric has of them. */
import type { InterfaceAddress } from '../../stack/device.ts'
import { formatPrefix, type Ipv4Prefix, lastOf, maskOf, overlaps } from '../../wire/ipv4-address.ts'
import type { FabricMode, VlanModel } from '../model.ts'
import type { Context } from './context.ts'
import type { Graph } from './fabric.ts'

const VLANS = ['fabric', 'vlans'] as const

interface Taken {
  readonly name: string
  readonly block: Ipv4Prefix
}

export function resolveVlans(context: Context, mode: FabricMode, graph: Graph): VlanModel[] {
  const { vlans, subnet, transit } = context.input.fabric
  if (vlans.length > 0 && mode !== 'l2') {
    const message = `VLANs span switches, and the mode of the fabric is ${mode}`
    context.report('conflict', [...VLANS], message, 'mode: l2', 'key')
    return []
  }
  const hosts = new Set(graph.nodes.filter(({ kind }) => kind === 'host').map(({ name }) => name))
  const known = context.isBroken('fabric', 'draw') ? null : hosts
  const seen = new Set<number>()
  const taken: Taken[] = [
    { name: 'the subnet of the hosts', block: subnet },
    { name: 'the links between routers', block: transit },
  ]
  return vlans.map(({ id, gateway, hosts: members }, i) => {
    if (seen.has(id)) {
      const message = `there are two VLANs ${id}`
      context.report('duplicate_name', [...VLANS, i, 'id'], message, 'say it once')
    }
    seen.add(id)
    if (gateway !== undefined) checkGateway(context, i, gateway, taken)
    members?.forEach((name, at) => {
      context.checkName(known, [...VLANS, i, 'hosts', at], 'host', name)
    })
    return { id, gateway: gateway ?? null, hosts: members ?? null }
  })
}

function checkGateway(
  context: Context,
  index: number,
  { address, length }: InterfaceAddress,
  taken: Taken[],
): void {
  const path = [...VLANS, index, 'gateway']
  const block = { base: address & maskOf(length), length }
  if (!context.input.fabric.gateway) {
    const message = 'there is no router that could have the address'
    context.report('conflict', path, message, 'fabric.gateway: true')
  }
  if (length >= 31 || address === block.base || address === lastOf(block)) {
    const message = `no host of ${formatPrefix(block)} could have this address`
    context.report('conflict', path, message, 'an address between the first and the last')
  }
  const other = taken.find((each) => overlaps(each.block, block))
  if (other !== undefined) {
    const message = `${formatPrefix(block)} overlaps ${formatPrefix(other.block)}, ${other.name}`
    context.report('overlap', path, message, 'give each VLAN a block of its own')
  }
  taken.push({ name: `VLAN ${context.input.fabric.vlans[index]!.id}`, block })
}
