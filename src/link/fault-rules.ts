import type { RandomStream } from '../sim/random.ts'
import { formatDuration } from '../sim/units.ts'
import { ArpPacket } from '../wire/arp.ts'
import { ETHERTYPE_IPV4, type Frame, PROTOCOL_UDP } from '../wire/frame.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { type FaultRule, PASS, type Verdict } from './faulty-channel.ts'

/**
 * The faults that a link may have, as rules for `Port.channel`. A cut, of one direction or both, is
 * `Port.setUp`. Probabilities are of one frame, independent of the others; 0 never and 1 always holds.
 * All throw RangeError on a probability outside 0..1 or a negative time.
 */

/** Loses frames. */
export function loss(probability: number): FaultRule {
  return chance(`loss ${percent(probability)}`, probability, {
    kind: 'drop',
    reason: 'link_loss',
  })
}

/**
 * Damages frames. The next port sees the bad FCS and drops them; `undetected` damage passes it and
 * breaks the transport checksum.
 */
export function corruption(probability: number, undetected = false): FaultRule {
  const name = `${undetected ? 'undetected corruption' : 'corruption'} ${percent(probability)}`
  return chance(name, probability, { kind: 'corrupt', undetected })
}

/** Delivers frames twice. */
export function duplication(probability: number): FaultRule {
  return chance(`duplication ${percent(probability)}`, probability, { kind: 'duplicate' })
}

/** Holds some frames back for `delay` picoseconds, so that later ones overtake them. */
export function reordering(probability: number, delay: number): FaultRule {
  const name = `reordering ${percent(probability)} by ${formatDuration(delay)}`
  return chance(name, probability, { kind: 'delay', delay: checkedDelay(delay) })
}

/** Delays every frame by `amount` picoseconds: the order stays. */
export function delay(amount: number): FaultRule {
  const verdict: Verdict = { kind: 'delay', delay: checkedDelay(amount) }
  return { name: `delay ${formatDuration(amount)}`, judge: () => verdict }
}

/** Delays every frame by a uniform share of `maximum` picoseconds, each on its own: frames overtake. */
export function jitter(maximum: number): FaultRule {
  checkedDelay(maximum)
  // One object for all frames: the channel reads a verdict before it asks for the next.
  const verdict = { kind: 'delay' as const, delay: 0 }
  return {
    name: `jitter ${formatDuration(maximum)}`,
    judge(_frame, random) {
      verdict.delay = random.integer(0, maximum)
      return verdict
    },
  }
}

/**
 * Drops UDP datagrams to or from a port, as a cloud's or firewall's filter of the outer header does.
 * Without the first fragment's header no port is known: later fragments pass, as with stateless ones.
 */
export function blockUdpPort(port: number): FaultRule {
  const verdict: Verdict = { kind: 'drop', reason: 'blocked_port' }
  return {
    name: `block UDP port ${port}`,
    judge: (frame) => (isUdpOf(frame, port) ? verdict : PASS),
  }
}

/** Drops packets of an IP protocol, by the outer header: 4 is IPIP, 50 ESP. */
export function blockProtocol(protocol: number): FaultRule {
  const verdict: Verdict = { kind: 'drop', reason: 'blocked_protocol' }
  return {
    name: `block IP protocol ${protocol}`,
    judge: (frame) =>
      frame.etherType === ETHERTYPE_IPV4 && frame.protocol === protocol ? verdict : PASS,
  }
}

/**
 * A partition, one direction of it: drops what is for one of these addresses, by the outer header, and
 * ARP that asks or answers them.
 */
export function partition(destinations: { has(address: Ipv4Address): boolean }): FaultRule {
  const verdict: Verdict = { kind: 'drop', reason: 'partitioned' }
  return {
    name: 'partition',
    judge({ etherType, ipDst, header }) {
      const isCut =
        etherType === ETHERTYPE_IPV4
          ? destinations.has(ipDst)
          : header instanceof ArpPacket && destinations.has(header.targetIp)
      return isCut ? verdict : PASS
    },
  }
}

/** A hop of a lower MTU that tells nobody: drops packets of more than `bytes` from the L3 header on. */
export function maxPacket(bytes: number): FaultRule {
  const verdict: Verdict = { kind: 'drop', reason: 'packet_too_big' }
  return {
    name: `packets up to ${bytes} B`,
    judge: (frame) => (frame.l3Length > bytes ? verdict : PASS),
  }
}

function isUdpOf(frame: Frame, port: number): boolean {
  if (frame.etherType !== ETHERTYPE_IPV4 || frame.protocol !== PROTOCOL_UDP) return false
  if (frame.fragmentOffset !== 0) return false
  const { sourcePort, destinationPort } = frame.fragmentOf ?? frame
  return destinationPort === port || sourcePort === port
}

function chance(name: string, probability: number, verdict: Verdict): FaultRule {
  if (!(probability >= 0 && probability <= 1)) {
    throw new RangeError(`probability ${probability} is outside 0..1`)
  }
  return {
    name,
    // A draw is below 1 always and below 0 never, so both ends are exact.
    judge: (_frame, random: RandomStream) => (random.next() < probability ? verdict : PASS),
  }
}

function checkedDelay(amount: number): number {
  if (!(amount >= 0)) throw new RangeError(`a delay of ${amount} ps`)
  return amount
}

function percent(probability: number): string {
  return `${Number((probability * 100).toPrecision(4))} %`
}
