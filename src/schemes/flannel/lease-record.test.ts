import { describe, expect, it } from 'vitest'
import { ipv4 } from '../../wire/ipv4-address.ts'
import { parseMac } from '../../wire/mac-address.ts'
import { decodeAttributes, encodeAttributes, parseSubnetKey, subnetKey } from './lease-record.ts'
import { LeaseWatcher } from './lease-watcher.ts'
import { networkConfigText, parseNetworkConfig } from './network-config.ts'
import { flannelOptions } from './options.ts'
import type { KnownLease, LeaseEvent } from './subnet-manager.ts'

const subnet = (third: number) => ({ base: ipv4(`10.1.${third}.0`), length: 24 })

describe('a lease in the store', () => {
  it('has its subnet for a key', () => {
    expect(subnetKey(subnet(15))).toBe('10.1.15.0-24')
    expect(parseSubnetKey('/coreos.com/network/subnets/10.1.15.0-24')).toEqual(subnet(15))
    for (const bad of [
      '/coreos.com/network/config',
      '10.1.15.0',
      '10.1.300.0-24',
      '10.1.15.0-99',
    ]) {
      expect(parseSubnetKey(bad)).toBeNull()
    }
  })

  it('says what its host is called, as the reference has it', () => {
    const attributes = {
      publicIp: ipv4('192.168.0.11'),
      backendType: 'vxlan',
      vtepMac: parseMac('c6:d2:32:6f:8f:44'),
    }
    const text =
      '{"PublicIP":"192.168.0.11","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}'
    expect(encodeAttributes(attributes, 1, '0.28')).toBe(text)
    expect(decodeAttributes(text)).toEqual(attributes)
  })

  it.each(['', 'null', '[]', '{}', '{"PublicIP":"here"}'])('is none with the value %s', (text) => {
    expect(decodeAttributes(text)).toBeNull()
  })

  it('may have come from elsewhere, without backend or MAC address', () => {
    const bare = { publicIp: ipv4('10.0.0.1'), backendType: '', vtepMac: null }
    expect(decodeAttributes('{"PublicIP":"10.0.0.1"}')).toEqual(bare)
    expect(decodeAttributes('{"PublicIP":"10.0.0.1","BackendData":{"VtepMAC":7}}')).toEqual(bare)
  })
})

describe('the configuration', () => {
  it('is read as it was written', () => {
    const options = flannelOptions.parse({ subnet: '10.20.0.0/16', subnetLen: 25, vni: 7 })
    const text =
      '{"Network":"10.20.0.0/16","SubnetLen":25,"Backend":{"Type":"vxlan","VNI":7,"Port":8472}}'
    expect(networkConfigText(options)).toBe(text)
    expect(parseNetworkConfig(text)).toEqual({
      network: options.subnet,
      subnetLength: 25,
      subnetMin: ipv4('10.20.0.128'),
      subnetMax: ipv4('10.20.255.128'),
    })
  })

  it('has a length of subnets by default', () => {
    expect(parseNetworkConfig('{"Network":"10.0.0.0/22"}')).toMatchObject({ subnetLength: 24 })
    expect(parseNetworkConfig('{"Network":"10.0.0.0/24"}')).toMatchObject({ subnetLength: 26 })
  })

  it.each(['no JSON', '{"Network":"here"}', '{}'])('is none as %s', (text) => {
    expect(parseNetworkConfig(text)).toMatch(/^error parsing subnet config/)
  })
})

describe('a watcher of leases', () => {
  const lease = (third: number, host = 1): KnownLease => ({
    subnet: subnet(third),
    attributes: { publicIp: ipv4(`192.168.0.${host}`), backendType: 'host-gw', vtepMac: null },
  })
  const gone = (third: number): LeaseEvent => ({
    type: 'removed',
    lease: { subnet: subnet(third), attributes: null },
  })
  const setUp = () => {
    const log: string[] = []
    const watcher = new LeaseWatcher(subnet(1), (line) => log.push(line))
    watcher.take({ kind: 'snapshot', leases: [lease(1), lease(2, 2), lease(3, 3)] })
    return { watcher, log }
  }

  it('tells the others of a list, and of the next list what is new and what is gone', () => {
    const watcher = new LeaseWatcher(subnet(1), () => {})
    const first = watcher.take({ kind: 'snapshot', leases: [lease(1), lease(2, 2), lease(3, 3)] })
    expect(first).toEqual([2, 3].map((n) => ({ type: 'added', lease: lease(n, n) })))
    // Of a lease that was there nothing is told, even if it has another host now.
    const second = watcher.take({ kind: 'snapshot', leases: [lease(3, 9), lease(4, 4)] })
    expect(second).toEqual([
      { type: 'added', lease: lease(4, 4) },
      { type: 'removed', lease: lease(2, 2) },
    ])
  })

  it('tells of a lease that goes what it knew of it', () => {
    const { watcher, log } = setUp()
    expect(watcher.take({ kind: 'events', events: [gone(2)] })).toEqual([
      { type: 'removed', lease: lease(2, 2) },
    ])
    expect(watcher.take({ kind: 'events', events: [gone(2)] })).toEqual([gone(2)])
    expect(log).toEqual([expect.stringContaining('10.1.2.0/24')])
  })

  it('tells of an overwritten lease again, and never of its own subnet', () => {
    const { watcher } = setUp()
    const again: LeaseEvent = { type: 'added', lease: lease(2, 7) }
    const own: LeaseEvent = { type: 'added', lease: lease(1, 66) }
    expect(watcher.take({ kind: 'events', events: [own, again, gone(1)] })).toEqual([again])
  })
})
