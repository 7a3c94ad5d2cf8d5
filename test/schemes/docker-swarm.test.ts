import { describe, expect, it } from 'vitest'
import { showFdb, showNeighbours } from '../../src/host/show.ts'
import { showLinks } from '../../src/host/show-links.ts'
import { AttachError, type Endpoint } from '../../src/schemes/contract.ts'
import { spawn } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { PROTOCOL_ESP } from '../../src/wire/esp.ts'
import { PROTOCOL_UDP } from '../../src/wire/frame.ts'
import { formatIpv4, ipv4 } from '../../src/wire/ipv4-address.ts'
import { DEEP } from '../seeds.ts'
import { SwarmBench } from './swarm-bench.ts'

const addresses = (endpoints: readonly Endpoint[]) =>
  endpoints.map(({ address }) => formatIpv4(address))

/** Hosts with one container each, c1 on h1 and so on, which know each other. */
function swarm(hosts: number, options: object = {}) {
  const bench = new SwarmBench(hosts, options)
  bench.startNetwork('net', { subnet: '10.0.9.0/24' })
  const containers = Array.from({ length: hosts }, (_, i) =>
    bench.docker(`c${i + 1}`, 'net', i + 1),
  )
  bench.run(2 * SECOND)
  return { bench, containers, c: (number: number) => containers[number - 1]! }
}

/** Where a host sends what is for others. */
function vteps(bench: SwarmBench, number: number): string[] {
  const [sandbox] = bench.sandboxes(number)
  const lines = sandbox === undefined ? [] : showFdb(sandbox).lines
  return lines.flatMap((line) => /^(\S+) .* dst (\S+)/.exec(line)?.slice(1).join(' ') ?? [])
}

describe('allocation by the leader of a swarm', () => {
  it('goes on from the last address; each node has one more for its load balancer', () => {
    const { bench, containers } = swarm(2)
    expect(addresses(containers)).toEqual(['10.0.9.2', '10.0.9.4'])
    const more = bench.docker('more', 'net', 1)
    bench.remove(more, 1)
    // A freed address waits until all others have had their turn.
    expect(addresses([more, bench.docker('next', 'net', 2)])).toEqual(['10.0.9.6', '10.0.9.7'])
  })

  it('has no load balancers before 18.06', () => {
    const { containers } = swarm(2, { version: '17.06' })
    expect(addresses(containers)).toEqual(['10.0.9.2', '10.0.9.3'])
  })

  it('gives the first VNI and pool to ingress', () => {
    const bench = new SwarmBench(1)
    bench.startNetwork('one')
    bench.startNetwork('two')
    const seen = ['one', 'two'].map((network) => {
      const { address } = bench.docker(`c-${network}`, network, 1)
      return formatIpv4(address)
    })
    expect(seen).toEqual(['10.0.1.2', '10.0.2.2'])
    const links = bench
      .sandboxes(1)
      .flatMap((sandbox) => showLinks(sandbox, { details: true }).lines)
    expect(links.join().match(/vxlan id \d+/g)).toEqual(['vxlan id 4097', 'vxlan id 4098'])
  })

  it('lets a network come to a host with its first container, and go with the last', () => {
    const { bench, c } = swarm(2)
    expect(bench.sandboxes(1)).toHaveLength(1)
    bench.remove(c(2), 2)
    bench.run(SECOND)
    expect(bench.sandboxes(2)).toHaveLength(0)
    expect(bench.host(2).containers.size).toBe(1)
    bench.run(SECOND)
    expect(vteps(bench, 1)).toEqual([])
  })

  it('keeps to range, gateway and reserved addresses; a wanted address is given if free', () => {
    const bench = new SwarmBench(1)
    bench.startNetwork('net', {
      subnet: '10.0.9.0/24',
      ipRange: '10.0.9.64/28',
      gateway: '10.0.9.254',
      auxAddresses: { probe: '10.0.9.64' },
    })
    expect(addresses([bench.docker('a', 'net', 1)])).toEqual(['10.0.9.65'])
    const wanted = ipv4('10.0.9.7')
    expect(bench.docker('b', 'net', 1, wanted).address).toBe(wanted)
    const refused = bench.tryRun('c', 'net', 1, wanted)
    expect((refused as AttachError).message).toBe(
      'docker: Error response from daemon: attaching to network failed, make sure your network ' +
        'options are correct and check manager logs: context deadline exceeded',
    )
    expect(bench.daemon('net', 1).log.join()).toContain('Address already in use: 10.0.9.7')
  })

  it('ends with the addresses: load balancers count, and a freed one is given at once', () => {
    const bench = new SwarmBench(2)
    bench.startNetwork('net', { subnet: '10.0.9.0/29' })
    // Of eight: network, gateway, broadcast, a load balancer a node.
    const all = [bench.docker('a', 'net', 1), bench.docker('b', 'net', 2)]
    all.push(bench.docker('c', 'net', 2))
    const before = bench.seconds
    expect(bench.tryRun('d', 'net', 1)).toBeInstanceOf(AttachError)
    // swarmRequestTimeout
    expect(bench.seconds - before).toBeCloseTo(20, 0)
    bench.remove(all[2]!, 2)
    expect(bench.docker('d', 'net', 1).address).toBe(all[2]!.address)
  })
})

