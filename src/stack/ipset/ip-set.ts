import { STAGE_NETFILTER_RULE } from '../../cpu/stage.ts'
import { type Frame, PROTOCOL_TCP, PROTOCOL_UDP } from '../../wire/frame.ts'
import {
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  maskOf,
  parseIpv4,
  parsePrefix,
} from '../../wire/ipv4-address.ts'
import type { NetNamespace } from '../namespace.ts'
import { IpsetError } from './ipset-error.ts'

export const SET_TYPES = ['hash:ip', 'hash:net', 'hash:ip,port'] as const
export type SetType = (typeof SET_TYPES)[number]

/** The kernel's own, unless `create` says otherwise. */
export const HASHSIZE_DEFAULT = 1024
export const MAXELEM_DEFAULT = 65536

const PORT_PROTOCOLS = new Map([
  ['tcp', PROTOCOL_TCP],
  ['udp', PROTOCOL_UDP],
])

/** One element as the kernel keys it: an address or block, and what stands beside it. */
interface Element {
  readonly address: Ipv4Address
  /** Of hash:net, the prefix length; of hash:ip,port, protocol << 16 | port; else 0. */
  readonly detail: number
}

/**
 * A set of addresses (net/netfilter/ipset/ip_set_hash_*.c): hash:ip, hash:net, and hash:ip,port with TCP and
 * UDP ports. Elements are kept by detail, then address: a look-up in hash:net thus asks once for each
 * prefix length that occurs, the longest first, as the kernel does.
 */
export class IpSet {
  /** `rename` and `swap` change it. */
  name: string
  readonly type: SetType
  readonly hashsize: number
  readonly maxelem: number
  private elements = new Map<number, Set<Ipv4Address>>()
  private lengths: readonly number[] = []
  private count = 0

  constructor(name: string, type: SetType, hashsize: number, maxelem: number) {
    this.name = name
    this.type = type
    this.hashsize = hashsize
    this.maxelem = maxelem
  }

  /** How many elements it has. */
  get size(): number {
    return this.count
  }

  /** How many `src` or `dst` words a match names: address, and port where the type has one. */
  get dimensions(): number {
    return this.type === 'hash:ip,port' ? 2 : 1
  }

  /** @returns false when it is there already. Throws IpsetError for no element of the type, or a full set. */
  add(text: string): boolean {
    const { address, detail } = parseElement(this.type, text)
    const known = this.elements.get(detail)
    if (known?.has(address)) return false
    if (this.count >= this.maxelem) {
      throw new IpsetError('Hash is full, cannot add more elements', text)
    }
    if (known === undefined) {
      this.elements.set(detail, new Set([address]))
      this.indexLengths()
    } else known.add(address)
    this.count++
    return true
  }

  /** @returns false when it is not there. Throws IpsetError for no element of the type. */
  delete(text: string): boolean {
    const { address, detail } = parseElement(this.type, text)
    const known = this.elements.get(detail)
    if (!known?.delete(address)) return false
    this.count--
    if (known.size === 0) {
      this.elements.delete(detail)
      this.indexLengths()
    }
    return true
  }

  /** `ipset test`: for hash:net also whether a bare address lies in one of the blocks. */
  test(text: string): boolean {
    const { address, detail } = parseElement(this.type, text)
    if (this.type === 'hash:net' && detail === 32) return this.covers(address)
    return this.elements.get(detail)?.has(address) ?? false
  }

  flush(): void {
    this.elements = new Map()
    this.lengths = []
    this.count = 0
  }

  /** Exchanges the elements of two sets of one type: rules go on with the name that they know. */
  swap(other: IpSet): void {
    const { elements, lengths, count } = this
    this.elements = other.elements
    this.lengths = other.lengths
    this.count = other.count
    other.elements = elements
    other.lengths = lengths
    other.count = count
  }

  /** Whether a packet's address, and its port, is in the set. A look-up costs as much as a rule. */
  fits(frame: Frame, firstIsSource: boolean, secondIsSource: boolean, by: NetNamespace): boolean {
    const address = firstIsSource ? frame.ipSrc : frame.ipDst
    if (this.type === 'hash:net') {
      for (let i = 0; i < this.lengths.length; i++) by.spend(STAGE_NETFILTER_RULE, frame)
      return this.covers(address)
    }
    by.spend(STAGE_NETFILTER_RULE, frame)
    if (this.type === 'hash:ip') return this.elements.get(0)?.has(address) ?? false
    if (frame.fragmentOffset !== 0) return false
    const content = frame.fragmentOf ?? frame
    const port = secondIsSource ? content.sourcePort : content.destinationPort
    return this.elements.get((frame.protocol << 16) | port)?.has(address) ?? false
  }

  private covers(address: Ipv4Address): boolean {
    const { lengths, elements } = this
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]!
      if (elements.get(length)!.has(address & maskOf(length))) return true
    }
    return false
  }

  private indexLengths(): void {
    if (this.type === 'hash:net') this.lengths = [...this.elements.keys()].sort((a, b) => b - a)
  }

  /** The elements as `ipset save` prints them, by address. */
  members(): string[] {
    const all: Element[] = []
    for (const [detail, addresses] of this.elements) {
      for (const address of addresses) all.push({ address, detail })
    }
    all.sort((a, b) => (a.address >>> 0) - (b.address >>> 0) || a.detail - b.detail)
    return all.map((element) => formatElement(this.type, element))
  }

  /** The `create` line of `ipset save`. */
  get header(): string {
    const { name, type, hashsize, maxelem } = this
    return `create ${name} ${type} family inet hashsize ${hashsize} maxelem ${maxelem}`
  }

  /** As traces and rules name it. */
  toString(): string {
    return this.name
  }
}

function parseElement(type: SetType, text: string): Element {
  const element = type === 'hash:ip,port' ? parseAddressAndPort(text) : parseBlock(type, text)
  if (element === null) throw new IpsetError(`Syntax error: "${text}" is not of a ${type}`, text)
  return element
}

function parseBlock(type: SetType, text: string): Element | null {
  const block = parsePrefix(text)
  if (block === null || block.length === 0) return null
  if (type === 'hash:net') return { address: block.base, detail: block.length }
  return block.length === 32 ? { address: block.base, detail: 0 } : null
}

/** `10.0.0.1,tcp:80`. */
function parseAddressAndPort(text: string): Element | null {
  const [, host = '', protocolName = '', port = ''] = /^([^,]+),(\w+):(\d{1,5})$/.exec(text) ?? []
  const address = parseIpv4(host)
  const protocol = PORT_PROTOCOLS.get(protocolName)
  if (address === null || protocol === undefined || Number(port) > 0xffff) return null
  return { address, detail: (protocol << 16) | Number(port) }
}

function formatElement(type: SetType, { address, detail }: Element): string {
  if (type === 'hash:ip') return formatIpv4(address)
  if (type === 'hash:net') {
    return detail === 32 ? formatIpv4(address) : formatPrefix({ base: address, length: detail })
  }
  const [protocol] = [...PORT_PROTOCOLS].find(([, number]) => number === detail >>> 16)!
  return `${formatIpv4(address)},${protocol}:${detail & 0xffff}`
}
