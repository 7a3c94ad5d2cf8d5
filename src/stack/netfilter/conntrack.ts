import { STAGE_CONNTRACK, STAGE_CONNTRACK_NEW } from '../../cpu/stage.ts'
import { SECOND } from '../../sim/units.ts'
import { type Frame, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP } from '../../wire/frame.ts'
import { IcmpMessage } from '../../wire/icmp.ts'
import { TCP_RST, TCP_SYN, TcpHeader } from '../../wire/tcp.ts'
import type { NetDevice } from '../device.ts'
import { HOOK_PREROUTING, type NetNamespace } from '../namespace.ts'
import {
  ConntrackEntry,
  DIRECTION_REPLY,
  STATUS_ASSURED,
  STATUS_SEEN_REPLY,
  TrackedTuple,
  trackedBy,
  Untracked,
} from './conntrack-entry.ts'
import { ConntrackTable } from './conntrack-table.ts'
import {
  nextTcpState,
  TCP_ESTABLISHED,
  TCP_IGNORED,
  TCP_INVALID,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
  TCP_TIMEOUTS,
} from './conntrack-tcp.ts'
import { ConntrackTuple, isIcmpQuery } from './conntrack-tuple.ts'

// Timeouts and their meaning: Documentation/networking/nf_conntrack-sysctl.rst.
const UDP_TIMEOUT = 30 * SECOND
const UDP_STREAM_TIMEOUT = 120 * SECOND
/** An answered UDP flow that is younger is taken for one question and its answer. */
const UDP_STREAM_AGE = 2 * SECOND
const ICMP_TIMEOUT = 30 * SECOND
const GENERIC_TIMEOUT = 600 * SECOND

/**
 * Connection tracking of one namespace (net/netfilter/nf_conntrack_core.c). A packet is told its flow
 * when it comes in or is made here; a flow enters the table when its first packet leaves again or is
 * delivered, so that a packet that a rule drops leaves no trace.
 */