describe('peers in a swarm', () => {
  it('are told by gossip: neighbour and entry of each endpoint, load balancers too', () => {
    const { bench, c } = swarm(3)
    const [sandbox] = bench.sandboxes(1)
    expect(showNeighbours(sandbox!).lines).toHaveLength(4)
    expect(vteps(bench, 1)).toContain('02:42:0a:00:09:04 10.0.0.2')
    for (const [from, to] of [
      [1, 2],
      [2, 3],
      [3, 1],
    ] as const) {
      expect(bench.ping(c(from).namespace, c(to).address, 5 * MILLISECOND)).toBe(true)
    }
  })

  it('are not looked up: an address that nobody has told of is nowhere', () => {
    const { bench, c } = swarm(2)
    const seen: number[] = []
    bench.host(1).nic.tap = { frame: (_, frame) => seen.push(frame.vni) }
    expect(bench.ping(c(1).namespace, ipv4('10.0.9.77'), 4 * SECOND)).toBe(false)
    expect(seen.filter((vni) => vni === 4097)).toEqual([])
  })

  it.each([
    [500, 419],
    [1500, 1411],
  ])('are told in packets of the control plane MTU %i', (networkControlPlaneMtu, longest) => {
    const { bench } = swarm(2, { networkControlPlaneMtu })
    const lengths: number[] = []
    bench.host(2).nic.tap = {
      frame: (_, { protocol, destinationPort, l3Length }) => {
        if (protocol === PROTOCOL_UDP && destinationPort === 7946) lengths.push(l3Length)
      },
    }
    const { simulator } = bench.lab
    for (let i = 0; i < 12; i++) spawn(simulator, bench.begin(`more${i}`, 'net', 1))
    bench.run(5 * SECOND)
    expect(Math.max(...lengths)).toBe(longest)
  })

  it('talk on the port that the operator chose', () => {
    const { bench, c } = swarm(2, { dataPathPort: 7789 })
    const ports = new Set<number>()
    bench.host(2).nic.tap = {
      frame: (_, frame) => {
        if (frame.vni === 4097) ports.add(frame.destinationPort)
      },
    }
    expect(bench.ping(c(1).namespace, c(2).address)).toBe(true)
    expect([...ports]).toEqual([7789])
  })

  it('of one network do not reach another, unless they are in both', () => {
    const { bench, c } = swarm(2)
    bench.startNetwork('other', { subnet: '10.0.8.0/24' })
    const d = bench.docker('d', 'other', 2)
    expect(bench.ping(c(1).namespace, d.address)).toBe(false)
    const joined = bench.docker('c1', 'other', 1)
    expect(joined.device).toBe('eth2')
    bench.run(SECOND)
    expect(bench.ping(c(1).namespace, d.address)).toBe(true)
  })
})

