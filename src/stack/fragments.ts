import { STAGE_REASSEMBLE } from '../cpu/stage.ts'
import type { DropReason } from '../measure/drop-reason.ts'
import type { Holder } from '../measure/ledger.ts'
import { KernelTimer } from '../sim/jiffies.ts'
import { type Frame, IPV4_HEADER_BYTES } from '../wire/frame.ts'
import { ICMP_EXC_FRAGTIME, ICMP_TIME_EXCEEDED } from '../wire/icmp.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { NetDevice } from './device.ts'
import type { NetNamespace } from './namespace.ts'
import { skbTruesize } from './skb.ts'

/** ipfrag_max_dist: with more fragments of one source between two of a datagram, its number was used again. */
const MAX_DISTANCE = 64

/** Fragments that came one after the other, each beginning where the one before ended. */
interface Run {
  readonly start: number
  end: number
}

/** A datagram of which some fragments have come. */
interface Waiting {
  readonly key: string
  readonly timer: KernelTimer
  readonly device: NetDevice
  pieces: Frame[]
  runs: Run[]
  /** Furthest byte that a fragment named; the datagram's end once the last fragment is there. */
  total: number
  hasLast: boolean
  received: number
  memory: number
  /** Fragments of this source when the latest of this datagram came. */
  count: number
}

/** Reassembly of one namespace (net/ipv4/ip_fragment.c): for local delivery and for conntrack. */
export class Fragments implements Holder {
  private readonly namespace: NetNamespace
  private readonly waiting = new Map<string, Waiting>()
  private readonly countBySource = new Map<Ipv4Address, number>()
  private memory = 0

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    namespace.kernel.ledger.addHolder(this)
  }

  /** Adds a fragment. @returns the datagram once it is whole; null while this one waits or was dropped. */
  assemble(frame: Frame, device: NetDevice): Frame | null {
    const { namespace } = this
    // On a bridge, where rules make it whole, it may still be its sender's.
    frame.orphan()
    namespace.spend(STAGE_REASSEMBLE, frame)
    if (this.memory > namespace.kernel.profile.fragmentMemory) {
      namespace.drop(frame, 'fragment_memory', device)
      return null
    }
    const key = `${frame.ipSrc} ${frame.ipDst} ${frame.ipId} ${frame.protocol}`
    const entry = this.waiting.get(key) ?? this.begin(key, device)
    this.forgetTooOld(entry, frame.ipSrc)
    const end = frame.fragmentOffset + frame.l3Length - IPV4_HEADER_BYTES
    const fault = noteEnd(entry, frame, end) ? place(entry, frame.fragmentOffset, end) : 'overlap'
    if (fault === 'duplicate') {
      namespace.drop(frame, 'duplicate_fragment', device)
      return null
    }
    this.keep(entry, frame)
    if (fault === 'overlap') {
      this.discard(entry, 'fragment_overlap')
      return null
    }
    if (!isWhole(entry)) {
      namespace.charge('queue', frame, 'waits for the other fragments', device)
      return null
    }
    this.end(entry)
    return this.join(entry)
  }

  private begin(key: string, device: NetDevice): Waiting {
    const entry: Waiting = {
      key,
      timer: new KernelTimer(() => this.expire(entry)),
      device,
      ...{ pieces: [], runs: [], total: 0, hasLast: false, received: 0, memory: 0, count: 0 },
    }
    this.waiting.set(key, entry)
    this.startTimer(entry)
    return entry
  }

  private startTimer(entry: Waiting): void {
    const { kernel } = this.namespace
    kernel.timers.arm(entry.timer, kernel.profile.fragmentTimeout)
  }

  /** ip_frag_too_far: what waits under this number is of an earlier datagram, and is lost. */
  private forgetTooOld(entry: Waiting, source: Ipv4Address): void {
    const count = (this.countBySource.get(source) ?? 0) + 1
    this.countBySource.set(source, count)
    const distance = count - entry.count
    entry.count = count
    if (entry.pieces.length === 0 || distance <= MAX_DISTANCE) return
    for (const piece of entry.pieces) {
      this.namespace.drop(piece, 'fragment_too_far', entry.device)
    }
    this.memory -= entry.memory
    Object.assign(entry, {
      ...{ pieces: [], runs: [], total: 0, hasLast: false, received: 0, memory: 0 },
    })
    this.startTimer(entry)
  }

  private keep(entry: Waiting, frame: Frame): void {
    const size = skbTruesize(frame.length)
    entry.pieces.push(frame)
    entry.received += frame.l3Length - IPV4_HEADER_BYTES
    entry.memory += size
    this.memory += size
  }

  private end(entry: Waiting): void {
    this.waiting.delete(entry.key)
    this.memory -= entry.memory
    this.namespace.kernel.timers.cancel(entry.timer)
  }

  private discard(entry: Waiting, reason: DropReason): void {
    this.end(entry)
    for (const piece of entry.pieces) this.namespace.drop(piece, reason, entry.device)
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
    const first = entry.pieces.find((piece) => piece.fragmentOffset === 0)
    if (first && namespace.isLocal(first.ipDst)) {
      namespace.icmp.sendError(first, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0)
    }
    this.discard(entry, 'fragment_timeout')
    namespace.kernel.leave()
  }

  /** Datagrams that are not whole yet will never be. */
  flush(reason: DropReason): void {
    for (const entry of [...this.waiting.values()]) this.discard(entry, reason)
  }

  heldFrames(): number {
    let held = 0
    for (const entry of this.waiting.values()) held += entry.pieces.length
    return held
  }
}

function isWhole({ runs, hasLast, received, total }: Waiting): boolean {
  return hasLast && received === total && runs.some(({ start }) => start === 0)
}

/** Keeps where the datagram ends. @returns false when this fragment contradicts the others. */
function noteEnd(entry: Waiting, { moreFragments, fragmentOffset }: Frame, end: number): boolean {
  if (end === fragmentOffset) return false
  if (!moreFragments) {
    if (end < entry.total || (entry.hasLast && end !== entry.total)) return false
    entry.hasLast = true
    entry.total = end
  } else if (end > entry.total) {
    if (entry.hasLast) return false
    entry.total = end
  }
  return true
}

/** inet_frag_queue_insert: what is there already is ignored, what overlaps spoils the datagram. */
function place({ runs }: Waiting, start: number, end: number): 'duplicate' | 'overlap' | null {
  const last = runs.at(-1)
  if (last === undefined || last.end < end) {
    if (last !== undefined && start < last.end) return 'overlap'
    if (last !== undefined && start === last.end) last.end = end
    else runs.push({ start, end })
    return null
  }
  for (const [i, run] of runs.entries()) {
    if (end <= run.start) {
      runs.splice(i, 0, { start, end })
      return null
    }
    if (start >= run.end) continue
    return start >= run.start && end <= run.end ? 'duplicate' : 'overlap'
  }
  return 'overlap'
}
