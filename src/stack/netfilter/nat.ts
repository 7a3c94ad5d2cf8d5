import type { RandomStream } from '../../sim/random.ts'
import { type Frame, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP } from '../../wire/frame.ts'
import { IcmpMessage } from '../../wire/icmp.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { Conntrack } from './conntrack.ts'
import {
  type ConntrackEntry,
  DIRECTION_REPLY,
  STATUS_DESTINATION_NAT,
  STATUS_DESTINATION_NAT_DONE,
  STATUS_SOURCE_NAT,
  STATUS_SOURCE_NAT_DONE,
  type TrackedTuple,
} from './conntrack-entry.ts'
import { ConntrackTuple } from './conntrack-tuple.ts'

/** What is rewritten: the source in POSTROUTING and INPUT, the destination in PREROUTING and OUTPUT. */
export const MANIP_SOURCE = 0
export const MANIP_DESTINATION = 1

const NAT_BITS = STATUS_SOURCE_NAT | STATUS_DESTINATION_NAT
/** How many ports are tried in a row, at first; and below how many the search gives up. */
const ATTEMPTS_MAX = 128
const ATTEMPTS_MIN = 16

/** To what a rule maps: an address and, where the rule says so, ports (or ICMP identifiers). */
export interface NatRange {
  readonly address: Ipv4Address
  /** First and last port; -1 when the rule names none. */
  readonly firstPort: number
  readonly lastPort: number
  /** NF_NAT_RANGE_PROTO_RANDOM_ALL: draw a port even if the packet's own is free. */
  readonly randomFully: boolean
}

/**
 * Address translation on top of conntrack (net/netfilter/nf_nat_core.c): the first packet of a flow
 * is bound to a range, which changes the reply tuple; every packet is then rewritten to what the
 * tuple of the other direction says. That a port mapped for one destination is preferred for the
 * next one (nat_bysource) is not modelled.
 */
export class Nat {
  private readonly conntrack: Conntrack
  private readonly random: RandomStream
  private readonly current = new ConntrackTuple()
  private readonly candidate = new ConntrackTuple()
  private readonly reply = new ConntrackTuple()

  constructor(conntrack: Conntrack, random: RandomStream) {
    this.conntrack = conntrack
    this.random = random
  }

  /**
   * nf_nat_setup_info: settles how a new flow is translated. Without a range it keeps its address,
   * but its port moves if another flow has the same answers. Where no port is free, the clash stays,
   * and conntrack refuses the flow when it is to enter the table.
   */
  bind(entry: ConntrackEntry, manip: number, range: NatRange | null): void {
    const { current, candidate } = this
    current.invertFrom(entry.reply)
    this.chooseUnique(range ?? ownAddress(current, manip), manip)
    if (!candidate.equals(current)) {
      entry.reply.invertFrom(candidate)
      entry.status |= manip === MANIP_SOURCE ? STATUS_SOURCE_NAT : STATUS_DESTINATION_NAT
    }
    entry.status |= manip === MANIP_SOURCE ? STATUS_SOURCE_NAT_DONE : STATUS_DESTINATION_NAT_DONE
  }

  /** get_unique_tuple: writes the tuple for `current` within `range` into `candidate`. */
  private chooseUnique(range: NatRange, manip: number): void {
    const { current, candidate } = this
    candidate.copyFrom(current)
    if (manip === MANIP_SOURCE) candidate.source = range.address
    else candidate.destination = range.address
    if (!range.randomFully) {
      if (range.firstPort < 0) {
        if (!this.isUsed(candidate)) return
      } else if (isPortWithin(candidate, range, manip)) {
        if (range.firstPort === range.lastPort || !this.isUsed(candidate)) return
      }
    }
    this.choosePort(range, manip)
  }

  /** nf_nat_l4proto_unique_tuple. */
  private choosePort(range: NatRange, manip: number): void {
    const { candidate } = this
    const { protocol } = candidate
    if (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP && protocol !== PROTOCOL_ICMP) return
    let first = range.firstPort
    let last = range.lastPort
    if (first < 0) {
      if (protocol === PROTOCOL_ICMP) {
        first = 0
        last = 0xffff
      } else {
        // A destination port is somebody's service: only a rule may change it.
        if (manip === MANIP_DESTINATION) return
        first = firstOfClass(candidate.sourceId)
        last = lastOfClass(candidate.sourceId)
      }
    }
    this.searchPort(first, last - first + 1, manip)
  }

