import { type Frame, PROTOCOL_TCP, PROTOCOL_UDP } from '../../wire/frame.ts'
import { contains, type Ipv4Address, type Ipv4Prefix } from '../../wire/ipv4-address.ts'

/** What packets a policy is for; what is left out fits all. */
export interface XfrmSelector {
  readonly src?: Ipv4Prefix
  readonly dst?: Ipv4Prefix
  /** IP protocol. */
  readonly proto?: number
  readonly sport?: number
  readonly dport?: number
}

/** The states that a policy takes: by both ends, and by number where these are given. */
export interface XfrmTemplate {
  readonly src: Ipv4Address
  readonly dst: Ipv4Address
  readonly spi?: number
  readonly reqid?: number
}

/** `ip xfrm policy add dir out`. */
export interface XfrmPolicySpec {
  readonly selector: XfrmSelector
  readonly mark?: { readonly value: number; readonly mask: number }
  /** The lowest number goes first; default 0. */
  readonly priority?: number
  /** `block` drops what fits. Default: allow. */
  readonly action?: 'allow' | 'block'
  /** Without it packets that fit go as they are. */
  readonly template?: XfrmTemplate
}

export function fitsPolicy({ selector, mark }: XfrmPolicySpec, frame: Frame): boolean {
  if (mark !== undefined && (frame.mark & mark.mask) !== mark.value) return false
  const { src, dst, proto } = selector
  if (proto !== undefined && proto !== frame.protocol) return false
  if (src !== undefined && !contains(src, frame.ipSrc)) return false
  if (dst !== undefined && !contains(dst, frame.ipDst)) return false
  return fitsPorts(selector, frame)
}

function fitsPorts({ sport, dport }: XfrmSelector, frame: Frame): boolean {
  if (sport === undefined && dport === undefined) return true
  const hasPorts = frame.protocol === PROTOCOL_UDP || frame.protocol === PROTOCOL_TCP
  // Without its first fragment nobody knows a datagram's ports.
  if (!hasPorts || frame.fragmentOffset !== 0) return false
  const { sourcePort, destinationPort } = frame.fragmentOf ?? frame
  return (
    (sport === undefined || sport === sourcePort) &&
    (dport === undefined || dport === destinationPort)
  )
}

/** Whether two policies are one to the kernel: it refuses a second one. */
export function isSamePolicy(a: XfrmPolicySpec, b: XfrmPolicySpec): boolean {
  const key = ({ selector, mark }: XfrmPolicySpec) => {
    const { src, dst, proto, sport, dport } = selector
    const block = (prefix?: Ipv4Prefix) => (prefix ? `${prefix.base}/${prefix.length}` : '')
    return [block(src), block(dst), proto, sport, dport, mark?.value, mark?.mask].join(' ')
  }
  return key(a) === key(b)
}
