/** What a probe between two hosts looks like on the cable, and what it passed on its way. */
import { type TraceEvent, TraceRecorder } from '../../measure/trace-recorder.ts'
import { SECOND } from '../../sim/units.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import { PROTOCOL_ESP } from '../../wire/esp.ts'
import { type Frame, PROTOCOL_ICMP, PROTOCOL_IPIP, PROTOCOL_UDP } from '../../wire/frame.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { TunnelHeader } from '../../wire/tunnel-header.ts'
import { CableWatch } from './cable-watch.ts'
import type { Trial } from './trial.ts'

/** A number in the frame that may tell networks apart. */
export interface SegmentTag {
  readonly kind: 'VNI' | 'VLAN ID'
  readonly bits: number
  readonly value: number
}

export interface Sight {
  /** Outermost first, such as `UDP 4789`, `VXLAN`; empty where the packet goes as it is. */
  readonly layers: readonly string[]
  readonly tags: readonly SegmentTag[]
  /** Between the frame on the cable and the packet as its sender sent it, bytes. */
  readonly added: number
  /** Whether the TTL was lowered before the packet left its host. */
  readonly isRouted: boolean
  /** Places that the probe passed, in order, one way. */
  readonly devices: readonly string[]
}

const TRACE = 77
const PROBE_BYTES = 1000
const PATIENCE = 3 * SECOND
const SENDER_TTL = 64
const VNI_BITS = 24
const VLAN_BITS = 12
const VLAN_MASK = 0xfff

/** Sends a second echo request, which finds all caches warm. @returns null when it left no host. */
export function sightOf(trial: Trial, from: NetNamespace, to: Ipv4Address): Sight | null {
  const socket = from.sockets.openEcho()
  socket.request(to, 1, PROBE_BYTES)
  trial.run(PATIENCE)
  const { ledger, simulator } = trial.world
  const recorder = new TraceRecorder(simulator)
  const seen: Frame[] = []
  const watch = new CableWatch(trial, (frame) => {
    if (seen.length === 0 && isRequest(frame)) seen.push(frame.clone())
  })
  ledger.tracer = recorder
  socket.trace = TRACE
  socket.request(to, 2, PROBE_BYTES)
  trial.run(PATIENCE)
  ledger.tracer = null
  watch.end()
  socket.close()
  const [frame] = seen
  return frame === undefined ? null : read(frame, recorder.events)
}

function isRequest(frame: Frame): boolean {
  if (frame.trace !== TRACE) return false
  const { packet } = innermost(frame)
  return packet.protocol === PROTOCOL_ICMP
}

function innermost(frame: Frame): { packet: Frame; carriers: readonly Frame[] } {
  const carriers: Frame[] = []
  let packet = frame.fragmentOf ?? frame
  while (packet.inner !== null && packet.protocol !== PROTOCOL_ICMP) {
    carriers.push(packet)
    packet = packet.inner.fragmentOf ?? packet.inner
  }
  return { packet, carriers }
}

function read(frame: Frame, events: readonly TraceEvent[]): Sight {
  const { packet, carriers } = innermost(frame)
  const tags: SegmentTag[] = []
  if (frame.vlan >= 0) {
    tags.push({ kind: 'VLAN ID', bits: VLAN_BITS, value: frame.vlan & VLAN_MASK })
  }
  for (const carrier of carriers) {
    if (isVxlan(carrier)) tags.push({ kind: 'VNI', bits: VNI_BITS, value: carrier.vni })
  }
  const outer = frame.fragmentOf ?? frame
  const untagged = frame.length - frame.l3Length - 14
  return {
    layers: [...(frame.vlan >= 0 ? ['802.1Q'] : []), ...carriers.flatMap(layersOf)],
    tags,
    added: outer.l3Length - packet.l3Length + untagged,
    isRouted: packet.ttl < SENDER_TTL,
    devices: devicesOf(events),
  }
}

function isVxlan({ protocol, bareInner, payload }: Frame): boolean {
  return protocol === PROTOCOL_UDP && !bareInner && payload === null
}

function layersOf(carrier: Frame): string[] {
  const { protocol, destinationPort, header } = carrier
  if (header instanceof TunnelHeader) return [`protocol ${protocol}`, header.name]
  if (protocol === PROTOCOL_IPIP) return ['IP in IP']
  if (protocol === PROTOCOL_ESP) return ['ESP']
  if (protocol !== PROTOCOL_UDP) return [`protocol ${protocol}`]
  return [`UDP ${destinationPort}`, ...(isVxlan(carrier) ? ['VXLAN'] : [])]
}

/** Devices of the request, from its sender to its receiver. */
function devicesOf(events: readonly TraceEvent[]): string[] {
  const devices: string[] = []
  for (const { place, kind } of events) {
    if (kind !== 'echo-request' || !place.includes('/')) continue
    if (devices.at(-1) !== place && !devices.includes(place)) devices.push(place)
  }
  return devices
}
