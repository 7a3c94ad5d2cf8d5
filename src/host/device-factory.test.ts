import { describe, expect, it } from 'vitest'
import { DeviceBench, hostDevice, made } from '../../test/device-bench.ts'
import { mac } from '../wire/mac-address.ts'
import { linkAdd } from './device-factory.ts'
import { LinkError } from './link-error.ts'
import type { LinkSpec } from './link-spec.ts'

describe('linkAdd', () => {
  it('refuses names and addresses as the kernel does, and leaves nothing behind', () => {
    const bench = new DeviceBench()
    const host = bench.namespace('h')
    made(linkAdd(host, { type: 'dummy', name: 'eth0' }))
    const errno = (spec: LinkSpec) => (linkAdd(host, spec) as LinkError).errno
    expect(errno({ type: 'dummy', name: 'eth0' })).toBe('EEXIST')
    expect(errno({ type: 'dummy', name: 'sixteen-letters!' })).toBe('EINVAL')
    expect(errno({ type: 'dummy', name: 'a b' })).toBe('EINVAL')
    expect(errno({ type: 'veth', name: 'v0', peer: { name: 'eth0' } })).toBe('EEXIST')
    expect(errno({ type: 'veth', name: 'v0', peer: { name: 'v0' } })).toBe('EEXIST')
    const group = mac('01:00:5e:00:00:01')
    expect(errno({ type: 'bridge', name: 'br0', mac: group })).toBe('EADDRNOTAVAIL')
    expect(errno({ type: 'bridge', name: 'br0', mtu: 67 })).toBe('EINVAL')
    const { loopback } = host
    expect(errno({ type: 'macvlan', name: 'm0', lower: loopback })).toBe('EINVAL')
    expect(errno({ type: 'vlan', name: 'l.1', lower: loopback, id: 1 })).toBe('EINVAL')
    expect(host.devices.map((device) => device.name)).toEqual(['eth0'])
    expect(`${linkAdd(host, { type: 'dummy', name: '' })}`).toBe('EINVAL: "" is not a valid ifname')
  })

  it('draws unicast addresses of local administration', () => {
    const bench = new DeviceBench()
    const host = bench.namespace('h')
    const macs = Array.from(
      { length: 50 },
      (_, n) => made(linkAdd(host, { type: 'dummy', name: `d${n}` })).hi >>> 16,
    )
    expect(macs.every((first) => (first & 3) === 2)).toBe(true)
    expect(new Set(macs).size).toBeGreaterThan(20)
  })

  it('makes a dummy that swallows what it is given', () => {
    const bench = new DeviceBench()
    const host = bench.namespace('h')
    const dummy = made(linkAdd(host, { type: 'dummy', name: 'd0' }))
    dummy.setUp(true)
    bench.inject(dummy, dummy.mac, mac('02:00:00:00:00:01'))
    expect([bench.ledger.consumed, bench.ledger.imbalance()]).toEqual([1, 0])
  })

  it('takes a device off its bridge, down, when it moves', () => {
    const bench = new DeviceBench()
    const host = bench.namespace('h')
    const container = bench.namespace('c')
    bench.join(host, bench.namespace('x'), { name: 'v0' })
    const bridge = made(linkAdd(host, { type: 'bridge', name: 'br0' }))
    const device = hostDevice(host, 'v0')
    made(bridge.addPort(device))
    host.moveDevice(device, container)
    expect([bridge.ports.length, device.master, device.promiscuity, device.up]).toEqual([
      0,
      null,
      0,
      false,
    ])
    expect(device.label).toBe('c/v0')
    expect(bridge.addPort(device)).toBeInstanceOf(LinkError)
  })
})
