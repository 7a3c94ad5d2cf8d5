import { ETHERTYPE_IPV4, type Frame, PROTOCOL_IPIP, PROTOCOL_TCP, PROTOCOL_UDP } from './frame.ts'
import { TunnelHeader } from './tunnel-header.ts'

/**
 * A flow's hash, from which Linux draws a tunnel's outer source port and a multipath route its path
 * (`skb_get_hash`): over addresses, ports and protocol. Addresses and ports are sorted first, as the
 * kernel sorts them, so that both directions of a flow have one hash under one secret. A fragment,
 * the first one too, hashes on addresses and protocol only, and so does ICMP, whatever its identifier
 * (two pings of one address were seen to share a port); IPIP, GRE and the like on what they carry;
 * what is not IPv4 on its EtherType alone (ARP of four stations was seen to share one port).
 *
 * The mixing function is not the kernel's (siphash), whose secret is drawn at boot in any case.
 *
 * @param secret 32 bits that a host draws once.
 * @returns an unsigned 32-bit number, never 0: the kernel takes 0 for "not computed".
 */
export function flowHash(frame: Frame, secret: number): number {
  if (frame.etherType !== ETHERTYPE_IPV4) return finish(mix(secret, frame.etherType))
  while (frame.inner !== null && isIpTunnel(frame) && !frame.isFragment) {
    frame = frame.inner
  }
  const { ipSrc, ipDst } = frame
  const inOrder = ipSrc <= ipDst
  let hash = mix(secret, inOrder ? ipSrc : ipDst)
  hash = mix(hash, inOrder ? ipDst : ipSrc)
  hash = mix(hash, portsOf(frame))
  return finish(mix(hash, frame.protocol))
}

/**
 * What a NIC chooses a receive queue by: addresses and, where it reads them, ports. It sees no further
 * than the outermost IP header: fragments, IPIP and ESP are told apart by addresses alone.
 *
 * @param hashesUdpPorts some NICs hash UDP on addresses only, others do so as a setting.
 * @returns an unsigned 32-bit number; unlike the kernel's own hash it differs by direction.
 */
export function rssHash(frame: Frame, secret: number, hashesUdpPorts: boolean): number {
  if (frame.etherType !== ETHERTYPE_IPV4) return 0
  const { protocol } = frame
  const hashesPorts =
    !frame.isFragment &&
    (protocol === PROTOCOL_TCP || (protocol === PROTOCOL_UDP && hashesUdpPorts))
  const hash = mix(mix(secret, frame.ipSrc), frame.ipDst)
  if (!hashesPorts) return finish(hash)
  return finish(mix(hash, (frame.sourcePort << 16) | frame.destinationPort))
}

function isIpTunnel({ protocol, header }: Frame): boolean {
  return protocol === PROTOCOL_IPIP || header instanceof TunnelHeader
}

function portsOf(frame: Frame): number {
  if (frame.isFragment) return 0
  switch (frame.protocol) {
    case PROTOCOL_TCP:
    case PROTOCOL_UDP: {
      const { sourcePort, destinationPort } = frame
      return sourcePort <= destinationPort
        ? (sourcePort << 16) | destinationPort
        : (destinationPort << 16) | sourcePort
    }
    default:
      return 0
  }
}

/** One round of MurmurHash3. */
function mix(hash: number, word: number): number {
  word = Math.imul(word, 0xcc9e2d51)
  word = (word << 15) | (word >>> 17)
  hash ^= Math.imul(word, 0x1b873593)
  hash = (hash << 13) | (hash >>> 19)
  return (Math.imul(hash, 5) + 0xe6546b64) | 0
}

/** MurmurHash3's finaliser: every bit of the input changes half of the output's. */
function finish(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0 || 1
}

/**
 * The outer source port of a flow (`udp_flow_src_port`), in [low, high). The kernel's range excludes
 * its upper end.
 */
export function sourcePortOf(hash: number, low: number, high: number): number {
  // Only the low bits of the hash decide elsewhere (RSS, queues); folding makes the port use both.
  const folded = (hash ^ (hash << 16)) >>> 0
  // 32 bits by 16 bits stay below 2^53: the product is exact.
  return Math.floor((folded * (high - low)) / 2 ** 32) + low
}
