import type { NetNamespace } from '../stack/namespace.ts'
import type { XfrmPolicySpec } from '../stack/xfrm/policy.ts'
import type { XfrmState } from '../stack/xfrm/state.ts'
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/frame.ts'
import { formatIpv4, formatPrefix, type Ipv4Prefix } from '../wire/ipv4-address.ts'
import type { Shown } from './show.ts'

const hex = (value: number) => `0x${(value >>> 0).toString(16).padStart(8, '0')}`
const mask = (value: number) => `0x${(value >>> 0).toString(16)}`

/** `ip xfrm state`. The tool has no `-j` for it: the objects are of the same fields. */
export function showXfrmStates({ xfrm }: NetNamespace): Shown {
  const states = xfrm?.states ?? []
  return { lines: states.flatMap(stateLines), json: states.map(stateJson) }
}

function stateLines(state: XfrmState): string[] {
  const { src, dst, spi, reqid, aead, replayWindow, esn } = state
  const flags = esn ? ' flag esn' : ''
  // A window of ESN is kept elsewhere, and the field of the others then holds 0.
  const window = esn ? 0 : replayWindow
  return [
    `src ${formatIpv4(src)} dst ${formatIpv4(dst)}`,
    `\tproto esp spi ${hex(spi)} reqid ${reqid} mode transport`,
    `\treplay-window ${window}${flags}`,
    `\taead ${aead.name} 0x${aead.key} ${aead.icvBits}`,
    `\tanti-replay context: seq 0x0, oseq ${mask(state.sequence)}, bitmap 0x00000000`,
    '\tsel src 0.0.0.0/0 dst 0.0.0.0/0 ',
  ]
}

function stateJson({ src, dst, spi, reqid, bytes, packets, sequence }: XfrmState): object {
  return { src: formatIpv4(src), dst: formatIpv4(dst), spi, reqid, bytes, packets, oseq: sequence }
}

/** `ip xfrm policy`. */
export function showXfrmPolicies({ xfrm }: NetNamespace): Shown {
  const policies = xfrm?.policies ?? []
  return {
    lines: policies.flatMap(policyLines),
    json: policies.map((policy) => ({ ...policy, dir: 'out' })),
  }
}

const PROTOCOL_NAMES = new Map([
  [PROTOCOL_TCP, 'tcp'],
  [PROTOCOL_UDP, 'udp'],
])

function policyLines({ selector, mark, priority, action, template }: XfrmPolicySpec): string[] {
  const { src, dst, proto, sport, dport } = selector
  const block = (prefix?: Ipv4Prefix) => (prefix ? formatPrefix(prefix) : '0.0.0.0/0')
  const words = [
    `src ${block(src)} dst ${block(dst)}`,
    ...(proto === undefined ? [] : [`proto ${PROTOCOL_NAMES.get(proto) ?? proto}`]),
    ...(sport === undefined ? [] : [`sport ${sport}`]),
    ...(dport === undefined ? [] : [`dport ${dport}`]),
  ]
  const marked = mark === undefined ? [] : [`\tmark ${mask(mark.value)}/${mask(mark.mask)} `]
  return [
    `${words.join(' ')} `,
    `\tdir out ${action === 'block' ? 'action block ' : ''}priority ${priority ?? 0} `,
    ...marked,
    ...(template === undefined ? [] : templateLines(template)),
  ]
}

function templateLines(template: NonNullable<XfrmPolicySpec['template']>): string[] {
  const { src, dst, spi, reqid = 0 } = template
  const named = spi === undefined ? '' : ` spi ${hex(spi)}`
  return [
    `\ttmpl src ${formatIpv4(src)} dst ${formatIpv4(dst)}`,
    `\t\tproto esp${named} reqid ${reqid} mode transport`,
  ]
}