describe('failures in a swarm', () => {
  it('daemon killed: its containers go on, but the others drop them when it is declared dead', () => {
    const { bench, c } = swarm(3)
    bench.daemon('net', 2).crash()
    expect(bench.ping(c(1).namespace, c(2).address, 100 * MILLISECOND)).toBe(true)
    const before = bench.seconds
    while (vteps(bench, 1).some((line) => line.endsWith('10.0.0.2'))) bench.run(100 * MILLISECOND)
    expect(bench.seconds - before).toBeGreaterThan(4)
    expect(bench.seconds - before).toBeLessThan(12)
    expect(bench.ping(c(1).namespace, c(2).address, 2 * SECOND)).toBe(false)
    expect(bench.ping(c(1).namespace, c(3).address, SECOND)).toBe(true)
    // Its containers were killed with the start, and their places are free again.
    bench.daemon('net', 2).start()
    bench.run(5 * SECOND)
    expect(c(2).namespace.device('eth0')).toBeUndefined()
    const again = bench.docker('c2', 'net', 2)
    bench.run(SECOND)
    expect(bench.ping(c(1).namespace, again.address)).toBe(true)
  })

  it('no quorum of managers: what runs goes on, nothing new starts', () => {
    const { bench, c } = swarm(3)
    for (const number of [2, 3]) bench.daemon('net', number).crash()
    bench.run(SECOND)
    expect(bench.ping(c(1).namespace, c(2).address, 100 * MILLISECOND)).toBe(true)
    bench.run(20 * SECOND)
    const refused = bench.tryRun('late', 'net', 1)
    expect((refused as AttachError).message).toContain('context deadline exceeded')
    for (const number of [2, 3]) bench.daemon('net', number).start()
    bench.run(40 * SECOND)
    expect(bench.tryRun('later', 'net', 1)).not.toBeInstanceOf(AttachError)
  })

  it('leader lost: another is elected, and gives no address twice', () => {
    const { bench, containers } = swarm(4)
    bench.daemon('net', 1).crash()
    // An election takes 10 to 20 s, agents come back within their back-off of 8 s.
    bench.run(40 * SECOND)
    const more = [2, 3, 4].map((number) => bench.docker(`more${number}`, 'net', number))
    const all = addresses([...containers, ...more])
    expect(new Set(all).size).toBe(all.length)
    bench.run(SECOND)
    expect(bench.ping(more[0]!.namespace, more[2]!.address)).toBe(true)
    const down = [2, 3].flatMap((number) => bench.daemon('net', number).log)
    expect(down).toContain('node h1 is down: heartbeat failure')
  })

  it('a host cut off: both sides drop the other, and find each other again', () => {
    const { bench, c } = swarm(3)
    const heal = bench.lab.partition([3], [1, 2])
    bench.run(15 * SECOND)
    expect(vteps(bench, 3)).toEqual([])
    expect(vteps(bench, 1).every((line) => line.endsWith('10.0.0.2'))).toBe(true)
    heal()
    bench.run(62 * SECOND)
    expect(bench.ping(c(1).namespace, c(3).address)).toBe(true)
    expect(bench.ping(c(3).namespace, c(2).address)).toBe(true)
  })

  it('stopped in order: its containers end, and the others hear of it at once', () => {
    const { bench, c } = swarm(3)
    bench.daemon('net', 2).stop()
    bench.run(SECOND)
    expect(c(2).namespace.devices).toEqual([])
    expect(vteps(bench, 1).filter((line) => line.includes('02:42:0a:00:09:04'))).toEqual([])
  })

  it('left: the others drop it at once, and its addresses are free', () => {
    const { bench, c } = swarm(4)
    bench.remove(c(4), 4)
    const kept = bench.docker('kept', 'net', 4)
    bench.remove(kept, 4)
    bench.finish(bench.daemon('net', 4).leave())
    bench.run(SECOND)
    expect(vteps(bench, 1).some((line) => line.endsWith('10.0.0.4'))).toBe(false)
    expect(bench.tryRun('x', 'net', 4)).toBeInstanceOf(AttachError)
    bench.daemon('net', 4).start()
    bench.run(SECOND)
    expect(bench.tryRun('x', 'net', 4)).not.toBeInstanceOf(AttachError)
  })

  it('a container that moves with its address is found at its new place', () => {
    const { bench, c } = swarm(3)
    const { address } = c(3)
    bench.remove(c(3), 3)
    const moved = bench.docker('c3', 'net', 2, address)
    bench.run(SECOND)
    expect(vteps(bench, 1)).toContain('02:42:0a:00:09:06 10.0.0.2')
    expect(bench.ping(c(1).namespace, moved.address)).toBe(true)
  })

  it('a host that boots has lost its containers, and takes them up anew', () => {
    const { bench, c } = swarm(3)
    const { address } = c(2)
    bench.daemon('net', 2).crash()
    const host = bench.host(2)
    for (const namespace of [...host.containers.values(), host.root]) {
      for (const device of [...namespace.devices].reverse()) {
        if (device.name === 'lo' || device === host.nic) continue
        if (namespace.device(device.name) === undefined) continue
        device.destroy()
        namespace.removeDevice(device)
      }
    }
    host.boots++
    bench.daemon('net', 2).start()
    const again = bench.docker('c2', 'net', 2)
    expect(again.address).not.toBe(address)
    bench.run(2 * SECOND)
    expect(bench.ping(c(1).namespace, again.address)).toBe(true)
    expect(bench.ping(again.namespace, bench.host(1).address)).toBe(true)
  })
})