export class Conntrack {
  readonly table: ConntrackTable
  private readonly namespace: NetNamespace
  private readonly key = new ConntrackTuple()
  private readonly inverse = new ConntrackTuple()

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    this.table = new ConntrackTable(namespace.kernel.hashSecret)
  }

  /**
   * nf_conntrack_in: finds the flow of a packet, or begins one, and writes it into the frame; none is
   * written for INVALID packets.
   * @returns the packet, maybe a copy; null when a new flow found the table full.
   */
  track(frame: Frame, hook: number, device: NetDevice): Frame | null {
    const known = trackedBy(frame)
    // The loopback device and a bridge under the same rules bring a packet here a second time.
    if (known !== null && known.entry.owner === this) return frame
    if (frame.conntrack instanceof Untracked && frame.conntrack.owner === this.namespace)
      return frame
    this.namespace.spend(STAGE_CONNTRACK, frame)
    const found = this.flowOf(frame, hook)
    if (found === FULL) {
      this.namespace.drop(frame, 'conntrack_full', device, this.fullness)
      return null
    }
    const tracked = this.accepts(found, frame) ? found : null
    if (frame.trace !== 0) {
      this.namespace.charge('conntrack', frame, tracked === null ? 'INVALID' : tracked.entry)
    }
    if (frame.conntrack === tracked) return frame
    const out = frame.writable()
    out.conntrack = tracked
    return out
  }

  private get fullness(): string {
    return `nf_conntrack: table full (${this.table.size} of ${this.namespace.sysctls.nfConntrackMax})`
  }

  private flowOf(frame: Frame, hook: number): TrackedTuple | typeof FULL | null {
    // nf_conntrack_checksum: what comes in damaged belongs to no flow.
    if (frame.badChecksum && hook === HOOK_PREROUTING) return null
    const { header } = frame
    if (frame.protocol === PROTOCOL_ICMP && header instanceof IcmpMessage && header.isError) {
      return this.flowOfError(frame)
    }
    const { key, table, namespace } = this
    if (!key.read(frame)) return null
    const { now } = namespace.kernel.simulator
    const found = table.find(key, now)
    if (found !== null && !isReopened(found, header)) return found
    namespace.spend(STAGE_CONNTRACK_NEW, frame)
    if (found !== null) table.remove(found.entry)
    if (!table.admits(key, namespace.sysctls.nfConntrackMax, now)) return FULL
    return new ConntrackEntry(this, key).original
  }

  /** An ICMP error is RELATED to the flow whose packet it quotes. */
  private flowOfError(frame: Frame): TrackedTuple | null {
    const { key, inverse, table } = this
    if (frame.inner === null || !key.readQuoted(frame.inner)) return null
    inverse.invertFrom(key)
    const found = table.find(inverse, this.namespace.kernel.simulator.now)
    // An error goes back to where the quoted packet came from, or somebody made it up.
    if (found === null || found.destination !== frame.ipDst) return null
    const related = new TrackedTuple(found.entry, found.direction, true)
    related.copyFrom(found)
    return related
  }

  /** Whether the packet fits the flow; moves the flow's state and timeout on. */
  private accepts(tracked: TrackedTuple | null, frame: Frame): tracked is TrackedTuple {
    if (tracked === null) return false
    if (tracked.isRelated) return true
    const { entry } = tracked
    const isReply = tracked.direction === DIRECTION_REPLY
    const { now } = this.namespace.kernel.simulator
    switch (tracked.protocol) {
      case PROTOCOL_TCP:
        if (!this.acceptsTcp(entry, frame, isReply, now)) return false
        break
      case PROTOCOL_UDP:
        refreshUdp(entry, now)
        break
      case PROTOCOL_ICMP:
        if (!entry.isConfirmed && !isIcmpQuery(tracked.destinationId >>> 8)) return false
        entry.expires = now + ICMP_TIMEOUT
        break
      default:
        entry.expires = now + GENERIC_TIMEOUT
    }
    if (isReply) entry.status |= STATUS_SEEN_REPLY
    return true
  }

  private acceptsTcp(entry: ConntrackEntry, frame: Frame, isReply: boolean, now: number): boolean {
    const { header } = frame
    if (!(header instanceof TcpHeader)) return false
    const before = entry.tcpState
    const after = nextTcpState(before, header.flags, isReply)
    if (after === TCP_INVALID) return false
    if (after === TCP_IGNORED) return true
    if ((entry.status & STATUS_SEEN_REPLY) === 0 && isReply && (header.flags & TCP_RST) !== 0) {
      // Refused at once: there never was a connection.
      this.table.remove(entry)
      return true
    }
    const wasOpen = before === TCP_SYN_RECV || before === TCP_ESTABLISHED
    if (wasOpen && after === TCP_ESTABLISHED) entry.status |= STATUS_ASSURED
    entry.tcpState = after
    entry.expires = now + TCP_TIMEOUTS[after]!
    return true
  }

  /**
   * nf_conntrack_confirm: the first packet of a flow made it through, so the flow enters the table.
   * @returns null when another flow has the same answers, for NAT found no free port: dropped.
   */
  confirm(frame: Frame, device: NetDevice): Frame | null {
    const tracked = trackedBy(frame)
    if (tracked === null || tracked.isRelated || tracked.entry.isConfirmed) return frame
    const { entry } = tracked
    const { now } = this.namespace.kernel.simulator
    if (this.table.find(entry.original, now) !== null || this.isTaken(entry.reply)) {
      this.namespace.drop(frame, 'nat_exhausted', device, entry)
      return null
    }
    this.table.insert(entry, now)
    return frame
  }

  /** Whether a flow in the table has this tuple in one of its directions. */
  isTaken(tuple: ConntrackTuple): boolean {
    return this.table.find(tuple, this.namespace.kernel.simulator.now) !== null
  }
}

/** Instead of a flow: there is no room for a new one. */
const FULL = Symbol('conntrack table full')

function refreshUdp(entry: ConntrackEntry, now: number): void {
  if (!entry.isConfirmed) entry.streamFrom = now + UDP_STREAM_AGE
  if ((entry.status & STATUS_SEEN_REPLY) !== 0 && now > entry.streamFrom) {
    entry.status |= STATUS_ASSURED
    entry.expires = now + UDP_STREAM_TIMEOUT
  } else {
    entry.expires = now + UDP_TIMEOUT
  }
}

/** Whether a SYN begins a new connection on the ports of one that has ended. */
function isReopened(found: TrackedTuple, header: Frame['header']): boolean {
  if (found.protocol !== PROTOCOL_TCP || !(header instanceof TcpHeader)) return false
  if ((header.flags & TCP_SYN) === 0 || found.entry.tcpState < TCP_TIME_WAIT) return false
  const isReply = found.direction === DIRECTION_REPLY
  return nextTcpState(found.entry.tcpState, header.flags, isReply) === TCP_SYN_SENT
}
