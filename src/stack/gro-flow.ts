import type { Frame } from '../wire/frame.ts'
import { TCP_CWR, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG, TcpHeader } from '../wire/tcp.ts'

/** Longest unit, bytes of its IP packet (GRO_LEGACY_MAX_SIZE). */
const MAX_BYTES = 65536
/** A segment with one of these ends its unit, or is none of it. */
const ENDS_UNIT = TCP_URG | TCP_PSH | TCP_RST | TCP_SYN | TCP_FIN
/** Flags that may differ within a unit. */
const MAY_DIFFER = TCP_CWR | TCP_FIN | TCP_PSH

/** Consecutive segments of one flow that are to become a unit. */
export class GroFlow {
  /** The first segment, with its tunnels. */
  readonly head: Frame
  count = 1
  private readonly header: TcpHeader
  /** Content bytes of every segment but the last. */
  private readonly size: number
  private bytes: number
  private flags: number
  private isLastShort = false
  private trace: number
  /** The segments' content, once one of them has any other than zeros. */
  private contents: (Uint8Array | null)[] | null = null

  constructor(head: Frame, transport: Frame, header: TcpHeader, bytes: number) {
    this.head = head
    this.header = header
    this.size = bytes
    this.bytes = bytes
    this.flags = header.flags
    this.trace = head.trace
    if (transport.payload !== null) this.contents = [transport.payload]
  }

  /** Whether a packet of this flow continues the unit (tcp_gro_receive, inet_gro_flush). */
  admits(frame: Frame, transport: Frame, header: TcpHeader, bytes: number): boolean {
    const { head } = this
    const own = this.header
    return (
      bytes > 0 &&
      bytes <= this.size &&
      ((own.sequence + this.bytes) | 0) === header.sequence &&
      own.acknowledgement === header.acknowledgement &&
      own.window === header.window &&
      (header.flags & TCP_CWR) === 0 &&
      ((own.flags ^ header.flags) & ~MAY_DIFFER) === 0 &&
      hasSameBytes(own.options, header.options) &&
      head.l3Length + this.bytes - this.size + bytes < MAX_BYTES &&
      !frame.badChecksum &&
      !transport.badChecksum &&
      areInLine(head, frame, this.count)
    )
  }

  add(frame: Frame, transport: Frame, header: TcpHeader, bytes: number): void {
    const { payload } = transport
    if (payload !== null) this.contents ??= new Array(this.count).fill(null)
    if (this.contents !== null) this.contents.push(payload)
    frame.orphan()
    this.count++
    this.bytes += bytes
    this.flags |= header.flags
    this.isLastShort = bytes < this.size
    if (this.trace === 0) this.trace = frame.trace
  }

  /** Whether nothing can follow: the latest segment was shorter, or ended it. */
  get isComplete(): boolean {
    return this.isLastShort || (this.flags & ENDS_UNIT) !== 0
  }

  /** The unit; the segment itself when it stayed alone. */
  unit(): Frame {
    if (this.count === 1) return this.head
    const head = this.head.writable()
    head.trace = this.trace
    let level = head
    this.stretch(level)
    while (level.inner !== null) {
      level.inner = level.inner.writable()
      level = level.inner
      this.stretch(level)
    }
    const { sequence, acknowledgement, window, options, urgent } = this.header
    if (this.flags !== this.header.flags) {
      level.header = new TcpHeader(sequence, acknowledgement, this.flags, window, options, urgent)
    }
    if (this.contents !== null) level.payload = this.joinContents(this.contents)
    return head
  }

  private stretch(level: Frame): void {
    const excess = this.bytes - this.size
    level.l3Length += excess
    level.gsoSize = this.size
    level.gsoSegments = this.count
    level.gsoExcess = excess
  }

  private joinContents(contents: readonly (Uint8Array | null)[]): Uint8Array {
    const whole = new Uint8Array(this.bytes)
    contents.forEach((content, i) => {
      if (content !== null) whole.set(content, i * this.size)
    })
    return whole
  }
}

/** Whether a segment cannot begin a unit. */
export function endsUnit(header: TcpHeader): boolean {
  return (header.flags & ENDS_UNIT) !== 0
}

/** Whether two packets are of one flow: Ethernet, addresses and ports, in all tunnels. */
export function isSameFlow(a: Frame, b: Frame): boolean {
  return (
    a.sourcePort === b.sourcePort &&
    a.destinationPort === b.destinationPort &&
    a.ipSrc === b.ipSrc &&
    a.ipDst === b.ipDst &&
    a.protocol === b.protocol &&
    a.dstLo === b.dstLo &&
    a.dstHi === b.dstHi &&
    a.srcLo === b.srcLo &&
    a.srcHi === b.srcHi &&
    a.vlan === b.vlan &&
    (a.inner === null ? b.inner === null : b.inner !== null && isSameTunnel(a, b))
  )
}

function isSameTunnel(a: Frame, b: Frame): boolean {
  return (
    a.vni === b.vni &&
    a.vxlanFlags === b.vxlanFlags &&
    a.udpChecksum === b.udpChecksum &&
    a.header === b.header &&
    isSameFlow(a.inner!, b.inner!)
  )
}

/** Whether the IP headers of a packet follow those of a unit of `count` segments. */
function areInLine(head: Frame, frame: Frame, count: number): boolean {
  const isInLine =
    head.ttl === frame.ttl &&
    head.tos === frame.tos &&
    head.dontFragment === frame.dontFragment &&
    head.mark === frame.mark &&
    head.conntrack === frame.conntrack &&
    // The identification of an outer packet that nobody may cut says nothing.
    ((head.inner !== null && head.dontFragment) || ((frame.ipId - head.ipId) & 0xffff) === count)
  return isInLine && (head.inner === null || areInLine(head.inner, frame.inner!, count))
}

/** The kernel compares all options: other timestamps begin another unit. */
function hasSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
