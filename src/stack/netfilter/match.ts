import { type Frame, PROTOCOL_ICMP } from '../../wire/frame.ts'
import { IcmpMessage } from '../../wire/icmp.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { NetDevice } from '../device.ts'
import type { IpSet } from '../ipset/ip-set.ts'
import type { NetNamespace } from '../namespace.ts'
import {
  DIRECTION_REPLY,
  STATUS_DESTINATION_NAT,
  STATUS_SEEN_REPLY,
  STATUS_SOURCE_NAT,
  trackedBy,
  Untracked,
} from './conntrack-entry.ts'
import { fitsU32, type U32Test } from './u32.ts'

/** What a match looks at. */
export const MATCH_SOURCE_PORT = 1
export const MATCH_DESTINATION_PORT = 2
export const MATCH_ICMP_TYPE = 3
export const MATCH_CONNTRACK_STATE = 4
export const MATCH_MARK = 5
export const MATCH_COMMENT = 6
export const MATCH_SOURCE_LOCAL = 7
export const MATCH_DESTINATION_LOCAL = 8
export const MATCH_PHYSDEV_IN = 9
export const MATCH_PHYSDEV_OUT = 10
export const MATCH_PHYSDEV_BRIDGED = 11
export const MATCH_SOURCE_PORTS = 12
export const MATCH_DESTINATION_PORTS = 13
export const MATCH_EITHER_PORTS = 14
export const MATCH_SET = 15
export const MATCH_RPFILTER = 16
/** An option that says how another one of its group is meant, and fits everything itself. */
export const MATCH_FLAG = 17
export const MATCH_POLICY = 18
export const MATCH_U32 = 19

/** Bits of `--ctstate`. */
export const STATE_INVALID = 1
export const STATE_NEW = 2
export const STATE_RELATED = 4
export const STATE_ESTABLISHED = 8
export const STATE_UNTRACKED = 16
export const STATE_SOURCE_NAT = 32
export const STATE_DESTINATION_NAT = 64

/** `--icmp-type any`. */
export const ICMP_TYPE_ANY = 0xff

/** First and last port. */
export type PortRange = readonly [number, number]

/**
 * One option of a match extension, with its argument made ready for comparing. All kinds are of one
 * class, so that the walk over the rules of a chain meets one shape of object.
 */
export class Match {
  readonly kind: number
  /** As iptables-save prints it, with its argument. */
  readonly option: string
  readonly text: string
  readonly invert: boolean
  /** First port, ICMP type, state bits, or value of the mark. */
  first = 0
  /** Last port, or mask of the mark. */
  last = 0
  /** ICMP codes. */
  firstCode = 0
  lastCode = 0xff
  /** Device; every one that begins so when `isPrefix`. */
  device = ''
  isPrefix = false
  /** Of multiport. */
  ranges: readonly PortRange[] = []
  /** Of `--match-set`: the set once it was found, and whether each of its dimensions means the source. */
  set: IpSet | null = null
  setName = ''
  firstIsSource = false
  secondIsSource = false
  /** Of an address type: on which of the packet's devices the address must be; '' = any of ours. */
  limit: 'in' | 'out' | '' = ''
  /** Of u32: all must hold. */
  tests: readonly U32Test[] = []
  /** Of rpfilter. */
  isLoose = false
  acceptsLocal = false

  constructor(kind: number, option: string, text: string, invert: boolean) {
    this.kind = kind
    this.option = option
    this.text = text
    this.invert = invert
  }

  toString(): string {
    return `${this.invert ? '! ' : ''}${this.option}${this.text === '' ? '' : ` ${this.text}`}`
  }
}

/** Whether a packet on its way from `input` to `output` fits. */
export function fits(
  match: Match,
  frame: Frame,
  input: NetDevice | null,
  output: NetDevice | null,
  namespace: NetNamespace,
): boolean {
  switch (match.kind) {
    case MATCH_SOURCE_PORT:
      return fitsPort(match, frame, true)
    case MATCH_DESTINATION_PORT:
      return fitsPort(match, frame, false)
    case MATCH_ICMP_TYPE:
      return fitsIcmp(match, frame)
    case MATCH_CONNTRACK_STATE:
      return ((stateOf(frame) & match.first) !== 0) !== match.invert
    case MATCH_MARK:
      return ((frame.mark & match.last) === match.first) !== match.invert
    case MATCH_SOURCE_LOCAL:
      return fitsLocal(match, frame.ipSrc, input, output, namespace)
    case MATCH_DESTINATION_LOCAL:
      return fitsLocal(match, frame.ipDst, input, output, namespace)
    case MATCH_PHYSDEV_IN:
      return fitsPhysdev(match, input)
    case MATCH_PHYSDEV_OUT:
      return fitsPhysdev(match, output)
    case MATCH_PHYSDEV_BRIDGED:
      return (isPort(input) && isPort(output)) !== match.invert
    case MATCH_SOURCE_PORTS:
    case MATCH_DESTINATION_PORTS:
    case MATCH_EITHER_PORTS:
      return fitsPorts(match, frame)
    case MATCH_SET:
      return (
        match.set!.fits(frame, match.firstIsSource, match.secondIsSource, namespace) !==
        match.invert
      )
    case MATCH_POLICY:
      return frame.isSecured === (match.first !== 0)
    case MATCH_U32:
      return fitsU32(match.tests, frame) !== match.invert
    case MATCH_RPFILTER:
      return passesReverse(match, frame, input, namespace) !== match.invert
    default:
      return true
  }
}

