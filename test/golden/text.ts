import type { Tap } from '../../src/measure/tap.ts'
import { ArpPacket } from '../../src/wire/arp.ts'
import { decode } from '../../src/wire/decode.ts'
import { encode } from '../../src/wire/encode.ts'
import {
  ETHERTYPE_IPV4,
  type Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  UDP_HEADER_BYTES,
} from '../../src/wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, IcmpMessage } from '../../src/wire/icmp.ts'
import { holdsWholePacket, holdsWholeTransport } from '../../src/wire/ipv4.ts'
import { formatIpv4 } from '../../src/wire/ipv4-address.ts'
import { formatMac, formatMacHalves } from '../../src/wire/mac-address.ts'
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TcpHeader } from '../../src/wire/tcp.ts'
import { describeTcpOptions, parseTcpOptions, TcpOptions } from '../../src/wire/tcp-options.ts'
import { parseUdp } from '../../src/wire/udp.ts'

/** One header of a frame: its protocol and its fields, as a golden file shows them. */
export interface Layer {
  readonly protocol: string
  readonly fields: ReadonlyMap<string, string>
}

/** A frame in the text form of test/golden (see the README there). */
export interface TextFrame {
  /** Seconds since the first probe of the scheme. */
  readonly time: number
  /** Bytes without padding and FCS. */
  readonly length: number
  readonly layers: readonly Layer[]
}

/** Reads a golden file. */
export function parseGolden(text: string): TextFrame[] {
  const blocks = text.split(/^frame /m).slice(1)
  return blocks.flatMap((block) => {
    const [head, ...lines] = block.trimEnd().split('\n')
    const numbers = fieldsOf(head!.split(' '))
    const rows = lines.filter((line) => !line.startsWith(MORE))
    const layers = rows.map((line) => {
      const [protocol, ...words] = line.trim().split(' ')
      return { protocol: protocol!, fields: fieldsOf(words) }
    })
    const first = { time: Number(numbers.get('t')), length: Number(numbers.get('len')), layers }
    const more = lines.filter((line) => line.startsWith(MORE))
    return [first, ...more.map((line) => similarTo(first, line.slice(MORE.length)))]
  })
}

/** A frame of which the text says only what differs from the whole one before it. */
const MORE = 'more '

function similarTo({ time, length, layers }: TextFrame, text: string): TextFrame {
  const changes = fieldsOf(text.split(' '))
  const numberOf = (name: string, before: number) => Number(changes.get(name) ?? before)
  return {
    time: numberOf('t', time),
    length: numberOf('len', length),
    layers: layers.map(({ protocol, fields }, at) => {
      const change = (name: string, before: string) => changes.get(`${at + 1}.${name}`) ?? before
      const changed = [...fields].map(([name, value]) => [name, change(name, value)] as const)
      return { protocol, fields: new Map(changed) }
    }),
  }
}

function fieldsOf(words: readonly string[]): Map<string, string> {
  return new Map(
    words.map((word) => {
      const at = word.indexOf('=')
      return [word.slice(0, at), word.slice(at + 1)]
    }),
  )
}

/** A frame as a golden file has it, one line a layer. */
export function formatFrame({ time, length, layers }: TextFrame): string {
  const lines = layers.map(({ protocol, fields }) => {
    return `  ${protocol} ${[...fields].map(([name, value]) => `${name}=${value}`).join(' ')}`
  })
  return [`frame t=${time.toFixed(6)} len=${length}`, ...lines].join('\n')
}

/** Keeps the bytes of all that passes an interface. */
export class Recorder implements Tap {
  private readonly seen: { time: number; bytes: Uint8Array }[] = []

  frame(time: number, frame: Frame): void {
    this.seen.push({ time, bytes: encode(frame) })
  }

  /** What passed in [from, to) picoseconds; times are shown relative to `origin`. */
  between(from: number, to: number, origin: number): TextFrame[] {
    return this.seen
      .filter(({ time }) => time >= from && time < to)
      .map(({ time, bytes }) => textOf(bytes, (time - origin) / 1e12))
  }
}

/** IANA's, Linux's, and that of Weave's fast datapath. */
const VXLAN_PORTS: ReadonlySet<number> = new Set([4789, 8472, 6784])

/** The text form of a frame's bytes. @param time seconds. */
export function textOf(bytes: Uint8Array, time: number): TextFrame {
  const layers: Layer[] = []
  addEthernet(layers, decode(bytes, { vxlanPorts: VXLAN_PORTS }))
  return { time, length: bytes.length, layers }
}

