import {
  ETHERTYPE_IPV4,
  Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  VXLAN_OVERHEAD_BYTES,
} from '../src/wire/frame.ts'
import { ipv4 } from '../src/wire/ipv4-address.ts'
import { TCP_ACK, TcpHeader } from '../src/wire/tcp.ts'
import { TunnelHeader } from '../src/wire/tunnel-header.ts'

/** `header`: a tunnel of IP in IP with a header of its own between the two. */
export type Wrapping = 'plain' | 'vxlan' | 'ipip' | 'header'

class FourBytes extends TunnelHeader {
  readonly name = 'four bytes'
  readonly bytes = 4

  encode(): Uint8Array {
    return Uint8Array.of(1, 2, 3, 4)
  }
}

const FOUR_BYTES = new FourBytes()
/** For use in experiments (RFC 3692). */
const PROTOCOL_EXPERIMENT = 253

export interface SegmentSpec {
  readonly sequence?: number
  readonly acknowledgement?: number
  /** Content bytes. */
  readonly bytes?: number
  readonly content?: Uint8Array
  readonly flags?: number
  readonly window?: number
  readonly options?: Uint8Array
  readonly ipId?: number
  readonly outerId?: number
  readonly outerDf?: boolean
  readonly port?: number
}

const NOP_NOP_TIMESTAMPS = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9)

/** A TCP segment from 10.0.0.1:40000 to 10.0.0.2:5001, ready for the wire. */
export function tcpSegment(spec: SegmentSpec = {}, wrapping: Wrapping = 'plain'): Frame {
  const options = spec.options ?? NOP_NOP_TIMESTAMPS
  const bytes = spec.content?.length ?? spec.bytes ?? 1448
  const frame = packet('10.0.0.1', '10.0.0.2', PROTOCOL_TCP)
  frame.sourcePort = spec.port ?? 40000
  frame.destinationPort = 5001
  frame.dontFragment = true
  frame.ipId = spec.ipId ?? 0
  frame.payload = spec.content ?? null
  frame.header = new TcpHeader(
    spec.sequence ?? 0,
    spec.acknowledgement ?? 77,
    spec.flags ?? TCP_ACK,
    spec.window ?? 501,
    options,
  )
  frame.l3Length = IPV4_HEADER_BYTES + frame.header.bytes + bytes
  return wrapping === 'plain' ? frame : wrap(frame, spec, wrapping)
}

function wrap(inner: Frame, spec: SegmentSpec, wrapping: 'vxlan' | 'ipip' | 'header'): Frame {
  const isVxlan = wrapping === 'vxlan'
  const outer = packet('192.168.0.1', '192.168.0.2', isVxlan ? PROTOCOL_UDP : PROTOCOL_IPIP)
  outer.ipId = spec.outerId ?? 0
  outer.dontFragment = spec.outerDf ?? false
  outer.inner = inner
  outer.l3Length = inner.l3Length + (isVxlan ? VXLAN_OVERHEAD_BYTES : IPV4_HEADER_BYTES)
  if (wrapping === 'header') {
    outer.protocol = PROTOCOL_EXPERIMENT
    outer.header = FOUR_BYTES
    outer.l3Length += FOUR_BYTES.bytes
  }
  if (!isVxlan) {
    inner.dstHi = inner.dstLo = inner.srcHi = inner.srcLo = 0
    return outer
  }
  outer.sourcePort = 50000
  outer.destinationPort = 8472
  outer.vni = 5
  return outer
}

function packet(source: string, destination: string, protocol: number): Frame {
  const frame = new Frame()
  frame.srcHi = 0x020000
  frame.srcLo = 1
  frame.dstHi = 0x020000
  frame.dstLo = 2
  frame.etherType = ETHERTYPE_IPV4
  frame.ipSrc = ipv4(source)
  frame.ipDst = ipv4(destination)
  frame.protocol = protocol
  frame.ttl = 64
  return frame
}

/** A unit that stands for segments of `gsoSize` content bytes each, the last with what is left. */
export function tcpUnit(spec: SegmentSpec, gsoSize: number, wrapping: Wrapping = 'plain'): Frame {
  const unit = tcpSegment(spec, wrapping)
  const bytes = spec.content?.length ?? spec.bytes ?? 1448
  for (let level: Frame | null = unit; level !== null; level = level.inner) {
    level.gsoSize = gsoSize
    level.gsoSegments = Math.ceil(bytes / gsoSize)
    level.gsoExcess = bytes - gsoSize
  }
  return unit
}

/** Content of which no two stretches are alike. */
export function numbered(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8)) & 0xff)
}
