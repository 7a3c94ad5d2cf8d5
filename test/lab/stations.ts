/** Raw frames as the lab's `nb` sends and counts them, and its bridge with stations. */
import { Bridge } from '../../src/host/bridge.ts'
import type { Tap } from '../../src/measure/tap.ts'
import { Frame } from '../../src/wire/frame.ts'
import { type MacAddress, mac, macHi, macLo } from '../../src/wire/mac-address.ts'
import type { Lab } from './lab.ts'

/** IEEE 802 local experimental EtherType 1. */
const ETHERTYPE_TEST = 0x88b5
const CONTENT_BYTES = 46

/** MACs that an attacker uses: 0a:00:00 and a running number. */
const ATTACKER_MACS = mac('0a:00:00:00:00:00')

export interface StationOptions {
  /** Picoseconds. */
  readonly ageing?: number
  /** 0 is no limit. */
  readonly fdbMaxLearned?: number
}

/** Nodes s1 ... sn with MAC 02:00:00:00:00:0n and 10.9.0.n, on ports p1 ... pn of bridge br0 in fsw. */
export function stations(lab: Lab, count: number, options: StationOptions = {}): Bridge {
  const fsw = lab.addNode('fsw')
  const bridge = fsw.link.add({ name: 'br0', type: 'bridge', mtu: 1500, ...options })
  fsw.link.up('br0')
  fsw.sysctl('net.bridge.bridge-nf-call-iptables', 0)
  for (let k = 1; k <= count; k++) {
    const node = lab.addNode(`s${k}`)
    lab.veth(['fsw', `p${k}`], [`s${k}`, 'eth0'], 1500, { peerMac: stationMac(k) })
    fsw.link.master(`p${k}`, 'br0')
    node.addr.add(`10.9.0.${k}/24`, 'eth0')
  }
  if (!(bridge instanceof Bridge)) throw new Error('not a bridge')
  return bridge
}

export function stationMac(station: number): string {
  return `02:00:00:00:00:0${station}`
}

function sendRaw(lab: Lab, node: string, source: MacAddress, destination: MacAddress): void {
  const frame = new Frame()
  frame.srcHi = macHi(source)
  frame.srcLo = macLo(source)
  frame.dstHi = macHi(destination)
  frame.dstLo = macLo(destination)
  frame.etherType = ETHERTYPE_TEST
  frame.l3Length = CONTENT_BYTES
  lab.ledger.originated++
  lab.kernel.enter()
  lab.device(node, 'eth0').send(frame)
  lab.kernel.leave()
}

/** `nb macsend`: `count` frames from one address to another. */
export function macsend(
  lab: Lab,
  node: string,
  source: string,
  destination: string,
  count: number,
): void {
  for (let i = 0; i < count; i++) sendRaw(lab, node, mac(source), mac(destination))
}

/** `nb macgen`: one frame from each of `count` addresses. */
export function macgen(lab: Lab, node: string, count: number, destination: string): void {
  for (let i = 0; i < count; i++) sendRaw(lab, node, ATTACKER_MACS + i, mac(destination))
}

/** `nb macto`: one frame to each of the `count` addresses of `macgen`. */
export function macto(lab: Lab, node: string, source: string, count: number): void {
  for (let i = 0; i < count; i++) sendRaw(lab, node, mac(source), ATTACKER_MACS + i)
}

/** Counts frames at an interface; which ones, `wants` says. */
export class FrameCount implements Tap {
  frames = 0
  private readonly wants: (frame: Frame) => boolean

  constructor(wants: (frame: Frame) => boolean) {
    this.wants = wants
  }

  frame(_time: number, frame: Frame): void {
    if (this.wants(frame)) this.frames++
  }
}

/** Frames of the test's EtherType that `action` makes appear at a node's eth0. */
export function countDuring(lab: Lab, node: string, action: () => void): number {
  const counter = new FrameCount((frame) => frame.etherType === ETHERTYPE_TEST)
  const device = lab.device(node, 'eth0')
  device.tap = counter
  action()
  lab.run(0)
  device.tap = null
  return counter.frames
}
