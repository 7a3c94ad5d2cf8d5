import { describe, expect, it } from 'vitest'
import { Nic } from '../../src/host/nic.ts'
import { showRoutes } from '../../src/host/show.ts'
import { AttachError } from '../../src/schemes/contract.ts'
import { macvlanScheme } from '../../src/schemes/macvlan/index.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { SECOND } from '../../src/sim/units.ts'
import { formatIpv4, ipv4 } from '../../src/wire/ipv4-address.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import { Bench, type Sections } from '../contract/bench.ts'

const scheme = builtinSchemes.get('macvlan')!

/** Addresses of a, b and c, of which c is on the other host. */
function addresses(options: Sections): string[] {
  const lab = new Bench(scheme, options)
  return ['a', 'b', 'c'].map((name) => formatIpv4(lab.endpoint(name).address))
}

describe('addresses', () => {
  it('come out of the share of each host, beside those of the hosts themselves', () => {
    const subnet = '192.168.0.0/16'
    expect(addresses({ subnet })).toEqual(['192.168.0.4', '192.168.0.5', '192.168.128.1'])
  })

  it('come out of the range that each host was given', () => {
    const ranges = { h1: '10.20.0.0/25', h2: '10.20.0.128/25' }
    const subnet = '10.20.0.0/24'
    expect(addresses({ subnet, ranges })).toEqual(['10.20.0.2', '10.20.0.3', '10.20.0.129'])
  })

  it('spare the gateway, which is the first of the range of each host if nobody names one', () => {
    expect(addresses({ gateway: '10.20.0.9' }).slice(0, 2)).toEqual(['10.20.0.1', '10.20.0.2'])
    const lab = new Bench(scheme, {})
    const gateways = ['a', 'c'].map((name) => showRoutes(lab.endpoint(name).namespace).lines[0])
    expect(gateways.map((line) => line!.trimEnd())).toEqual([
      'default via 10.20.0.1 dev eth0',
      'default via 10.20.128.0 dev eth0',
    ])
  })

  it('spare what the user says that others have', () => {
    const auxAddresses = { printer: '10.20.0.2', scanner: '10.20.0.4' }
    expect(addresses({ auxAddresses }).slice(0, 2)).toEqual(['10.20.0.3', '10.20.0.5'])
  })

  it('are given out twice by engines that are told nothing', () => {
    expect(addresses({ ranges: 'shared' })).toEqual(['10.20.0.2', '10.20.0.3', '10.20.0.2'])
  })

  it('may be anywhere in the subnet when somebody asks for one, even where another host has it', () => {
    const lab = new Bench(scheme, {})
    const theirs = lab.endpoint('c').address
    expect(lab.mustAttach('twin', 'h1', theirs).address).toBe(theirs)
    const own = lab.endpoint('a').address
    expect(lab.attach('sibling', 'h1', own)).toEqual(
      new AttachError(`Address already in use: ${formatIpv4(own)}`),
    )
  })
})

describe('MAC addresses', () => {
  it('say 02:42 and the address, as engines did until 27', () => {
    const lab = new Bench(scheme, {})
    expect(formatMac(lab.endpoint('b').mac)).toBe('02:42:0a:14:00:03')
  })

  it.each([{ macs: 'random' }, { version: '28.0' }])(
    'are random, local, unicast: %o',
    (options) => {
      const lab = new Bench(scheme, options)
      const macs = ['a', 'b', 'c'].map((name) => formatMac(lab.endpoint(name).mac))
      expect(new Set(macs).size).toBe(3)
      for (const mac of macs) expect(mac).toMatch(/^02:(?!42:0a:14)/)
    },
  )
})

describe('an address given twice', () => {
  it('is noticed by nobody: the neighbour believes whoever asked last', () => {
    const lab = new Bench(scheme, { ranges: 'shared', macs: 'random' })
    const [a, b, c] = [lab.endpoint('a'), lab.endpoint('b'), lab.endpoint('c')]
    expect(a.address).toBe(c.address)
    const believed = () => {
      const device = b.namespace.device('eth0')!
      return b.namespace.neighbours.lookup(device, a.address)!.toString()
    }
    expect(lab.ping(c.namespace, b.address)).toBe(true)
    expect(believed()).toContain(formatMac(c.mac))
    expect(lab.ping(a.namespace, b.address)).toBe(true)
    expect(believed()).toContain(formatMac(a.mac))
    // c need not ask again: its request arrives, and the answer goes to a.
    expect(lab.ping(c.namespace, b.address)).toBe(false)
    expect(lab.world.attachFailures).toEqual([])
  })

  it('with a MAC address made of it moves in the table of the switch to and fro', () => {
    const lab = new Bench(scheme, { ranges: 'shared' })
    expect(lab.endpoint('a').mac).toBe(lab.endpoint('c').mac)
    const moves = () => lab.world.switches.get('leaf1')!.table.moved
    for (let i = 0; i < 3; i++) {
      for (const name of ['a', 'c']) {
        const { namespace } = lab.endpoint(name)
        namespace.neighboursIfAny?.flush(() => true)
        namespace.sockets.openUdp()!.sendTo(ipv4('10.20.0.99'), 9, 10)
        lab.run(5 * SECOND)
      }
    }
    expect(moves()).toBe(5)
  })
})

