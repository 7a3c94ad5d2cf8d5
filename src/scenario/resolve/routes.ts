/** Routes that an operator adds to the routers by hand. */
import { contains, formatIpv4, formatPrefix, maskOf, overlaps } from '../../wire/ipv4-address.ts'
import type { FabricRouteModel } from '../model.ts'
import type { AddressPlan } from './addresses.ts'
import type { Context } from './context.ts'

const ROUTES = ['fabric', 'routes'] as const

export function resolveRoutes(context: Context, plan: AddressPlan): readonly FabricRouteModel[] {
  const { routes, routing, subnet } = context.input.fabric
  if (routes.length > 0 && routing === 'bgp') {
    const message = 'routers that speak BGP tell each other only of their own subnets here'
    context.report('conflict', [...ROUTES], message, 'routing: static', 'key')
    return []
  }
  routes.forEach(({ to, via }, i) => {
    if (overlaps(to, subnet)) {
      const message = `${formatPrefix(to)} overlaps ${formatPrefix(subnet)}, the subnet of the hosts`
      context.report('overlap', [...ROUTES, i, 'to'], message, 'a block that no host is in')
    }
    if (isServed(context, plan, via)) return
    const message = `no router has a port to ${formatIpv4(via)}`
    const remedy = 'the address of a host, in a fabric with routers (fabric.gateway: true)'
    context.report('conflict', [...ROUTES, i, 'via'], message, remedy)
  })
  return routes
}

function isServed(context: Context, { hosts }: AddressPlan, via: number): boolean {
  const inside = hosts.some(({ address, gateway }) => address === via && gateway !== null)
  const vlans = context.input.fabric.vlans.flatMap(({ gateway }) => gateway ?? [])
  return (
    inside ||
    vlans.some(({ address, length }) => contains({ base: address & maskOf(length), length }, via))
  )
}
