import { describe, expect, it } from 'vitest'
import { DeviceBench, hostDevice, made } from '../../test/device-bench.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { linkAdd } from './device-factory.ts'
import type { LinkError } from './link-error.ts'

function addVlan(namespace: NetNamespace, id: number, address: string): void {
  const lower = hostDevice(namespace, 'eth0')
  const device = made(linkAdd(namespace, { type: 'vlan', name: `eth0.${id}`, lower, id }))
  device.setUp(true)
  namespace.addAddress(device, { address: ipv4(address), length: 24 })
}

describe('Vlan', () => {
  it('keeps what carries another tag away, and lets a full packet through', () => {
    const bench = new DeviceBench()
    const a = bench.namespace('a')
    const b = bench.namespace('b')
    const [near] = bench.join(a, b, { a: '10.0.0.1/24', b: '10.0.0.2/24' })
    addVlan(a, 10, '10.0.10.1')
    addVlan(b, 10, '10.0.10.2')
    addVlan(b, 20, '10.0.20.2')
    const seen = bench.record(near)
    expect(bench.ping(a, '10.0.10.2', { bytes: 1472 })).toBe(true)
    const echoes = seen.filter(({ frame }) => frame.protocol === 1).map(({ frame }) => frame)
    expect(echoes.map(({ vlan, length }) => [vlan, length])).toEqual([
      [10, 1518],
      [10, 1518],
    ])
    addVlan(a, 30, '10.0.20.1')
    expect(bench.ping(a, '10.0.20.2')).toBe('error 3/1')
    expect(bench.drops()).toEqual({ vlan_no_device: 3, neighbour_failed: 1 })
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('is a parent for macvlan devices: two networks on one wire that do not meet', () => {
    const bench = new DeviceBench()
    const hosts = [bench.namespace('h1'), bench.namespace('h2')]
    bench.join(hosts[0]!, hosts[1]!)
    const containers = hosts.flatMap((host, h) =>
      [10, 20].map((id) => {
        const lower = hostDevice(host, 'eth0')
        const name = `eth0.${id}`
        const parent = made(linkAdd(host, { type: 'vlan', name, lower, id }))
        parent.setUp(true)
        const container = bench.namespace(`c${h + 1}-${id}`)
        const mode = 'bridge'
        const device = made(
          linkAdd(container, { type: 'macvlan', name: 'eth0', lower: parent, mode }),
        )
        device.setUp(true)
        const address = ipv4(`10.0.0.${id + h}`)
        container.addAddress(device, { address, length: 24 })
        return container
      }),
    )
    expect(bench.ping(containers[0]!, '10.0.0.11')).toBe(true)
    expect(bench.ping(containers[1]!, '10.0.0.21')).toBe(true)
    expect(bench.ping(containers[0]!, '10.0.0.21')).toBe('error 3/1')
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('goes with the device below, and is there once a tag', () => {
    const bench = new DeviceBench()
    const a = bench.namespace('a')
    const [lower] = bench.join(a, bench.namespace('b'))
    addVlan(a, 10, '10.0.10.1')
    const again = linkAdd(a, { type: 'vlan', name: 'again', lower, id: 10 })
    const wrong = linkAdd(a, { type: 'vlan', name: 'wrong', lower, id: 4095 })
    const vlan = hostDevice(a, 'eth0.10')
    const stacked = linkAdd(a, { type: 'vlan', name: 'stacked', lower: vlan, id: 5 })
    expect([again, wrong, stacked].map((error) => (error as LinkError).errno)).toEqual([
      'EEXIST',
      'ERANGE',
      'EOPNOTSUPP',
    ])
    lower.setMtu(1400)
    expect(vlan.mtu).toBe(1400)
    lower.remove()
    expect(a.device('eth0.10')).toBeUndefined()
    expect(lower.vlans?.size).toBe(0)
  })
})
