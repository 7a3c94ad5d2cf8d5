import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { Ledger } from '../measure/ledger.ts'
import { Simulator } from '../sim/simulator.ts'
import { Frame, PROTOCOL_UDP } from '../wire/frame.ts'
import { contains, type Ipv4Prefix, ipv4, maskOf, prefix } from '../wire/ipv4-address.ts'
import { Kernel } from './kernel.ts'
import { KERNEL_PROFILES } from './kernel-profile.ts'
import { Loopback } from './loopback.ts'
import { NetNamespace } from './namespace.ts'

let namespace: NetNamespace
let eth0: Loopback

beforeEach(() => {
  const kernel = new Kernel(new Simulator('r'), new Ledger(), 'h', KERNEL_PROFILES['6.18']!)
  namespace = new NetNamespace(kernel, 'h')
  // Any device will do: nothing is sent.
  eth0 = new Loopback(namespace)
  namespace.addAddress(eth0, { address: ipv4('192.168.50.11'), length: 24 })
})

const show = (address: string) => String(namespace.routes.lookup(ipv4(address)))

describe('RouteTable', () => {
  it('prints routes as ip route does', () => {
    const { routes } = namespace
    routes.add({ destination: prefix('0.0.0.0/0'), via: ipv4('192.168.50.254') })
    routes.add({
      destination: prefix('10.244.1.0/24'),
      via: ipv4('10.244.1.0'),
      device: eth0,
      onlink: true,
    })
    routes.add({ destination: prefix('10.65.0.0/26'), type: 'blackhole', protocol: 'bird' })
    expect(routes.routes().map(String)).toEqual([
      'default via 192.168.50.254 dev lo',
      'blackhole 10.65.0.0/26 proto bird',
      '10.244.1.0/24 via 10.244.1.0 dev lo onlink',
      '192.168.50.0/24 dev lo proto kernel scope link src 192.168.50.11',
    ])
  })

  it('refuses a gateway that is not on the link, unless told that it is', () => {
    const spec = { destination: prefix('10.244.1.0/24'), via: ipv4('10.9.9.9'), device: eth0 }
    expect(namespace.routes.add(spec)).toEqual({
      errno: 'ENETUNREACH',
      message: 'Nexthop has invalid gateway',
    })
    // A default route does not make it one: fib_check_nh wants a link route.
    namespace.routes.add({ destination: prefix('0.0.0.0/0'), via: ipv4('192.168.50.254') })
    expect(namespace.routes.add(spec)?.errno).toBe('ENETUNREACH')
    expect(namespace.routes.add({ ...spec, onlink: true })).toBeNull()
    expect(namespace.routes.add({ ...spec, onlink: true })?.errno).toBe('EEXIST')
  })

  it('refuses host bits and what does not fit the FIB', () => {
    expect(
      namespace.routes.add({ destination: { base: ipv4('10.0.0.1'), length: 24 }, device: eth0 })
        ?.errno,
    ).toBe('EINVAL')
    namespace.routes.capacity = 2
    expect(namespace.routes.add({ destination: prefix('10.0.0.0/24'), device: eth0 })).toBeNull()
    expect(namespace.routes.add({ destination: prefix('10.0.1.0/24'), device: eth0 })?.errno).toBe(
      'ENOSPC',
    )
    expect(namespace.routes.refused).toBe(1)
  })

  it('prefers the local address, then the longest prefix, then the lowest metric', () => {
    const { routes } = namespace
    routes.add({ destination: prefix('10.0.0.0/8'), device: eth0 })
    routes.add({ destination: prefix('10.1.0.0/16'), device: eth0, metric: 200 })
    routes.add({ destination: prefix('10.1.0.0/16'), type: 'blackhole', metric: 100 })
    routes.add({ destination: prefix('10.1.2.3/32'), device: eth0 })
    expect(show('10.1.2.3')).toBe('10.1.2.3 dev lo scope link')
    expect(show('10.1.2.4')).toBe('blackhole 10.1.0.0/16 metric 100')
    expect(show('10.2.0.1')).toBe('10.0.0.0/8 dev lo scope link')
    expect(routes.lookup(ipv4('192.168.50.11'))?.type).toBe('local')
    expect(routes.lookup(ipv4('11.0.0.1'))).toBeNull()
  })

  it('spreads flows over equal next hops by the chosen fields, always the same way for a flow', () => {
    const { routes, sysctls } = namespace
    const nexthops = [1, 2, 3, 4].map((i) => ({ via: ipv4(`192.168.50.${i}`) }))
    expect(routes.add({ destination: prefix('10.0.0.0/8'), nexthops })).toBeNull()
    const packet = (sourcePort: number) => {
      const frame = new Frame()
      frame.ipSrc = ipv4('192.168.50.11')
      frame.ipDst = ipv4('10.0.0.1')
      frame.protocol = PROTOCOL_UDP
      frame.sourcePort = sourcePort
      return frame
    }
    const ways = () => {
      const counts = new Map<number, number>()
      for (let port = 0; port < 4000; port++) {
        const { via } = routes.lookupFlow(packet(port))!
        expect(routes.lookupFlow(packet(port))!.via).toBe(via)
        counts.set(via!, (counts.get(via!) ?? 0) + 1)
      }
      return [...counts.values()]
    }
    expect(ways()).toEqual([4000])
    sysctls.multipathHashPolicy = 1
    const spread = ways()
    expect(spread).toHaveLength(4)
    for (const share of spread) expect(share).toBeGreaterThan(900)
  })

  it('finds what a linear search finds', () => {
    const block = fc
      .tuple(fc.integer({ min: 0, max: 32 }), fc.integer())
      .map(([length, bits]): Ipv4Prefix => ({ base: bits & maskOf(length), length }))
    fc.assert(
      fc.property(
        fc.array(block, { maxLength: 40 }),
        fc.array(fc.integer(), { maxLength: 40 }),
        (blocks, targets) => {
          const kernel = new Kernel(new Simulator('r'), new Ledger(), 'h', KERNEL_PROFILES['6.18']!)
          const own = new NetNamespace(kernel, 'h')
          const known = blocks.filter(
            (destination) => own.routes.add({ destination, device: eth0 }) === null,
          )
          const all = [...targets, ...known.map(({ base }) => base)].filter(
            (to) => to >>> 24 !== 127,
          )
          for (const target of all) {
            let best: Ipv4Prefix | null = null
            for (const each of known) {
              if (contains(each, target) && (best === null || each.length > best.length))
                best = each
            }
            expect(own.routes.lookup(target)?.destination ?? null).toEqual(best)
          }
          for (const each of known) expect(own.routes.delete(each)).toBe(true)
          expect(own.routes.size).toBe(0)
        },
      ),
      { seed: 20261122, numRuns: 200 },
    )
  })
})
