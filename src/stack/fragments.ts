import type { Holder } from '../measure/ledger.ts'
import { KernelTimer } from '../sim/jiffies.ts'
import { type Frame, IPV4_HEADER_BYTES } from '../wire/frame.ts'
import { ICMP_EXC_FRAGTIME, ICMP_TIME_EXCEEDED } from '../wire/icmp.ts'
import type { NetDevice } from './device.ts'
import type { NetNamespace } from './namespace.ts'
import { skbTruesize } from './skb.ts'

/** A datagram of which some fragments have come. */
interface Waiting {
  readonly key: string
  readonly pieces: Frame[]
  readonly timer: KernelTimer
  device: NetDevice
  /** Payload bytes in all, known once the last fragment is there. */
  total: number
  received: number
  memory: number
}

/** Reassembly of one namespace (net/ipv4/ip_fragment.c): for local delivery and for conntrack. */
export class Fragments implements Holder {
  private readonly namespace: NetNamespace
  private readonly waiting = new Map<string, Waiting>()
  private memory = 0

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    namespace.kernel.ledger.addHolder(this)
  }

  /** Adds a fragment. @returns the datagram once it is whole; null while this one waits or was dropped. */
  assemble(frame: Frame, device: NetDevice): Frame | null {
    const { namespace } = this
    const { profile } = namespace.kernel
    const size = skbTruesize(frame.length)
    if (this.memory + size > profile.fragmentMemory) {
      namespace.drop(frame, 'fragment_memory', device)
      return null
    }
    const key = `${frame.ipSrc} ${frame.ipDst} ${frame.ipId} ${frame.protocol}`
    let entry = this.waiting.get(key)
    if (entry === undefined) entry = this.begin(key, device)
    if (entry.pieces.some((piece) => piece.fragmentOffset === frame.fragmentOffset)) {
      namespace.drop(frame, 'duplicate_fragment', device)
      return null
    }
    const bytes = frame.l3Length - IPV4_HEADER_BYTES
    entry.pieces.push(frame)
    entry.received += bytes
    entry.memory += size
    this.memory += size
    if (!frame.moreFragments) entry.total = frame.fragmentOffset + bytes
    if (entry.received !== entry.total) {
      namespace.charge('queue', frame, 'waits for the other fragments', device)
      return null
    }
    this.end(entry)
    return this.join(entry)
  }

  private begin(key: string, device: NetDevice): Waiting {
    const timer = new KernelTimer(() => this.expire(entry))
    const entry: Waiting = { key, pieces: [], timer, device, total: -1, received: 0, memory: 0 }
    this.waiting.set(key, entry)
    const { kernel } = this.namespace
    kernel.timers.arm(timer, kernel.profile.fragmentTimeout)
    return entry
  }

  private end(entry: Waiting): void {
    this.waiting.delete(entry.key)
    this.memory -= entry.memory
    this.namespace.kernel.timers.cancel(entry.timer)
  }

  private join(entry: Waiting): Frame {
    const pieces = entry.pieces.sort((a, b) => a.fragmentOffset - b.fragmentOffset)
    const first = pieces[0]!
    const whole = (first.fragmentOf ?? first).clone()
    whole.dstHi = first.dstHi
    whole.dstLo = first.dstLo
    whole.srcHi = first.srcHi
    whole.srcLo = first.srcLo
    whole.ipSrc = first.ipSrc
    whole.ipDst = first.ipDst
    whole.ipId = first.ipId
    whole.ttl = first.ttl
    whole.tos = first.tos
    whole.trace = first.trace
    whole.mark = first.mark
    whole.conntrack = null
    whole.l3Length = IPV4_HEADER_BYTES + entry.total
    whole.dontFragment = false
    whole.moreFragments = false
    whole.fragmentOffset = 0
    whole.fragmentOf = null
    // An identification that was used again mixes two datagrams: the checksum finds out.
    if (pieces.some((piece) => piece.fragmentOf !== first.fragmentOf || piece.badChecksum)) {
      whole.badChecksum = true
    }
    let largest = 0
    for (const piece of pieces) if (piece.l3Length > largest) largest = piece.l3Length
    whole.fragmentMax = largest
    this.namespace.kernel.ledger.merged += pieces.length - 1
    this.namespace.charge('reassemble', whole, `${pieces.length} fragments`, entry.device)
    return whole
  }

  /** ip_expire: the sender is told, if the first fragment was there and the datagram was for us. */
  private expire(entry: Waiting): void {
    const { namespace } = this
    namespace.kernel.enter()
    this.end(entry)
    const first = entry.pieces.find((piece) => piece.fragmentOffset === 0)
    if (first && namespace.isLocal(first.ipDst)) {
      namespace.icmp.sendError(first, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0)
    }
    for (const piece of entry.pieces) namespace.drop(piece, 'fragment_timeout', entry.device)
    namespace.kernel.leave()
  }

  heldFrames(): number {
    let held = 0
    for (const entry of this.waiting.values()) held += entry.pieces.length
    return held
  }
}