  /** Tries ports from random places, with ever shorter runs, as the kernel does to bound the time. */
  private searchPort(first: number, count: number, manip: number): void {
    const { candidate } = this
    let attempts = Math.min(count, ATTEMPTS_MAX)
    for (;;) {
      const offset = this.random.integer(0, 0xffff)
      for (let i = 0; i < attempts; i++) {
        const port = first + ((offset + i) % count)
        if (manip === MANIP_SOURCE || candidate.protocol === PROTOCOL_ICMP) {
          candidate.sourceId = port
        } else candidate.destinationId = port
        if (!this.isUsed(candidate)) return
      }
      if (attempts >= count || attempts < ATTEMPTS_MIN) return
      attempts = attempts >>> 1
    }
  }

  /** Whether the answers to `tuple` would be taken for those of another flow. */
  private isUsed(tuple: ConntrackTuple): boolean {
    this.reply.invertFrom(tuple)
    return this.conntrack.isTaken(this.reply)
  }

  /** nf_nat_packet: rewrites a packet as its flow says. @returns the packet, maybe a copy. */
  translate(frame: Frame, tracked: TrackedTuple, manip: number): Frame {
    if (!isRewritten(tracked, manip)) return frame
    const out = frame.writable()
    if (tracked.isRelated) translateQuoted(out, tracked.opposite, manip)
    // What the packets of this direction look like follows from what the others answer to.
    const { opposite } = tracked
    if (manip === MANIP_SOURCE) out.ipSrc = opposite.destination
    else out.ipDst = opposite.source
    if (!tracked.isRelated) {
      const isIcmp = tracked.protocol === PROTOCOL_ICMP
      const id = manip === MANIP_SOURCE && !isIcmp ? opposite.destinationId : opposite.sourceId
      setId(out, manip, id)
    }
    return out
  }
}

/** Whether packets of this direction are changed where `manip` happens. */
export function isRewritten(tracked: TrackedTuple, manip: number): boolean {
  let bit = manip === MANIP_SOURCE ? STATUS_SOURCE_NAT : STATUS_DESTINATION_NAT
  // The answers to what had its source rewritten get their destination back, and the reverse.
  if (tracked.direction === DIRECTION_REPLY) bit ^= NAT_BITS
  return (tracked.entry.status & bit) !== 0
}

/**
 * The packet that an ICMP error quotes went the other way: its other end is rewritten, so that the
 * host that gets the error knows its own packet (nf_nat_icmp_reply_translation).
 */
function translateQuoted(error: Frame, opposite: TrackedTuple, manip: number): void {
  const quoted = error.inner!.clone()
  error.inner = quoted
  if (quoted.fragmentOf !== null) quoted.fragmentOf = quoted.fragmentOf.clone()
  const content = quoted.fragmentOf ?? quoted
  if (manip === MANIP_SOURCE) {
    quoted.ipDst = opposite.destination
    const isIcmp = opposite.protocol === PROTOCOL_ICMP
    setId(content, MANIP_DESTINATION, isIcmp ? opposite.sourceId : opposite.destinationId)
  } else {
    quoted.ipSrc = opposite.source
    setId(content, MANIP_SOURCE, opposite.sourceId)
  }
}

function setId(frame: Frame, manip: number, id: number): void {
  if (frame.protocol === PROTOCOL_TCP || frame.protocol === PROTOCOL_UDP) {
    if (manip === MANIP_SOURCE) frame.sourcePort = id
    else frame.destinationPort = id
    return
  }
  const { header } = frame
  if (!(header instanceof IcmpMessage) || header.identifier === id) return
  frame.header = new IcmpMessage(header.type, header.code, id, header.sequence)
}

function ownAddress(tuple: ConntrackTuple, manip: number): NatRange {
  const address = manip === MANIP_SOURCE ? tuple.source : tuple.destination
  return { address, firstPort: -1, lastPort: -1, randomFully: false }
}

function isPortWithin(tuple: ConntrackTuple, range: NatRange, manip: number): boolean {
  const isIcmp = tuple.protocol === PROTOCOL_ICMP
  const port = manip === MANIP_SOURCE || isIcmp ? tuple.sourceId : tuple.destinationId
  return port >= range.firstPort && port <= range.lastPort
}

/** Ports keep their class: below 512, below 1024 (which only root opens), and the others. */
function firstOfClass(port: number): number {
  if (port < 512) return 1
  return port < 1024 ? 600 : 1024
}

function lastOfClass(port: number): number {
  if (port < 512) return 511
  return port < 1024 ? 1023 : 0xffff
}
