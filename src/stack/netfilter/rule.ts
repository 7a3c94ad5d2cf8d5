import {
  type Frame,
  PROTOCOL_ICMP,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../../wire/frame.ts'
import { formatPrefix, type Ipv4Prefix, maskOf } from '../../wire/ipv4-address.ts'
import type { NetDevice } from '../device.ts'
import type { IpSet } from '../ipset/ip-set.ts'
import type { NetNamespace } from '../namespace.ts'
import type { Chain } from './chain.ts'
import {
  fits,
  isNamed,
  MATCH_COMMENT,
  MATCH_CONNTRACK_STATE,
  MATCH_FLAG,
  type Match,
} from './match.ts'
import type { Target } from './target.ts'

/** Names of /etc/protocols. */
const PROTOCOL_NAMES = new Map([
  ['icmp', PROTOCOL_ICMP],
  ['igmp', 2],
  ['ipencap', PROTOCOL_IPIP],
  ['tcp', PROTOCOL_TCP],
  ['udp', PROTOCOL_UDP],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['sctp', 132],
])

/** `-m NAME` with its options. */
export interface MatchGroup {
  readonly module: string
  readonly matches: Match[]
}

/** `-s`, `-d`: a block of addresses, every one by default. */
export interface AddressMatch {
  readonly block: Ipv4Prefix
  readonly invert: boolean
}

/** `-i`, `-o`: a device or, with `+` at its end, those whose names begin so. */
export interface DeviceMatch {
  readonly name: string
  readonly isPrefix: boolean
  readonly invert: boolean
}

export interface RuleSpec {
  readonly source: AddressMatch | null
  readonly destination: AddressMatch | null
  readonly input: DeviceMatch | null
  readonly output: DeviceMatch | null
  /** IP protocol, 0 for all. */
  readonly protocol: number
  readonly invertProtocol: boolean
  readonly groups: readonly MatchGroup[]
  readonly target: Target
}

/** A rule, with its comparisons made ready: masked values, no closures, one shape for all. */
export class Rule {
  readonly chain: Chain
  readonly target: Target
  /** What fitted: packets, and bytes of them from the IP header on. */
  packets = 0
  bytes = 0
  private readonly spec: RuleSpec
  private readonly source: number
  private readonly sourceMask: number
  private readonly notSource: boolean
  private readonly destination: number
  private readonly destinationMask: number
  private readonly notDestination: boolean
  private readonly input: DeviceMatch | null
  private readonly output: DeviceMatch | null
  private readonly protocol: number
  private readonly notProtocol: boolean
  private readonly matches: readonly Match[]

  constructor(chain: Chain, spec: RuleSpec) {
    const { source, destination } = spec
    this.chain = chain
    this.target = spec.target
    this.spec = spec
    this.source = source === null ? 0 : source.block.base
    this.sourceMask = source === null ? 0 : maskOf(source.block.length)
    this.notSource = source?.invert ?? false
    this.destination = destination === null ? 0 : destination.block.base
    this.destinationMask = destination === null ? 0 : maskOf(destination.block.length)
    this.notDestination = destination?.invert ?? false
    this.input = spec.input
    this.output = spec.output
    this.protocol = spec.protocol
    this.notProtocol = spec.invertProtocol
    this.matches = spec.groups
      .flatMap((group) => group.matches)
      .filter(({ kind }) => kind !== MATCH_COMMENT && kind !== MATCH_FLAG)
  }

  /** Whether the rule asks for the state of a packet's flow. */
  get needsConntrack(): boolean {
    return this.matches.some((match) => match.kind === MATCH_CONNTRACK_STATE)
  }

  /** Whether the rule asks this set. */
  asks(set: IpSet): boolean {
    return this.matches.some((match) => match.set === set)
  }

  /** Whether a packet on its way from `input` to `output` fits. */
  fits(
    frame: Frame,
    input: NetDevice | null,
    output: NetDevice | null,
    namespace: NetNamespace,
  ): boolean {
    if (((frame.ipSrc & this.sourceMask) === this.source) === this.notSource) return false
    if (((frame.ipDst & this.destinationMask) === this.destination) === this.notDestination) {
      return false
    }
    if (this.input !== null && !fitsDevice(this.input, input)) return false
    if (this.output !== null && !fitsDevice(this.output, output)) return false
    if (this.protocol !== 0 && (frame.protocol === this.protocol) === this.notProtocol) return false
    const { matches } = this
    for (let i = 0; i < matches.length; i++) {
      if (!fits(matches[i]!, frame, input, output, namespace)) return false
    }
    return true
  }

  /** The rule without its chain, as iptables-save prints it: what `-D` and `-C` compare. */
  get text(): string {
    const { spec } = this
    const parts: string[] = []
    const add = (invert: boolean, option: string, value: string) =>
      parts.push(`${invert ? '! ' : ''}${option} ${value}`)
    const addBlock = (option: string, { block, invert }: AddressMatch) => {
      if (block.length > 0 || invert) add(invert, option, formatPrefix(block))
    }
    if (spec.source !== null) addBlock('-s', spec.source)
    if (spec.destination !== null) addBlock('-d', spec.destination)
    const addDevice = (option: string, device: DeviceMatch) => {
      const isAny = device.isPrefix && device.name === '' && !device.invert
      if (!isAny) add(device.invert, option, deviceText(device))
    }
    if (spec.input !== null) addDevice('-i', spec.input)
    if (spec.output !== null) addDevice('-o', spec.output)
    if (spec.protocol !== 0) add(spec.invertProtocol, '-p', protocolText(spec.protocol))
    for (const { module, matches } of spec.groups) {
      const options = matches.filter(({ option }) => option !== '')
      parts.push(['-m', module, ...options].join(' '))
    }
    return `${parts.join(' ')}${this.target}`.trim()
  }

  /** The line of iptables-save. */
  get line(): string {
    return `-A ${this.chain.name} ${this.text}`.trim()
  }

  /** The line of iptables-save with the rule's table, as traces name it. */
  toString(): string {
    return `-t ${this.chain.table} ${this.line}`
  }
}

/**
 * A bridged packet is on its ports for physdev only: for `-i` and `-o` it is on the bridge, which is
 * the ports' master.
 */
function fitsDevice(match: DeviceMatch, device: NetDevice | null): boolean {
  const name = device === null ? '' : (device.master ?? device).name
  return isNamed(name, match.name, match.isPrefix) !== match.invert
}

function deviceText(match: DeviceMatch): string {
  return match.isPrefix ? `${match.name}+` : match.name
}

/** @returns null for what is no protocol. */
export function protocolNumber(name: string): number | null {
  if (name === 'all') return 0
  const known = PROTOCOL_NAMES.get(name.toLowerCase())
  if (known !== undefined) return known
  return /^\d{1,3}$/.test(name) && Number(name) <= 255 ? Number(name) : null
}

export function protocolText(protocol: number): string {
  for (const [name, number] of PROTOCOL_NAMES) if (number === protocol) return name
  return `${protocol}`
}
