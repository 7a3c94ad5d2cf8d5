/** What happens to packets that are too long, where an MTU is set wrong: the lab's cases A to F. What
 * becomes of TCP stands in wrong-mtu-tcp.test.ts. */
import { describe, expect, it } from 'vitest'
import { Recorder, type TextFrame } from '../golden/text.ts'
import { Lab } from '../lab/lab.ts'
import { PingRun, udpSend, udpServer } from '../lab/probes.ts'
import type { Setup } from '../lab/schemes.ts'
import {
  bridgedInto1450,
  bridgedInto1500,
  bridgedUnfiltered,
  bridgedWithDf,
  routed,
  routedWithoutIcmp,
} from './wrong-mtu-cases.ts'

const SECOND = 1e12
const MTU = 1450

interface Case {
  /** Lines of `ping -c2 -M do -s 1472` and `-M dont`, without the statistics. */
  readonly df: readonly string[]
  readonly dont: readonly string[]
  /** Datagrams of 1472 bytes that arrived of three, from sockets with Linux's default. */
  readonly udp: readonly number[]
  /** ICMP "fragmentation needed" at the sender: source and MTU. */
  readonly icmp: readonly string[]
  readonly underlay: Underlay
}

interface Underlay {
  /** Frames longer than the underlay takes. */
  readonly tooLong: number
  readonly outerFragments: number
  /** Lengths of the inner IP packets of one request that may be cut. */
  readonly innerLengths: readonly number[]
}

function run(build: (lab: Lab) => Setup): Case {
  const lab = new Lab({ at: SECOND })
  const { source, destination, destinationAddress: address, points } = build(lab)
  const atSender = new Recorder()
  const atUnderlay = new Recorder()
  lab.tap(source, 'eth0', atSender)
  lab.tap(...points.underlay, atUnderlay)
  const flush = () => lab.namespace(source).ipv4.flushCache()
  const ping = (pmtu: 'do' | 'dont') => {
    flush()
    const times = [lab.simulator.now, lab.simulator.now + 0.3 * SECOND]
    const command = { destination: address, size: 1472, pmtu, times }
    const pinging = new PingRun(lab, source, command)
    lab.run(1.3 * SECOND)
    return pinging.lines().filter((line) => !line.includes('transmitted'))
  }
  const df = ping('do')
  const dontFrom = lab.simulator.now
  const dont = ping('dont')
  const dontTo = lab.simulator.now
  flush()
  const server = udpServer(lab, destination, 5002)
  const arrived = [1, 2, 3].map((k) => {
    const before = server.packets
    udpSend(lab, source, address, 5002, 1472, 40000 + k)
    lab.run(0.3 * SECOND)
    return server.packets - before
  })
  lab.run(8 * SECOND)
  expect(lab.ledger.imbalance()).toBe(0)
  const all = atUnderlay.between(0, Infinity, 0)
  return {
    df,
    dont,
    udp: arrived,
    icmp: fragNeeded(atSender.between(0, Infinity, 0)),
    underlay: {
      tooLong: all.filter(({ length }) => length > 1514).length,
      outerFragments: all.filter(isOuterFragment).length,
      innerLengths: requestLengths(atUnderlay.between(dontFrom, dontTo, 0)),
    },
  }
}

function fragNeeded(frames: readonly TextFrame[]): string[] {
  return frames.flatMap(({ layers }) => {
    const icmp = layers.find(({ protocol }) => protocol === 'icmp')
    const ip = layers.find(({ protocol }) => protocol === 'ip')
    if (icmp?.fields.get('type') !== '3' || icmp.fields.get('code') !== '4') return []
    return [`${ip!.fields.get('src')} ${icmp.fields.get('mtu')}`]
  })
}

function isOuterFragment({ layers }: TextFrame): boolean {
  const ip = layers[1]!
  return ip.protocol === 'ip' && (ip.fields.get('mf') === '1' || ip.fields.get('off') !== '0')
}

