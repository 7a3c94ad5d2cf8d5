/** Where broadcasts, unknown unicast and ARP for nobody go, with three hosts: the lab's table. */
import { describe, expect, it } from 'vitest'
import { ArpPacket } from '../../src/wire/arp.ts'
import type { Frame } from '../../src/wire/frame.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import { hostAddress, Lab } from '../lab/lab.ts'
import { canPing, PingRun } from '../lab/probes.ts'
import { flannelHostgw, flannelVxlan, macvlan, type Setup } from '../lab/schemes.ts'
import { FrameCount, macsend } from '../lab/stations.ts'

const HOSTS = 3
const SECOND = 1e12
const POINTS = ['h1', 'h2', 'h3', 'c2', 'c3', 'x1']
const HOST_ADDRESSES = [1, 2, 3].map((host) => ipv4(hostAddress(host)))

const SCHEMES: Record<string, (lab: Lab) => Setup> = {
  macvlan: (lab) => macvlan(lab, 'bridge', HOSTS),
  'flannel-vxlan': (lab) => flannelVxlan(lab, 1450, HOSTS),
  'flannel-hostgw': (lab) => flannelHostgw(lab, HOSTS),
}

/** The lab's filter: all but the hosts' own ARP. */
function isCounted({ header }: Frame): boolean {
  return !(header instanceof ArpPacket) || !HOST_ADDRESSES.includes(header.senderIp)
}

/** Frames seen at each point during one probe, as long as the lab's captures ran. */
function count(lab: Lab, probe: () => void, duration: number): number[] {
  const counters = POINTS.map((node) => {
    const counter = new FrameCount(isCounted)
    lab.device(node, 'eth0').tap = counter
    return counter
  })
  lab.run(0.8 * SECOND)
  probe()
  lab.run(duration + 0.4 * SECOND)
  return counters.map(({ frames }) => frames)
}

/** The lab's three probes, one after the other in one lab. */
function replicate(build: (lab: Lab) => Setup): Record<string, number[]> {
  const lab = new Lab({ at: SECOND })
  const setup = build(lab)
  expect(canPing(lab, 'c1', setup.destinationAddress)).toBe(true)
  const own = formatMac(lab.device('c1', 'eth0').mac)
  const sendTo = (mac: string) => () => macsend(lab, 'c1', own, mac, 10)
  const pingMissing = () => {
    new PingRun(lab, 'c1', { destination: setup.missing, times: [lab.simulator.now] })
  }
  const seen = {
    broadcast: count(lab, sendTo('ff:ff:ff:ff:ff:ff'), 0),
    'unknown-unicast': count(lab, sendTo('02:ff:00:00:00:99'), 0),
    'arp-missing': count(lab, pingMissing, 3.5 * SECOND),
  }
  expect(lab.ledger.imbalance()).toBe(0)
  return seen
}

describe('ten frames, or three ARP requests, from c1', () => {
  // Two frames in c2's column of the last probe are the neighbour probe of its own first ping.
  it.each([
    ['macvlan', 'broadcast', [10, 10, 10, 10, 10, 10]],
    ['macvlan', 'unknown-unicast', [10, 10, 10, 0, 0, 0]],
    ['macvlan', 'arp-missing', [5, 5, 3, 5, 3, 3]],
    ['flannel-vxlan', 'broadcast', [0, 0, 0, 0, 0, 10]],
    ['flannel-vxlan', 'unknown-unicast', [0, 0, 0, 0, 0, 10]],
    ['flannel-vxlan', 'arp-missing', [0, 0, 0, 2, 0, 3]],
    ['flannel-hostgw', 'broadcast', [0, 0, 0, 0, 0, 10]],
    ['flannel-hostgw', 'unknown-unicast', [0, 0, 0, 0, 0, 10]],
    ['flannel-hostgw', 'arp-missing', [0, 0, 0, 2, 0, 3]],
  ])('%s %s', (scheme, probe, expected) => {
    expect(replicate(SCHEMES[scheme]!)[probe]).toEqual(expected)
  })
})
