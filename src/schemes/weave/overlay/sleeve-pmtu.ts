import { MILLISECOND } from '../../../sim/units.ts'
import { ETHERNET_HEADER_BYTES } from '../../../wire/frame.ts'
import { SLEEVE_FRAME_OVERHEAD, sleevePacketOverhead } from './sleeve-packet.ts'

const IP_AND_UDP_BYTES = 28
const MTU_UNKNOWN = 65535
/** An MTU that every path has, less the overhead at its largest. */
const SMALLEST = 552
const ATTEMPTS = 8
/** Doubled at each attempt. */
const TIMEOUT = 10 * MILLISECOND

/** What a test of a candidate needs of its surroundings. */
export interface PmtuProbe {
  now(): number
  /** Sends a test of a frame whose IP packet would have `mtu` bytes. */
  sendTest(mtu: number): void
  verified(mtu: number): void
}

/**
 * How long packets of the overlay may be on the way to one peer: weaveworks/weave, router/sleeve.go. What
 * the kernel says after a datagram was too long is verified, as not every path reports what it drops.
 */
export class SleevePmtu {
  /** Bytes of an overlay IP packet. */
  mtu = MTU_UNKNOWN
  /** Bytes of UDP payload in a datagram that may not be cut. */
  maxPayload = MTU_UNKNOWN - IP_AND_UDP_BYTES
  /** When the test that is out is given up; Infinity while there is none. */
  deadline = Infinity
  private readonly overhead: number
  private readonly probe: PmtuProbe
  private candidate = 0
  private highestGood = 0
  private lowestBad = 0
  private tests = 0

  constructor(isEncrypted: boolean, probe: PmtuProbe) {
    const headers = sleevePacketOverhead(isEncrypted) + SLEEVE_FRAME_OVERHEAD
    this.overhead = IP_AND_UDP_BYTES + headers + ETHERNET_HEADER_BYTES
    this.probe = probe
  }

  /** A datagram was refused (EMSGSIZE). @param pathMtu what the kernel takes the way to have. */
  tooBig(pathMtu: number): void {
    const mtu = pathMtu - this.overhead
    if (this.candidate !== 0 && mtu >= this.candidate) return
    this.highestGood = SMALLEST
    this.lowestBad = mtu + 1
    this.candidate = mtu
    this.tests = 0
    this.maxPayload = pathMtu - IP_AND_UDP_BYTES
    this.mtu = mtu
    this.test()
  }

  private test(): void {
    const { candidate } = this
    this.probe.sendTest(candidate)
    // It may have been refused at once, and another one be out.
    if (candidate !== this.candidate) return
    this.deadline = this.probe.now() + TIMEOUT * 2 ** this.tests
    this.tests++
  }

  /** The peer has had a test of this size. */
  acknowledged(mtu: number): void {
    if (mtu !== this.candidate) return
    this.highestGood = mtu
    this.search()
  }

  /** It has not, in time. */
  expired(): void {
    this.deadline = Infinity
    if (this.tests < ATTEMPTS) return this.test()
    this.lowestBad = this.candidate
    this.search()
  }

  private search(): void {
    if (this.highestGood + 1 < this.lowestBad) {
      this.candidate = Math.floor((this.highestGood + this.lowestBad) / 2)
      this.tests = 0
      return this.test()
    }
    this.candidate = 0
    this.deadline = Infinity
    this.mtu = this.highestGood
    this.maxPayload = this.mtu + this.overhead - IP_AND_UDP_BYTES
    this.probe.verified(this.mtu)
  }
}
