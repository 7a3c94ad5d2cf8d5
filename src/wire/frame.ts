import type { ArpPacket } from './arp.ts'
import type { EspHeader } from './esp.ts'
import type { IcmpMessage } from './icmp.ts'
import type { Ipv4Address } from './ipv4-address.ts'
import type { TcpHeader } from './tcp.ts'
import type { TunnelHeader } from './tunnel-header.ts'

export const ETHERTYPE_IPV4 = 0x0800
export const ETHERTYPE_ARP = 0x0806
export const ETHERTYPE_VLAN = 0x8100

export const PROTOCOL_ICMP = 1
export const PROTOCOL_IPIP = 4
export const PROTOCOL_TCP = 6
export const PROTOCOL_UDP = 17

export const ETHERNET_HEADER_BYTES = 14
export const VLAN_TAG_BYTES = 4
export const IPV4_HEADER_BYTES = 20
export const UDP_HEADER_BYTES = 8
export const VXLAN_HEADER_BYTES = 8
/** What VXLAN adds to an inner IP packet: inner Ethernet, VXLAN, UDP and outer IPv4 headers. */
export const VXLAN_OVERHEAD_BYTES = 50

export const MIN_FRAME_BYTES = 60
/** FCS, preamble with start delimiter (8) and inter-frame gap (12): what a frame costs besides itself. */
export const WIRE_OVERHEAD_BYTES = 24

/** `vlan` of a frame without an 802.1Q tag. */
export const UNTAGGED = -1

const BIT_DONT_FRAGMENT = 1
const BIT_MORE_FRAGMENTS = 2
const BIT_UDP_CHECKSUM = 4
const BIT_BAD_FCS = 8
const BIT_BAD_CHECKSUM = 16
const BIT_CHECKSUMMED = 32
const BIT_BARE_INNER = 64
const BIT_SECURED = 128

/** Where owned frames wait for their turn on the wire: their memory is given back some time after. */
export interface Transmitter {
  /** Gives back the memory of all frames that have left by now. */
  reap(): void
  /** Somebody waits for memory: `reap` as soon as about half of what waits now has left. */
  requestCompletion(): void
}

/** Whom a frame's memory is charged to until it has left the host or ended (skb->sk, skb->destructor). */
export interface FrameOwner {
  /** The frame no longer counts (sock_wfree, tcp_wfree). @param truesize what was charged for it. */
  frameFreed(truesize: number): void
  /** Whether it waits for memory: then a transmitter that takes a frame of it requests a completion. */
  readonly isBlocked: boolean
  /** Where its latest frame went; set by the transmitter. */
  transmitter: Transmitter | null
}

/**
 * A frame in flight: the fields that devices look at, with its exact bytes made only when something
 * asks for them (`encode`). Fields of protocols that the frame does not carry keep their defaults.
 *
 * One object may stand in many queues at once (flooding): it is then `shared` and must not be
 * changed; `writable()` gives the object itself or a copy. Headers below are host order integers.
 */
export class Frame {
  /** BIT_*: eight yes or no in one field, for a frame's length is what making it costs. */
  private bits = BIT_UDP_CHECKSUM
  dstHi = 0
  dstLo = 0
  srcHi = 0
  srcLo = 0
  /** 802.1Q TCI (PCP, DEI, VID), or UNTAGGED. */
  vlan = UNTAGGED
  etherType = 0
  /** Bytes after the Ethernet header and tag; for IPv4 its total length. */
  l3Length = 0

  ipSrc: Ipv4Address = 0
  ipDst: Ipv4Address = 0
  protocol = 0
  ttl = 0
  tos = 0
  ipId = 0
  /** Offset of this fragment, in bytes. */
  fragmentOffset = 0
  /** The whole datagram of which this is a fragment; its content from `fragmentOffset` on is meant. */
  fragmentOf: Frame | null = null

  /** UDP and TCP ports. */
  sourcePort = 0
  destinationPort = 0
  /** The header of ARP, ICMP, TCP, ESP or a tunnel; null for UDP, VXLAN, IPIP, fragments and the rest. */
  header: ArpPacket | IcmpMessage | TcpHeader | EspHeader | TunnelHeader | null = null
  /** What a tunnel carries, or the packet that an ICMP error quotes. */
  inner: Frame | null = null
  /** VXLAN network identifier; meaningful when a UDP datagram has an `inner`. */
  vni = 0
  vxlanFlags = 0x08
  /** Content after the last header; null stands for zeros. */
  payload: Uint8Array | null = null
  /** What a load generator wrote into its payload: sequence number and time of sending. */
  sequence = 0
  sentAt = 0

  /** 0 = not traced. */
  trace = 0
  shared = false
  /** The flow's hash as its socket drew it (sk_txhash); 0 = to be computed from the headers. */
  flowHash = 0
  /** Netfilter mark (skb->mark); scrubbed when the frame leaves a namespace. */
  mark = 0
  /** Conntrack entry with direction (skb->_nfct); owned by the namespace in which it was set. */
  conntrack: object | null = null
  /** Largest fragment of a datagram that was put together on its way, 0 if it was not (IPCB->frag_max_size). */
  fragmentMax = 0

  /**
   * A unit that stands for several TCP segments until a device cuts it (skb_shared_info): content bytes
   * of each segment but the last, 0 = a packet of its own. A tunnel's outer frame has its inner's values.
   */
  gsoSize = 0
  /** Segments that it stands for; 0 when `gsoSize` is 0. */
  gsoSegments = 0
  /** `l3Length` less that of the longest of its segments: what MTU checks leave out. */
  gsoExcess = 0
  /** The socket that is charged `truesize` bytes for this frame; never copied with it. */
  owner: FrameOwner | null = null
  truesize = 0

