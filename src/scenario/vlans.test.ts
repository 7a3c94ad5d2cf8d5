/** VLANs, routes and reflecting ports of the fabric: what a file says, and what is built of it. */
import { describe, expect, it } from 'vitest'
import { showRoutes } from '../host/show.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { buildWorld } from './builder.ts'
import { formatIssues } from './issues.ts'
import { loadScenario } from './load.ts'
import type { World } from './world.ts'

const read = (text: string) => loadScenario(text, 'vlans.yaml', builtinSchemes)

function world(fabric: string): World {
  const loaded = read(`fabric: { ${fabric} }\nhosts: { costs: none }`)
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  return buildWorld(loaded.scenarios[0]!, builtinSchemes)
}

function faults(fabric: string): string[] {
  const loaded = read(`fabric: { ${fabric} }`)
  if (loaded.ok) return []
  return loaded.issues.map(({ path, message, remedy }) => `${path}: ${message} (${remedy})`)
}

/** Of the VLANs 1, 10 and 20 those that each port of a switch carries. */
function carried({ switches }: World, name: string): (number[] | null)[] {
  const device = switches.get(name)!
  return device.ports.map((_, index) => {
    const { vlans } = device.portState(index)
    return vlans === null ? null : [1, 10, 20].filter((id) => vlans.carries(id))
  })
}

describe('VLANs of the fabric', () => {
  it('are none by default: switches take tags for payload', () => {
    expect(carried(world('gateway: true'), 'leaf1')).toEqual([null, null, null])
  })

  it('are on all ports, those of hosts where the file says so', () => {
    const built = world(
      'mode: l2, racks: 2, hostsPerRack: 1, gateway: true, vlans: [{ id: 10 }, { id: 20, hosts: [h2] }]',
    )
    const all = [1, 10, 20]
    expect(carried(built, 'leaf1')).toEqual([[1, 10], all])
    expect(carried(built, 'leaf2')).toEqual([all, all])
    expect(carried(built, 'spine1')).toEqual([all, all, all])
  })

  it('have an interface of the router each, where it has an address', () => {
    const built = world('gateway: true, vlans: [{ id: 10, gateway: 172.30.10.254/24 }, { id: 20 }]')
    const { devices } = built.routers.get('gateway')!.namespace
    expect(devices.map(({ name }) => name)).toEqual(['vlan1', 'vlan1.10', 'vlan2'])
  })

  it('must be of switches, told apart, and have a router with an address of its own', () => {
    expect(faults('racks: 2, vlans: [{ id: 10 }]')).toEqual([
      'fabric.vlans: VLANs span switches, and the mode of the fabric is l3 (mode: l2)',
    ])
    expect(faults('vlans: [{ id: 10, hosts: [h1, h22] }, { id: 10 }]')).toEqual([
      'fabric.vlans[0].hosts[1]: there is no host "h22" (did you mean "h2"?)',
      'fabric.vlans[1].id: there are two VLANs 10 (say it once)',
    ])
    expect(faults('vlans: [{ id: 10, gateway: 172.30.10.254/24 }]')).toEqual([
      'fabric.vlans[0].gateway: there is no router that could have the address (fabric.gateway: true)',
    ])
    const vlans = (...gateways: string[]) =>
      faults(`gateway: true, vlans: [${gateways.map((g, i) => `{ id: ${i + 2}, gateway: ${g} }`)}]`)
    expect(vlans('172.30.10.0/24')[0]).toContain(
      'no host of 172.30.10.0/24 could have this address',
    )
    expect(vlans('192.168.3.1/24')[0]).toContain('overlaps 192.168.0.0/16, the subnet of the hosts')
    expect(vlans('172.30.0.1/16', '172.30.9.1/24')[0]).toContain('172.30.0.0/16, VLAN 2')
    expect(vlans('172.30.10.1')[0]).toContain('"172.30.10.1" is no address with a prefix length')
  })
})

describe('routes by hand', () => {
  it('are on the router that has the host, and the others know them from it', () => {
    const built = world('racks: 2, routes: [{ to: 10.30.0.0/24, via: 192.168.1.1 }]')
    const routes = (name: string) =>
      showRoutes(built.routers.get(name)!.namespace).lines.filter((line) =>
        line.startsWith('10.30'),
      )
    expect(routes('leaf2')).toEqual([
      expect.stringMatching(/^10\.30\.0\.0\/24 via 192\.168\.1\.1 dev vlan1 proto static/),
    ])
    expect(routes('spine1')).toHaveLength(1)
    expect(routes('leaf1')).toHaveLength(1)
  })

  it('need a router at the host, and a block of their own', () => {
    expect(faults('routes: [{ to: 10.30.0.0/24, via: 192.168.0.1 }]')[0]).toContain(
      'no router has a port to 192.168.0.1',
    )
    expect(faults('racks: 2, routes: [{ to: 192.168.9.0/24, via: 192.168.0.1 }]')[0]).toContain(
      '192.168.9.0/24 overlaps 192.168.0.0/16, the subnet of the hosts',
    )
    expect(
      faults('racks: 2, routing: bgp, routes: [{ to: 10.30.0.0/24, via: 192.168.0.1 }]')[0],
    ).toContain('(routing: static)')
  })
})

it('has host ports that send frames back, and no others', () => {
  const built = world('mode: l2, racks: 2, hostsPerRack: 1, switch: { reflective: true }')
  const leaf = built.switches.get('leaf1')!
  expect(leaf.ports.map((_, index) => leaf.portState(index).hairpin)).toEqual([true, false])
})