describe('an encrypted network of a swarm', () => {
  it('sends ESP only, takes nothing else for its number, and has an MTU of 1424', () => {
    const { bench, c } = swarm(2, { encrypted: true })
    const seen = new Set<string>()
    bench.host(2).nic.tap = {
      frame: (_, { protocol, destinationPort, l3Length }) => {
        if (protocol === PROTOCOL_ESP) seen.add(`esp ${l3Length}`)
        else if (destinationPort === 4789) seen.add('clear')
      },
    }
    expect(bench.ping(c(1).namespace, c(2).address, SECOND)).toBe(true)
    // 84 bytes and 50 of VXLAN behind the address header's 20: SPI, sequence, IV, trailer, ICV, in fours.
    expect([...seen]).toEqual(['esp 160'])
    expect(c(1).namespace.device('eth0')!.mtu).toBe(1424)
    // Three keys to open with, one of them to seal with.
    expect(bench.host(1).root.xfrm!.states).toHaveLength(4)
    const rules = bench.host(1).root.filter!.save()
    expect(rules).toContain('--set-xmark 0xd0c4e3')
    const clear = bench.host(1).root.xfrm!
    for (const policy of clear.policies) clear.deletePolicy(policy)
    expect(bench.ping(c(1).namespace, c(2).address, SECOND)).toBe(false)
    expect(seen).toContain('clear')
  })

  // Half a day of heartbeats and probes.
  it.skipIf(!DEEP)('goes on while keys are rotated', { timeout: 600_000 }, () => {
    const { bench, c } = swarm(2, { encrypted: true })
    const spis = (from: number) => {
      const { states } = bench.host(1).root.xfrm!
      return states.filter(({ src }) => src === bench.host(from).address).map(({ spi }) => spi)
    }
    const first = spis(2)
    for (const kept of [2, 1, 0]) {
      bench.run(12 * 3600 * SECOND)
      expect(bench.ping(c(1).namespace, c(2).address, SECOND)).toBe(true)
      expect(bench.ping(c(2).namespace, c(1).address, SECOND)).toBe(true)
      expect([spis(1).length, spis(2).length]).toEqual([1, 3])
      expect(spis(2).filter((spi) => first.includes(spi))).toHaveLength(kept)
    }
  })

  it('leaves nothing behind with its last container', () => {
    const { bench, c } = swarm(2, { encrypted: true })
    bench.remove(c(1), 1)
    bench.remove(c(2), 2)
    bench.run(2 * SECOND)
    expect(bench.host(1).root.filter!.save()).not.toContain('u32')
    expect(bench.host(1).root.xfrm?.states ?? []).toEqual([])
  })
})