  get dontFragment(): boolean {
    return (this.bits & BIT_DONT_FRAGMENT) !== 0
  }

  set dontFragment(value: boolean) {
    this.bits = value ? this.bits | BIT_DONT_FRAGMENT : this.bits & ~BIT_DONT_FRAGMENT
  }

  get moreFragments(): boolean {
    return (this.bits & BIT_MORE_FRAGMENTS) !== 0
  }

  set moreFragments(value: boolean) {
    this.bits = value ? this.bits | BIT_MORE_FRAGMENTS : this.bits & ~BIT_MORE_FRAGMENTS
  }

  /** False where a UDP datagram carries checksum zero. */
  get udpChecksum(): boolean {
    return (this.bits & BIT_UDP_CHECKSUM) !== 0
  }

  set udpChecksum(value: boolean) {
    this.bits = value ? this.bits | BIT_UDP_CHECKSUM : this.bits & ~BIT_UDP_CHECKSUM
  }

  /** Damaged on a link: the next port drops it. */
  get badFcs(): boolean {
    return (this.bits & BIT_BAD_FCS) !== 0
  }

  set badFcs(value: boolean) {
    this.bits = value ? this.bits | BIT_BAD_FCS : this.bits & ~BIT_BAD_FCS
  }

  /** Damaged beyond what the FCS shows: the transport checksum does not match. */
  get badChecksum(): boolean {
    return (this.bits & BIT_BAD_CHECKSUM) !== 0
  }

  set badChecksum(value: boolean) {
    this.bits = value ? this.bits | BIT_BAD_CHECKSUM : this.bits & ~BIT_BAD_CHECKSUM
  }

  /** False while the transport's checksum is left to a device (CHECKSUM_PARTIAL). */
  get isChecksummed(): boolean {
    return (this.bits & BIT_CHECKSUMMED) !== 0
  }

  set isChecksummed(value: boolean) {
    this.bits = value ? this.bits | BIT_CHECKSUMMED : this.bits & ~BIT_CHECKSUMMED
  }

  /**
   * Of a UDP datagram: `inner` is an IP packet by itself, not behind VXLAN and Ethernet headers; with a
   * `payload`, which is then what is sent, it is somewhere in that.
   */
  get bareInner(): boolean {
    return (this.bits & BIT_BARE_INNER) !== 0
  }

  set bareInner(value: boolean) {
    this.bits = value ? this.bits | BIT_BARE_INNER : this.bits & ~BIT_BARE_INNER
  }

  /** It came to this stack in ESP (skb->sp), which is forgotten when it is sent on. */
  get isSecured(): boolean {
    return (this.bits & BIT_SECURED) !== 0
  }

  set isSecured(value: boolean) {
    this.bits = value ? this.bits | BIT_SECURED : this.bits & ~BIT_SECURED
  }

  /** Bytes from the destination MAC to the end of the payload: without padding and FCS. */
  get length(): number {
    return (
      this.l3Length +
      (this.vlan < 0 ? ETHERNET_HEADER_BYTES : ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES)
    )
  }

  get isFragment(): boolean {
    return this.moreFragments || this.fragmentOffset !== 0
  }

  get isBroadcast(): boolean {
    return this.dstHi === 0xffffff && this.dstLo === 0xffffff
  }

  /** Multicast or broadcast. */
  get isGroup(): boolean {
    return (this.dstHi & 0x010000) !== 0
  }

  /** Gives the memory back to the socket that is charged for it (skb_orphan); once. */
  orphan(): void {
    const { owner } = this
    if (owner === null) return
    this.owner = null
    owner.frameFreed(this.truesize)
  }

  /** This frame, if nobody else holds it; a copy otherwise, to which the memory is charged from now on. */
  writable(): Frame {
    if (!this.shared) return this
    const copy = this.clone()
    copy.takeOwner(this)
    return copy
  }

  /** Is charged in the place of `other`: what it carries, or the object that it was copied from. */
  takeOwner(other: Frame): void {
    if (other.owner === null) return
    this.owner = other.owner
    this.truesize = other.truesize
    other.owner = null
  }

  clone(): Frame {
    const copy = new Frame()
    copy.bits = this.bits
    copy.dstHi = this.dstHi
    copy.dstLo = this.dstLo
    copy.srcHi = this.srcHi
    copy.srcLo = this.srcLo
    copy.vlan = this.vlan
    copy.etherType = this.etherType
    copy.l3Length = this.l3Length
    copy.ipSrc = this.ipSrc
    copy.ipDst = this.ipDst
    copy.protocol = this.protocol
    copy.ttl = this.ttl
    copy.tos = this.tos
    copy.ipId = this.ipId
    copy.fragmentOffset = this.fragmentOffset
    copy.fragmentOf = this.fragmentOf
    copy.sourcePort = this.sourcePort
    copy.destinationPort = this.destinationPort
    copy.header = this.header
    copy.inner = this.inner
    copy.vni = this.vni
    copy.vxlanFlags = this.vxlanFlags
    copy.payload = this.payload
    copy.sequence = this.sequence
    copy.sentAt = this.sentAt
    copy.trace = this.trace
    copy.flowHash = this.flowHash
    copy.mark = this.mark
    copy.conntrack = this.conntrack
    copy.fragmentMax = this.fragmentMax
    copy.gsoSize = this.gsoSize
    copy.gsoSegments = this.gsoSegments
    copy.gsoExcess = this.gsoExcess
    if (this.inner !== null) this.inner.shared = true
    return copy
  }
}