function add(layers: Layer[], protocol: string, fields: Record<string, string | number>): void {
  const texts = Object.entries(fields).map(([name, value]) => [name, String(value)] as const)
  layers.push({ protocol, fields: new Map(texts) })
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`
}

function addEthernet(layers: Layer[], frame: Frame): void {
  add(layers, 'eth', {
    src: formatMacHalves(frame.srcHi, frame.srcLo),
    dst: formatMacHalves(frame.dstHi, frame.dstLo),
    type: hex(frame.etherType, 4),
  })
  const { header } = frame
  if (frame.etherType === ETHERTYPE_IPV4) addIpv4(layers, frame)
  else if (header instanceof ArpPacket) {
    add(layers, 'arp', {
      op: header.operation,
      sha: formatMac(header.senderMac),
      spa: formatIpv4(header.senderIp),
      tha: formatMac(header.targetMac),
      tpa: formatIpv4(header.targetIp),
    })
  }
}

function addIpv4(layers: Layer[], frame: Frame): void {
  add(layers, 'ip', {
    src: formatIpv4(frame.ipSrc),
    dst: formatIpv4(frame.ipDst),
    ttl: frame.ttl,
    tos: hex(frame.tos, 2),
    id: hex(frame.ipId, 4),
    df: frame.dontFragment ? 1 : 0,
    mf: frame.moreFragments ? 1 : 0,
    off: frame.fragmentOffset,
    proto: frame.protocol,
    len: frame.l3Length,
    csum: holdsWholePacket(frame) ? 'bad' : 'good',
  })
  if (frame.fragmentOffset !== 0) return
  if (frame.protocol === PROTOCOL_UDP) addUdp(layers, frame)
  else if (frame.protocol === PROTOCOL_TCP) addTcp(layers, frame)
  else if (frame.protocol === PROTOCOL_ICMP) addIcmp(layers, frame)
}

function addUdp(layers: Layer[], frame: Frame): void {
  const { payload } = frame
  // The first of several fragments is kept as bytes; what it carries is known, its checksum is not.
  if (frame.isFragment) parseUdp(payload ?? new Uint8Array(UDP_HEADER_BYTES), 0, frame)
  const length =
    frame.isFragment && payload !== null
      ? (payload[4]! << 8) | payload[5]!
      : frame.l3Length - IPV4_HEADER_BYTES
  const present = frame.isFragment ? 'unverified' : checksumState(frame)
  add(layers, 'udp', {
    sport: frame.sourcePort,
    dport: frame.destinationPort,
    len: length,
    csum: frame.udpChecksum ? present : 'zero',
  })
  if (frame.inner === null) return
  add(layers, 'vxlan', { flags: hex(frame.vxlanFlags, 2), vni: frame.vni })
  addEthernet(layers, frame.inner)
}

const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [TCP_FIN, 'F'],
  [TCP_SYN, 'S'],
  [TCP_RST, 'R'],
  [TCP_PSH, 'P'],
  [TCP_ACK, '.'],
]

function addTcp(layers: Layer[], frame: Frame): void {
  const { header } = frame
  if (!(header instanceof TcpHeader)) return
  const options = new TcpOptions()
  parseTcpOptions(header.options, options)
  const letters = FLAG_LETTERS.map(([bit, letter]) => (header.flags & bit ? letter : ''))
  const names = describeTcpOptions(header.options).split(',')
  const { mss, windowScale, tsValue, tsEcho } = options
  add(layers, 'tcp', {
    sport: frame.sourcePort,
    dport: frame.destinationPort,
    seq: header.sequence >>> 0,
    ack: header.acknowledgement >>> 0,
    flags: letters.join(''),
    win: header.window,
    len: frame.l3Length - IPV4_HEADER_BYTES - header.bytes,
    options: names.map((name) => name.split(' ')[0]).join(','),
    ...(mss === 0 ? {} : { mss }),
    ...(windowScale < 0 ? {} : { wscale: windowScale }),
    ...(options.hasTimestamps ? { tsval: tsValue >>> 0, tsecr: tsEcho >>> 0 } : {}),
    csum: checksumState(frame),
  })
}

function addIcmp(layers: Layer[], frame: Frame): void {
  const message = frame.header
  if (!(message instanceof IcmpMessage)) return
  const { type, code } = message
  const needsFragments = type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED
  const rest = message.isError
    ? needsFragments
      ? { mtu: message.sequence }
      : {}
    : { id: hex(message.identifier, 4), seq: message.sequence }
  add(layers, 'icmp', { type, code, ...rest, csum: checksumState(frame) })
  if (message.isError && frame.inner !== null) addIpv4(layers, frame.inner)
}

function checksumState(frame: Frame): 'good' | 'bad' {
  return frame.badChecksum || holdsWholeTransport(frame) ? 'bad' : 'good'
}
