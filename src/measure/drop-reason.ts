/**
 * Why a frame ended without being delivered: one closed list. `kernel` is Linux's
 * SKB_DROP_REASON_* (include/net/dropreason-core.h and vxlan's own list) where it has one; reasons
 * of the fabric, of faults and of the model have none.
 *
 * `kind` tells loss from the normal end of a copy that nobody wanted, such as a flooded frame at a
 * station it was not meant for.
 */
interface DropReasonInfo {
  readonly kernel?: string
  readonly kind: 'loss' | 'filter'
  readonly meaning: string
}

const loss = (meaning: string, kernel?: string): DropReasonInfo =>
  kernel === undefined ? { kind: 'loss', meaning } : { kind: 'loss', meaning, kernel }
const filter = (meaning: string, kernel?: string): DropReasonInfo =>
  kernel === undefined ? { kind: 'filter', meaning } : { kind: 'filter', meaning, kernel }

export const DROP_REASONS = {
  // Links and ports
  link_down: loss('the link was cut'),
  link_loss: loss('lost on the link by a fault rule'),
  bad_fcs: loss('frame check sequence wrong'),
  queue_full: loss('the transmit queue was full', 'QDISC_DROP'),
  blocked_port: loss('the fabric blocks this UDP or TCP port'),
  blocked_protocol: loss('the fabric blocks this IP protocol'),
  partitioned: loss('the fabric is partitioned between these hosts'),
  frame_too_long: loss('longer than the port accepts'),
  no_link: loss('the port is not connected'),
  device_down: loss('the device is down', 'DEV_READY'),
  host_down: loss('the host lost its power'),

  // Layer-2 fabric
  port_blocking: filter('spanning tree blocks the port'),
  vlan_not_allowed: loss('the port does not carry this VLAN'),
  same_port: filter('the destination is behind the port of entry'),
  no_other_port: filter('nowhere to flood to'),
  reserved_multicast: filter('link-local group address, never forwarded'),
  port_security: loss('more MAC addresses than port security admits'),
  storm_control: loss('over the storm control rate'),
  source_check: loss('the fabric does not know this source address on this port'),
  unknown_mac: loss('the fabric knows no such MAC and does not flood'),
  nic_filter: filter('unicast for another station, filtered by the NIC', 'OTHERHOST'),
  invalid_source_mac: loss('group or zero source MAC', 'MAC_INVALID_SOURCE'),

  // Hosts' queues and TCP
  rx_ring_full: loss('the receive ring of the NIC was full'),
  socket_backlog: loss('the backlog of a socket in use was full', 'SOCKET_BACKLOG'),
  tcp_old_data: filter('all of its data had arrived before', 'TCP_OLD_DATA'),
  tcp_over_window: loss('beyond the receive window', 'TCP_OVERWINDOW'),
  tcp_zero_window: loss('data although the receive window is closed', 'TCP_ZEROWINDOW'),
  tcp_invalid_sequence: loss('sequence number outside of the window', 'TCP_INVALID_SEQUENCE'),
  tcp_paws: loss('timestamp older than the latest', 'TCP_RFC7323_PAWS'),
  tcp_invalid_ack: loss('acknowledges what was never sent', 'TCP_ACK_UNSENT_DATA'),
  tcp_listen_overflow: loss('the accept queue of the listener was full', 'LISTEN_OVERFLOWS'),
  tcp_closed: loss('data for a connection that is closed', 'TCP_ABORT_ON_DATA'),

  // Linux devices
  other_host: filter('unicast for another station', 'OTHERHOST'),
  unhandled_protocol: filter('nobody handles this EtherType', 'UNHANDLED_PROTO'),
  bridge_port_state: filter('the bridge port does not forward'),
  bridge_no_port: filter('no other bridge port takes it'),
  packet_too_big: loss('longer than the egress device takes', 'PKT_TOO_BIG'),
  vxlan_invalid_header: loss(
    'VXLAN flags or reserved bits not as Linux wants them',
    'VXLAN_INVALID_HDR',
  ),
  vxlan_vni_not_found: loss('no device with this VNI', 'VXLAN_VNI_NOT_FOUND'),
  vxlan_no_remote: loss('no FDB entry for the destination MAC', 'VXLAN_NO_REMOTE'),
  vxlan_proxy_miss: filter('ARP proxy has no neighbour entry; never flooded'),
  vxlan_entry_exists: loss('the inner source MAC is pinned to another VTEP', 'VXLAN_ENTRY_EXISTS'),
  local_mac: loss('the source MAC is the device’s own', 'LOCAL_MAC'),
  tunnel_ecn: loss('congestion mark on a tunnelled packet that cannot carry it', 'IP_TUNNEL_ECN'),
  macvlan_broadcast_queue: loss('the macvlan broadcast queue was full', 'QUEUE_PURGE'),
  macvlan_no_child: filter('no macvlan child wants it'),
  ipvlan_backlog: loss('the queue of group frames for ipvlan children was full'),
  ipvlan_no_child: filter('no ipvlan child is up'),
  ipvlan_private: loss('ipvlan children of one parent are private'),
  openvswitch_no_action: filter('the flow has no actions', 'OVS_LAST_ACTION'),
  openvswitch_upcall: loss(
    'no flow, and user space could not be told: its queue is full or closed',
  ),
  vlan_no_device: filter('no device for this VLAN'),
  tun_ring_full: loss('the program behind the TUN device did not read in time', 'FULL_RING'),
  hop_limit: loss('too many devices in one pass', 'RECURSION_LIMIT'),

  // ARP and neighbours
  arp_ignored: filter('ARP for somebody else'),
  neighbour_failed: loss('ARP was not answered', 'NEIGH_FAILED'),
  neighbour_queue_full: loss('the queue of an unresolved neighbour overflowed', 'NEIGH_QUEUEFULL'),
  neighbour_table_full: loss('neighbour table overflow (gc_thresh3)', 'NEIGH_CREATEFAIL'),
  neighbour_dead: loss('the neighbour entry was removed', 'NEIGH_DEAD'),

  // IP
  ip_header: loss('IPv4 header wrong', 'IP_INHDR'),
  ip_checksum: loss('IPv4 header checksum wrong', 'IP_CSUM'),
  no_route: loss('no route to the destination', 'IP_OUTNOROUTES'),
  no_route_in: loss('received, but no route leads on', 'IP_INNOROUTES'),
  blackhole_route: loss('a blackhole route matched', 'IP_OUTNOROUTES'),
  forwarding_disabled: loss('the namespace does not forward', 'IP_INADDRERRORS'),
  invalid_source: loss('source address is a group or one of our own', 'IP_INVALID_SOURCE'),
  invalid_destination: loss('destination address is one of this host alone', 'IP_INVALID_DEST'),
  reverse_path: loss('reverse path filter', 'IP_RPFILTER'),
  ttl_exceeded: loss('TTL expired', 'IP_INHDR'),
  mtu_exceeded_df: loss('larger than the MTU and DF is set', 'PKT_TOO_BIG'),
  fragment_timeout: loss('fragments did not all arrive in time', 'FRAG_REASM_TIMEOUT'),
  fragment_memory: loss('too many fragments waiting', 'FRAG_FAILED'),
  fragment_overlap: loss('fragments overlap, or do not agree where the datagram ends'),
  fragment_too_far: loss('fragment of an earlier datagram of the same number', 'FRAG_TOO_FAR'),
  duplicate_fragment: loss('fragment already there', 'DUP_FRAG'),
  netfilter: loss('dropped by a rule', 'NETFILTER_DROP'),
  xfrm_policy_block: loss('an IPsec policy blocks it (XfrmOutPolBlock)', 'XFRM_POLICY'),
  xfrm_no_state: loss('no IPsec state for it (XfrmOutNoStates, XfrmInNoStates)'),
  xfrm_sequence: loss('sequence numbers of the IPsec state used up (XfrmOutStateSeqError)'),
  xfrm_replay: loss('repeated, or older than the replay window (XfrmInStateSeqError)'),
  xfrm_integrity: loss('integrity check value of ESP wrong (XfrmInStateProtoError)'),
  conntrack_full: loss('conntrack table full', 'NETFILTER_DROP'),
  nat_exhausted: loss('no free port for NAT', 'NETFILTER_DROP'),
  fib_full: loss('the router’s FIB has no room for this route'),
  punt_rate: loss('over the rate of the router’s punt path'),
  unhandled_l4: loss('no handler for this IP protocol', 'IP_NOPROTO'),

  // Transport and sockets
  no_socket: loss('no socket on this port', 'NO_SOCKET'),
  socket_buffer: loss('the socket’s receive buffer was full', 'SOCKET_RCVBUFF'),
  udp_checksum: loss('UDP checksum wrong', 'UDP_CSUM'),
  icmp_checksum: loss('ICMP checksum wrong', 'ICMP_CSUM'),
  tcp_checksum: loss('TCP checksum wrong', 'TCP_CSUM'),
  icmp_ignored: filter('ICMP message that nobody waits for', 'NOT_SPECIFIED'),

  // Programs that forward frames
  program_filter: filter('a program that forwards frames had no use for it'),
  program_drop: loss('a program that forwards frames could not send it on'),

  // Host
  backlog_full: loss('the CPU backlog was full', 'CPU_BACKLOG'),
  endless_loop: loss('forwarded round and round within one instant'),
  namespace_gone: loss('the namespace or its device was removed', 'DEV_READY'),
} as const satisfies Record<string, DropReasonInfo>

export type DropReason = keyof typeof DROP_REASONS

/** Kinds of end other than a drop, and kinds of birth: see `Ledger`. */
export function dropReasonInfo(reason: DropReason): DropReasonInfo {
  return DROP_REASONS[reason]
}
