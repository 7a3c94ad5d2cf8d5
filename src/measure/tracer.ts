import type { Frame } from '../wire/frame.ts'
import type { DropReason } from './drop-reason.ts'

/** Stages that a frame passes: what `why` tells, and what a CPU profile will charge for. */
export type Stage =
  | 'socket_send'
  | 'route'
  | 'neighbour'
  | 'fragment'
  | 'reassemble'
  | 'netfilter'
  | 'nat'
  | 'conntrack'
  | 'bridge'
  | 'vxlan_encap'
  | 'vxlan_decap'
  | 'ipip_encap'
  | 'ipip_decap'
  | 'tunnel_encap'
  | 'tunnel_decap'
  | 'esp_output'
  | 'esp_input'
  | 'vlan_push'
  | 'vlan_pop'
  | 'macvlan'
  | 'ipvlan'
  | 'openvswitch'
  | 'upcall'
  | 'user_forward'
  | 'transmit'
  | 'receive'
  | 'switch'
  | 'forward'
  | 'local_deliver'
  | 'icmp_error'
  | 'arp'
  | 'queue'
  | 'socket_receive'

/** Told of what happens to frames whose `trace` is not 0. */
export interface Tracer {
  /**
   * @param place `host/namespace/device` or `switch/port`.
   * @param row the table row or rule that decided, if one did; its `toString` is read at once.
   */
  stage(frame: Frame, stage: Stage, place: string, row?: unknown): void
  dropped(frame: Frame, reason: DropReason, place: string, row?: unknown): void
}