function fitsLocal(
  match: Match,
  address: Ipv4Address,
  input: NetDevice | null,
  output: NetDevice | null,
  namespace: NetNamespace,
): boolean {
  if (match.limit === '') return namespace.isLocal(address) !== match.invert
  const device = match.limit === 'in' ? input : output
  const isThere = device?.addresses.some((own) => own.address === address) ?? false
  return isThere !== match.invert
}

/** As one port: later fragments fit neither the ports nor their inversion. */
function fitsPorts({ kind, ranges, invert }: Match, frame: Frame): boolean {
  if (frame.fragmentOffset !== 0) return false
  const { sourcePort, destinationPort } = frame.fragmentOf ?? frame
  const bySource = kind !== MATCH_DESTINATION_PORTS && isAmong(ranges, sourcePort)
  const byDestination = kind !== MATCH_SOURCE_PORTS && isAmong(ranges, destinationPort)
  return (bySource || byDestination) !== invert
}

function isAmong(ranges: readonly PortRange[], port: number): boolean {
  for (let i = 0; i < ranges.length; i++) {
    if (port >= ranges[i]![0] && port <= ranges[i]![1]) return true
  }
  return false
}

/** rpfilter_mt: whether an answer would leave by the device on which the packet came. */
function passesReverse(
  match: Match,
  frame: Frame,
  input: NetDevice | null,
  namespace: NetNamespace,
): boolean {
  if (input === null || input === namespace.loopback) return true
  if (namespace.isLocal(frame.ipSrc)) return match.acceptsLocal
  if (match.isLoose) return namespace.routes.lookup(frame.ipSrc)?.type === 'unicast'
  return namespace.routes.leadsBy(input, frame.ipSrc)
}

/** Ports stand in the first fragment only: the others fit neither a port nor its inversion. */
function fitsPort(match: Match, frame: Frame, isSource: boolean): boolean {
  if (frame.fragmentOffset !== 0) return false
  const content = frame.fragmentOf ?? frame
  const port = isSource ? content.sourcePort : content.destinationPort
  return (port >= match.first && port <= match.last) !== match.invert
}

function fitsIcmp(match: Match, frame: Frame): boolean {
  if (frame.fragmentOffset !== 0 || frame.protocol !== PROTOCOL_ICMP) return false
  const { header } = frame.fragmentOf ?? frame
  if (!(header instanceof IcmpMessage)) return false
  const fitting =
    match.first === ICMP_TYPE_ANY ||
    (header.type === match.first && header.code >= match.firstCode && header.code <= match.lastCode)
  return fitting !== match.invert
}

function stateOf(frame: Frame): number {
  const tracked = trackedBy(frame)
  if (tracked === null) {
    return frame.conntrack instanceof Untracked ? STATE_UNTRACKED : STATE_INVALID
  }
  const { status } = tracked.entry
  let state = STATE_NEW
  if (tracked.isRelated) state = STATE_RELATED
  else if (tracked.direction === DIRECTION_REPLY || (status & STATUS_SEEN_REPLY) !== 0) {
    state = STATE_ESTABLISHED
  }
  if ((status & STATUS_SOURCE_NAT) !== 0) state |= STATE_SOURCE_NAT
  if ((status & STATUS_DESTINATION_NAT) !== 0) state |= STATE_DESTINATION_NAT
  return state
}

function isPort(device: NetDevice | null): boolean {
  return device !== null && device.master !== null
}

/** Only packets that the bridge brought here have ports. */
function fitsPhysdev(match: Match, device: NetDevice | null): boolean {
  const name = isPort(device) ? device!.name : ''
  return isNamed(name, match.device, match.isPrefix) !== match.invert
}

/** Whether a device's name is `wanted`, or begins so. */
export function isNamed(name: string, wanted: string, isPrefix: boolean): boolean {
  return isPrefix ? name.startsWith(wanted) : name === wanted
}
