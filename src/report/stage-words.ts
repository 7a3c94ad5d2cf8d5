import { type DropReason, dropReasonInfo } from '../measure/drop-reason.ts'
import type { Stage } from '../measure/tracer.ts'
import { plural } from './format.ts'

/** What happened at a stage, before the row that decided. */
const STAGE_WORDS: Readonly<Record<Stage, string>> = {
  socket_send: 'sent by a socket',
  route: 'route',
  neighbour: 'neighbour',
  fragment: 'cut',
  reassemble: 'put together',
  netfilter: 'rule',
  nat: 'address translated',
  conntrack: 'connection',
  bridge: 'bridge',
  vxlan_encap: 'VXLAN pushed',
  vxlan_decap: 'VXLAN popped',
  ipip_encap: 'IPIP pushed',
  ipip_decap: 'IPIP popped',
  tunnel_encap: 'tunnel header pushed',
  tunnel_decap: 'tunnel header popped',
  esp_output: 'ESP sealed',
  esp_input: 'ESP opened',
  vlan_push: '802.1Q tag pushed',
  vlan_pop: '802.1Q tag popped',
  macvlan: 'macvlan',
  ipvlan: 'ipvlan',
  openvswitch: 'flow',
  upcall: 'no flow, told to user space',
  user_forward: 'through a program',
  transmit: 'leaves',
  receive: 'arrives',
  switch: 'MAC table',
  forward: 'forwarded',
  local_deliver: 'for this address, up the stack',
  icmp_error: 'ICMP error',
  arp: 'ARP',
  queue: 'waits',
  socket_receive: 'received by the socket',
}

/** @param bytes that the stage added or took away, 0 if none. */
export function stageText(stage: Stage, row: string | null, bytes: number): string {
  const size = bytes === 0 ? '' : `, ${plural(Math.abs(bytes), 'byte')}`
  const text = `${STAGE_WORDS[stage]}${size}`
  if (row === null) return text
  if (row.startsWith(STAGE_WORDS[stage])) return row
  return `${text}: ${stage === 'conntrack' ? connectionText(row) : row}`
}

const TUPLES = /^(.*src=(\S+) dst=(\S+).*?) src=(\S+) dst=(\S+).*$/

/** Without the tuple of the answers where it says no more than that of the packet: without NAT. */
function connectionText(row: string): string {
  const [, packet, source, destination, replySource, replyDestination] = TUPLES.exec(row) ?? []
  const isPlain = source === replyDestination && destination === replySource
  return packet !== undefined && isPlain ? packet : row
}

/** `mtu_exceeded_df (SKB_DROP_REASON_PKT_TOO_BIG)`. */
export function reasonText(reason: DropReason): string {
  const { kernel } = dropReasonInfo(reason)
  return kernel === undefined ? reason : `${reason} (SKB_DROP_REASON_${kernel})`
}

/** `mtu_exceeded_df (SKB_DROP_REASON_PKT_TOO_BIG): larger than ...`. */
export function dropText(reason: DropReason): string {
  return `${reasonText(reason)}: ${dropReasonInfo(reason).meaning}`
}