describe('the parent', () => {
  it('must be there', () => {
    const lab = new Bench(scheme, { parent: 'eth7' })
    expect(lab.world.attachFailures).toEqual(
      ['a', 'b', 'c'].map((container) => ({
        container,
        network: 'net',
        message:
          'network create net: invalid subinterface vlan name eth7, example formatting is eth0.10',
      })),
    )
  })

  it('hears broadcasts of its children on the wire only, so that a host and its own do not meet', () => {
    const lab = new Bench(scheme, { subnet: '192.168.0.0/16' })
    const a = lab.endpoint('a')
    const [own, other] = ['h1', 'h2'].map((name) => lab.world.hosts.get(name)!)
    expect(lab.ping(a.namespace, own!.address)).toBe(false)
    expect(lab.ping(own!.root, a.address)).toBe(false)
    expect(lab.ping(a.namespace, other!.address)).toBe(true)
    expect(lab.ping(other!.root, a.address)).toBe(true)
  })

  it('turns promiscuous when its filter cannot hold the addresses of its children', () => {
    const hosts = { nic: { filterEntries: 2 } }
    const lab = new Bench(scheme, {}, { hosts })
    const { nic } = lab.world.hosts.get('h1')!
    if (!(nic instanceof Nic)) throw new Error('h1 is not cabled')
    expect(nic.isPromiscuous).toBe(false)
    const third = lab.mustAttach('x', 'h1')
    expect([nic.isPromiscuous, nic.filterOverflows]).toEqual([true, 1])
    lab.detach(third, 'h1')
    expect(nic.isPromiscuous).toBe(false)
  })
})

describe('limits that the scenario file is checked against', () => {
  const hosts = ['h1', 'h2'].map((name, i) => ({
    name,
    address: ipv4(`192.168.0.${i + 1}`),
    mtu: 1500,
    containers: 3,
  }))
  const check = (given: object) =>
    macvlanScheme.check!(macvlanScheme.options.parse(given), {
      network: 'net',
      mode: 'l2',
      fabricSubnet: { base: ipv4('192.168.0.0'), length: 16 },
      store: null,
      hosts,
    })

  it('counts what is left of a share beside hosts and gateway', () => {
    expect(check({ subnet: '10.20.0.0/28' })).toEqual([])
    expect(check({ subnet: '10.20.0.0/29' })).toMatchObject([
      { path: ['subnet'], message: 'h1 has 3 containers, and addresses for 2' },
    ])
    expect(check({ subnet: '10.20.0.0/29', gateway: '10.20.0.6' })).toMatchObject([
      { message: 'h2 has 3 containers, and addresses for 2' },
    ])
    // The hosts have .1 and .2 of the first share.
    expect(check({ subnet: '192.168.0.0/29', gateway: '192.168.0.6' })).toMatchObject([
      { message: 'h1 has 3 containers, and addresses for 1' },
    ])
  })

  it('knows what is in the subnet, and of shims the mode and the host', () => {
    const messages = [
      { gateway: '10.21.0.1' },
      { auxAddresses: { printer: '10.21.0.1' } },
      { shims: { h3: '10.20.0.9' } },
      { shims: { h1: '10.20.0.9' }, mode: 'private' },
    ].map((options) => check(options)[0]!.message)
    expect(messages).toEqual([
      'no matching subnet for gateway 10.21.0.1',
      'no matching subnet for aux-address 10.21.0.1',
      'there is no host "h3"',
      'in mode private no child of the host reaches its siblings',
    ])
  })

  it('knows the hosts and the subnet of given ranges', () => {
    const subnet = '10.20.0.0/24'
    expect(check({ subnet, ranges: { h1: '10.20.0.0/25', h2: '10.20.0.128/25' } })).toEqual([])
    expect(check({ subnet, ranges: { h3: '10.20.0.0/25' } })).toMatchObject([
      { path: ['ranges', 'h3'], message: 'there is no host "h3"' },
    ])
    expect(check({ subnet, ranges: { h1: '10.21.0.0/25' } })).toMatchObject([
      { message: '10.21.0.0/25 is not in the subnet' },
    ])
  })
})
