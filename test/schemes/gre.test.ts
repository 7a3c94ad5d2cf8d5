/** A scheme with an encapsulation of its own, which imports nothing but encap/scheme: test/schemes/gre.ts. */
import { describe, expect, it } from 'vitest'
import { showRoutes } from '../../src/host/show.ts'
import { showLinks } from '../../src/host/show-links.ts'
import { Capture } from '../../src/measure/capture.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import { Schemes } from '../../src/schemes/registry.ts'
import { Run } from '../../src/study/run.ts'
import { encode } from '../../src/wire/encode.ts'
import type { Frame } from '../../src/wire/frame.ts'
import { Bench } from '../contract/bench.ts'
import { lifeContract } from '../contract/life-contract.ts'
import { schemeContract } from '../contract/scheme-contract.ts'
import { userContract } from '../contract/user-contract.ts'
import { expectCleanCapture, peerAvailable } from '../peers/tshark.ts'

const contract = await userContract('test/schemes/gre.ts')

schemeContract(contract)
lifeContract(contract)

const FILE = `
name: three-hosts
fabric: { racks: 1, hostsPerRack: 3, links: 10Gbps }
networks: { box: { scheme: gre, subnet: 10.77.0.0/16, blockLength: 26 } }
containers: { perHost: 2 }
workload:
  - { kind: ping, pairs: mesh, count: 2, interval: 100ms }
  - { kind: udp, name: stream, from: c1, to: c6, packetRate: 10kpps, size: 1000, for: 100ms }
expect:
  - { delivered: { of: ping-1, equals: 60 } }
  - { loss: { of: stream, equals: 0% } }
  - { drops: { equals: 0 } }
  # The switch sees the hosts alone.
  - { macEntries: { equals: 3 } }
  - { reachable: { from: h1, to: c6 } }
`

describe('GRE of its own', () => {
  it('runs from a scenario file to its expectations, known by what its packets do', () => {
    const schemes = new Schemes([contract.scheme])
    const loaded = loadScenario(FILE, 'three-hosts.yaml', schemes)
    expect(loaded).toMatchObject({ ok: true })
    if (!loaded.ok) return
    const run = new Run(loaded.scenarios[0]!, schemes, { capture: false })
    while (!run.advance(1e6));
    const { expectations, networks } = run.result()
    expect(expectations.filter(({ passed }) => !passed)).toEqual([])
    expect(expectations).toHaveLength(5)
    expect(networks).toMatchObject([
      { scheme: 'gre', encapsulation: 'encapsulated', forwarding: 'L3', bytesAdded: 24 },
    ])
  })

  /** What leaves h1 while a ping of `length` bytes and a connection go from a to c. */
  function traffic(length: number): { frames: Frame[]; capture: Capture } {
    const lab = new Bench(contract.scheme, {})
    const [a, c] = [lab.endpoint('a'), lab.endpoint('c')]
    const frames: Frame[] = []
    const capture = new Capture()
    const tap = capture.interface('h1/eth0', {})
    lab.root('h1').device('eth0')!.tap = {
      frame: (time, frame, direction) => {
        tap.frame(time, frame, direction)
        if (direction === 'out' && frame.protocol === 47) frames.push(frame.clone())
      },
    }
    expect(lab.pingOf(a.namespace, c.address, length)).toBe('answered')
    expect(lab.sendTcp(a.namespace, c, 20_000)).toBe(20_000)
    return { frames, capture }
  }

  it('puts 20 bytes of IPv4 and 4 of GRE before the packet', () => {
    const [request] = traffic(84).frames
    const bytes = Buffer.from(encode(request!)).toString('hex')
    // Protocol 47; flags and version 0, EtherType 0x0800; the packet as it was, TTL 63.
    expect(bytes.slice(28, 32)).toBe('4500')
    expect(request!.l3Length).toBe(84 + 24)
    expect(bytes.slice(46, 48)).toBe('2f')
    expect(bytes.slice(68, 76)).toBe('00000800')
    expect(bytes.slice(76, 84)).toBe('45000054')
    expect(bytes.slice(92, 94)).toBe('3f')
  })

  it.skipIf(!peerAvailable('tshark'))('is read by tshark, down to the inner packets', () => {
    const { capture, frames } = traffic(1476)
    const fields = ['gre.proto', 'ip.proto', 'ip.len']
    const packets = expectCleanCapture(capture.bytes(), fields)
    const carried = packets.filter((packet) => packet['gre.proto']![0] === '0x0800')
    expect(carried.length).toBeGreaterThanOrEqual(frames.length)
    for (const packet of carried) {
      const [outer, inner] = packet['ip.len']!.map(Number)
      expect(packet['ip.proto']![0]).toBe('47')
      expect(outer).toBe(inner! + 24)
    }
  })

  it('shows on its host as Linux shows one', () => {
    const lab = new Bench(contract.scheme, {})
    const root = lab.root('h1')
    const link = showLinks(root, { details: true }).lines.join('\n')
    expect(link).toMatch(/gre1: <NOARP,UP,LOWER_UP> mtu 1476 qdisc noqueue state UNKNOWN/)
    expect(link).toContain('link/gre 192.168.0.1 brd 0.0.0.0')
    expect(link).toContain('gre remote any local 192.168.0.1 ttl inherit pmtudisc')
    const routes = showRoutes(root).lines.join('\n')
    expect(routes).toContain('10.98.1.0/24 via 192.168.0.2 dev gre1 onlink')
  })

  it('is refused as a port of a bridge, as everything without Ethernet', () => {
    const lab = new Bench(contract.scheme, {})
    const { commands } = lab.world.hosts.get('h1')!
    expect(commands.link.master('gre1', 'grebr0')).toMatchObject({ errno: 'EINVAL' })
  })
})
