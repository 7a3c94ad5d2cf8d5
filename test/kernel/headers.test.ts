/** Header facts of kernel-lab.md section 1 that no capture of the golden frames shows. */
import { describe, expect, it } from 'vitest'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { compareRun } from '../golden/compare.ts'
import { type Layer, parseGolden, Recorder, type TextFrame } from '../golden/text.ts'
import { Lab } from '../lab/lab.ts'
import { dockerOverlay } from '../lab/overlay.ts'
import { canPing, PingRun, udpSend, udpServer } from '../lab/probes.ts'
import { flannelVxlan, type Setup } from '../lab/schemes.ts'
import { goldenText } from './golden-run.ts'

const SECOND = 1e12

interface Running {
  readonly lab: Lab
  readonly setup: Setup
  readonly underlay: Recorder
}

/** A lab that has sent its first packets, with a tap on h1's eth0. */
function start(build: (lab: Lab) => Setup): Running {
  const lab = new Lab({ at: SECOND })
  const setup = build(lab)
  expect(canPing(lab, setup.source, setup.destinationAddress)).toBe(true)
  const underlay = new Recorder()
  lab.tap('h1', 'eth0', underlay)
  return { lab, setup, underlay }
}

function field({ layers }: TextFrame, protocol: string, name: string): string | undefined {
  return layers.find((layer) => layer.protocol === protocol)?.fields.get(name)
}

function innerIp({ layers }: TextFrame): Layer {
  return layers.findLast(({ protocol }) => protocol === 'ip')!
}

const routed = () => start((lab) => flannelVxlan(lab))
const bridged = () => start((lab) => dockerOverlay(lab))

describe('the outer source port', () => {
  it('tells 16 flows apart, keeps to a flow, and is the addresses’ own for fragments and ICMP', () => {
    const { lab, setup, underlay } = routed()
    const { source, destination, destinationAddress } = setup
    udpServer(lab, destination, 5002)
    const portsOf = (send: () => void) => {
      const from = lab.simulator.now
      lab.run(0.1 * SECOND)
      send()
      lab.run(0.1 * SECOND)
      const frames = underlay.between(from, lab.simulator.now, 0)
      return frames
        .filter((frame) => field(frame, 'ip', 'src') === '192.168.50.11')
        .map((frame) => Number(field(frame, 'udp', 'sport')))
    }
    const send = (bytes: number, sourcePort: number) => () =>
      expect(udpSend(lab, source, destinationAddress, 5002, bytes, sourcePort)).toBeNull()
    const flows = Array.from({ length: 16 }, (_, i) => portsOf(send(100, 40000 + i))).flat()
    expect(new Set(flows).size).toBe(16)
    for (const port of flows) expect(port >= 32768 && port < 60999).toBe(true)
    expect(portsOf(send(100, 40000))).toEqual([flows[0]])
    const fragments = portsOf(send(4000, 40000))
    expect(fragments).toHaveLength(3)
    expect(new Set(fragments).size).toBe(1)
    expect(fragments[0]).not.toBe(flows[0])
    expect(portsOf(send(4000, 40001))).toEqual(fragments)
    const ping = () => {
      new PingRun(lab, source, { destination: destinationAddress, times: [lab.simulator.now] })
    }
    const icmp = portsOf(ping)
    expect(new Set([...icmp, ...flows, fragments[0]]).size).toBe(18)
    // The next process pings with another identifier: the same port, as in the captures.
    expect(portsOf(ping)).toEqual(icmp)
  })
})

describe.each([
  ['routed', routed, 8],
  ['bridged', bridged, 9],
] as const)('a tunnel that is %s', (_kind, build, innerTtl) => {
  function echo(tos: number, ttl: number): TextFrame {
    const { lab, setup, underlay } = build()
    const from = lab.simulator.now
    const socket = lab.namespace(setup.source).sockets.openEcho()
    socket.tos = tos
    socket.ttl = ttl
    expect(socket.request(ipv4(setup.destinationAddress), 1, 56)).toBeNull()
    lab.run(SECOND)
    return underlay.between(from, lab.simulator.now, 0)[0]!
  }

  it('inherits the ECN field but not the DSCP', () => {
    const marked = echo(0xb8, 64)
    expect([field(marked, 'ip', 'tos'), innerIp(marked).fields.get('tos')]).toEqual([
      ...['0x00', '0xb8'],
    ])
    const capable = echo(0x02, 64)
    expect([field(capable, 'ip', 'tos'), innerIp(capable).fields.get('tos')]).toEqual([
      ...['0x02', '0x02'],
    ])
  })

  it('does not inherit the TTL', () => {
    const frame = echo(0, 9)
    expect(field(frame, 'ip', 'ttl')).toBe('64')
    expect(innerIp(frame).fields.get('ttl')).toBe(String(innerTtl))
  })

  it('takes a DF ping of 1422 bytes and no more', () => {
    const { lab, setup } = build()
    const ping = (size: number) => {
      const { now } = lab.simulator
      const { source, destinationAddress: destination } = setup
      const run = new PingRun(lab, source, { destination, size, pmtu: 'do', times: [now] })
      lab.simulator.run(now + SECOND)
      return run.lines()[0]
    }
    expect(ping(1422)).toContain('1430 bytes from')
    expect(ping(1423)).toBe('ping: local error: message too long, mtu=1450')
  })
})

it('a container reaches another host by the address of its own, its identifier rewritten', () => {
  const { lab, setup, underlay } = routed()
  const destination = '192.168.50.12'
  expect(canPing(lab, setup.source, destination)).toBe(true)
  const from = lab.simulator.now
  const kernel = parseGolden(goldenText('flannel-vxlan', 'masq-underlay'))
  const times = [0, kernel[2]!.time - kernel[0]!.time].map((time) => from + time * SECOND)
  const inside = new Recorder()
  lab.tap(setup.source, 'eth0', inside)
  const run = new PingRun(lab, setup.source, { destination, times })
  lab.run(SECOND)
  expect(run.replies).toBe(2)
  const ours = underlay.between(from, lab.simulator.now, from)
  expect(compareRun([{ name: 'masq-underlay', kernel, ours }], lab.configuredMacs)).toBeNull()
  const request = inside.between(from, lab.simulator.now, from)[0]!
  expect(field(request, 'icmp', 'id')).not.toBe(field(ours[0]!, 'icmp', 'id'))
})