/** Inner IP lengths of what h1 sends in the tunnel, for one request. */
function requestLengths(frames: readonly TextFrame[]): number[] {
  const first = frames.findIndex(
    ({ layers }) => isFromH1(layers) && layers[3]?.protocol === 'vxlan',
  )
  return frames
    .filter(({ time, layers }) => time === frames[first]?.time && isFromH1(layers))
    .flatMap(({ layers }) => {
      const inner = layers.findLast(({ protocol }) => protocol === 'ip')!
      return layers.length > 4 ? [Number(inner.fields.get('len'))] : []
    })
}

function isFromH1(layers: TextFrame['layers']): boolean {
  return layers[1]?.fields.get('src') === '192.168.50.11'
}

const REPLIES = (from: string, ttl: number) =>
  [1, 2].map((sequence) => `1480 bytes from ${from}: icmp_seq=${sequence} ttl=${ttl}`)
const REFUSED_AFTER = (from: string) => [
  `From ${from} icmp_seq=1 Frag needed and DF set (mtu = ${MTU})`,
  `ping: local error: message too long, mtu=${MTU}`,
]
const NOTHING: string[] = []
const ALL_LOST = [0, 0, 0]
const FIRST_LOST = [0, 1, 1]

describe('packets of 1500 bytes', () => {
  it('A: routed into a tunnel of 1450: the gateway says so, and cuts what it may', () => {
    expect(run(routed)).toEqual({
      df: REFUSED_AFTER('10.244.0.1'),
      dont: REPLIES('10.244.1.2', 62),
      udp: FIRST_LOST,
      icmp: [`10.244.0.1 ${MTU}`, `10.244.0.1 ${MTU}`],
      underlay: { tooLong: 0, outerFragments: 0, innerLengths: [1444, 76] },
    })
  })

  it('B: the same with its ICMP filtered: lost without a word', () => {
    expect(run(routedWithoutIcmp)).toEqual({
      df: NOTHING,
      dont: REPLIES('10.244.1.2', 62),
      udp: ALL_LOST,
      icmp: [],
      underlay: { tooLong: 0, outerFragments: 0, innerLengths: [1444, 76] },
    })
  })

  it('C: bridged into a tunnel of 1450: only br_netfilter cuts, and nobody says a word', () => {
    expect(run(bridgedInto1450)).toEqual({
      df: NOTHING,
      dont: REPLIES('10.0.1.12', 64),
      udp: ALL_LOST,
      icmp: [],
      underlay: { tooLong: 0, outerFragments: 0, innerLengths: [1444, 76] },
    })
  })

  it('D: bridged into a tunnel of 1500 on 1500: the tunnel answers in the name of the destination', () => {
    expect(run(bridgedInto1500)).toEqual({
      df: REFUSED_AFTER('10.0.1.12'),
      dont: REPLIES('10.0.1.12', 64),
      udp: FIRST_LOST,
      icmp: [`10.0.1.12 ${MTU}`, `10.0.1.12 ${MTU}`],
      underlay: { tooLong: 0, outerFragments: 8, innerLengths: [] },
    })
  })

  it('E: the same with DF on the outer packets: what may be cut inside is lost', () => {
    expect(run(bridgedWithDf)).toEqual({
      df: REFUSED_AFTER('10.0.1.12'),
      dont: NOTHING,
      udp: FIRST_LOST,
      icmp: [`10.0.1.12 ${MTU}`, `10.0.1.12 ${MTU}`],
      underlay: { tooLong: 0, outerFragments: 0, innerLengths: [] },
    })
  })

  it('F: as C without br_netfilter: all lost', () => {
    expect(run(bridgedUnfiltered)).toEqual({
      df: NOTHING,
      dont: NOTHING,
      udp: ALL_LOST,
      icmp: [],
      underlay: { tooLong: 0, outerFragments: 0, innerLengths: [] },
    })
  })
})
