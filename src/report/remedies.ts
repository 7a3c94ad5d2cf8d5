import type { DropReason } from '../measure/drop-reason.ts'

/** What would let a packet through, by the reason for which it was dropped. */
export const REMEDIES = {
  link_down: 'Bring the link up again, or give the network a second way around it.',
  link_loss: 'Look for the cause of the loss on this link (a fault rule stands for it here).',
  bad_fcs: 'Replace the cable, the optic or the port that damages frames on this link.',
  queue_full: 'Send less, raise the rate of this link, or give its queue more room for the burst.',
  blocked_port:
    'Have the fabric pass this UDP or TCP port, or move the tunnel to one that it passes.',
  blocked_protocol:
    'Have the fabric pass this IP protocol, or use an encapsulation in UDP, or none at all.',
  partitioned: 'Mend the partition: no packet passes from this host to that one.',
  frame_too_long: 'Raise the MTU of this port, or lower that of the sender to fit it.',
  no_link: 'Connect the port; nothing is plugged in.',
  host_down: 'Bring the host up again; what ran on it has to be started anew.',
  device_down: 'Set the device up (ip link set DEVICE up), and its peer if it is one of a pair.',

  port_blocking: 'Nothing is wrong as long as the spanning tree leaves another way open.',
  vlan_not_allowed: 'Add the VLAN to this port (trunk), or send untagged on an access port.',
  same_port:
    'The switch learned the address on the port of entry: look for a moved or doubled MAC.',
  no_other_port: 'The destination is unknown and there is nobody else to ask; connect it.',
  reserved_multicast: 'Bridges never forward 01:80:c2:00:00:0X; use another group address.',
  port_security: 'Raise the number of addresses that port security admits on this port.',
  storm_control: 'Raise the storm control rate, or stop what floods.',
  source_check:
    'Register the address with the fabric, or send from an address that it knows: encapsulate.',
  unknown_mac: 'The fabric does not flood: register the address with it, or encapsulate.',
  nic_filter: 'The frame was flooded, or its MAC is out of date; compare neighbour and MAC tables.',
  invalid_source_mac: 'Give the sender a unicast MAC address that is not zero.',

  rx_ring_full:
    'The core that polls this ring is too busy: give the NIC more queues, a longer ring, or send less.',
  socket_backlog:
    'The program holds its socket too long at a time: smaller reads and writes, or larger buffers.',
  tcp_old_data: 'Nothing is wrong: the data came twice, for an acknowledgement was lost or late.',
  tcp_over_window: 'The sender ignores the receive window; look for a broken stack on the way.',
  tcp_zero_window: 'Nothing is wrong if it is a window probe: the reader does not read.',
  tcp_invalid_sequence: 'Two connections use one pair of ports, or one end has restarted.',
  tcp_paws: 'A very late duplicate, or two hosts behind one address (NAT) with other clocks.',
  tcp_invalid_ack: 'Look for a connection that was restarted: it acknowledges another one’s data.',
  tcp_listen_overflow: 'Accept faster, or raise the backlog of listen() and net.core.somaxconn.',
  tcp_closed: 'The receiver closed before it had read everything; look why it left.',

  other_host: 'The MAC is not that of this host; look at the neighbour entry of the hop before.',
  unhandled_protocol: 'Start what handles this EtherType here, or do not send it.',
  bridge_port_state: 'Set the bridge up, or wait until its port forwards.',
  bridge_no_port: 'Attach the destination to the bridge, or take isolation off its port.',
  packet_too_big:
    'Lower the MTU of the sender to that of the narrowest device; bridges and tunnels tell nobody.',
  vxlan_invalid_header: 'Both ends must speak plain VXLAN: compare flags and extensions.',
  vxlan_vni_not_found: 'Use the same VNI on both hosts, or create the device for this one.',
  vxlan_no_remote:
    'Add the FDB entry (bridge fdb append MAC dev DEVICE dst VTEP): does the daemon know the peer?',
  vxlan_proxy_miss: 'Add the neighbour entry on the VXLAN device; with proxy nothing is flooded.',
  vxlan_entry_exists: 'The address is pinned to another VTEP: remove the static FDB entry.',
  local_mac: 'Two devices have the same MAC address, or the frame came back: look for a loop.',
  tunnel_ecn: 'Have both ends of the tunnel treat ECN alike, or clear ECN at the sender.',
  macvlan_broadcast_queue: 'Send fewer broadcasts, or raise bcqueuelen of the macvlan devices.',
  macvlan_no_child: 'No child has this MAC address on this host; look where the container is.',
  ipvlan_backlog: 'Send fewer broadcasts, or use mode l3, which has none.',
  ipvlan_no_child: 'No child of this parent is up; look where the container is.',
  ipvlan_private: 'Make the network with -o ipvlan_flag=bridge if its containers are to talk.',
  openvswitch_no_action: 'A daemon wants such packets dropped; nothing is wrong.',
  openvswitch_upcall:
    'Start the daemon that answers for the datapath, or give it fewer packets without a flow.',
  program_filter: 'The daemon drops such frames on purpose; nothing is wrong.',
  program_drop: 'Look at what the daemon on this host printed: it knows no way to the destination.',
  vlan_no_device: 'Create a device for this VLAN on the interface, or send untagged.',
  tun_ring_full: 'Send less, or raise txqueuelen: one thread reads packet after packet.',
  hop_limit: 'Tunnels are stacked too deep, or lead into themselves: check the outer route.',

  arp_ignored: 'Nothing is wrong: the question was for somebody else.',
  neighbour_failed:
    'Nobody answered ARP: is the next hop up, on this segment and with this address? ' +
    'If it is behind a router, the route must name the router.',
  neighbour_queue_full: 'Send less before the neighbour is known, or raise unres_qlen_bytes.',
  neighbour_table_full: 'Raise net.ipv4.neigh.default.gc_thresh3.',
  neighbour_dead: 'The entry was removed while packets waited; try again.',

  ip_header: 'The IPv4 header is wrong; look at what made or damaged it.',
  ip_checksum: 'The IPv4 header was damaged on its way; look at the links that it passed.',
  no_route: 'Add a route to the destination in this namespace.',
  no_route_in: 'Add a route to the destination here, or send it to a hop that has one.',
  blackhole_route: 'The blackhole route is the only match: a more specific route is missing.',
  forwarding_disabled: 'Set net.ipv4.ip_forward=1, or send to an address of this namespace.',
  invalid_source: 'Send from a unicast address, and one that this host does not have itself.',
  invalid_destination: 'Send to an address of the host other than 127.0.0.0/8 and 0.0.0.0.',
  reverse_path:
    'Route the source address back by the device of entry, or set rp_filter to 2 (loose) or 0.',
  ttl_exceeded: 'Look for a routing loop; where there is none, send with a higher TTL.',
  mtu_exceeded_df:
    'Send smaller packets: lower the MTU of the sender, or let it learn the path MTU from the ' +
    'ICMP error (fragmentation needed), which no filter may drop; or send without DF.',
  fragment_timeout:
    'One fragment was lost: look for the loss, or avoid fragments by a smaller MTU.',
  fragment_memory: 'Raise net.ipv4.ipfrag_high_thresh, or avoid fragments by a smaller MTU.',
  fragment_overlap:
    'Two datagrams of one number were mixed, or a fragment was forged; avoid fragments by a smaller MTU.',
  fragment_too_far:
    'A fragment was lost before: look for the loss, or avoid fragments by a smaller MTU.',
  duplicate_fragment: 'A fragment came twice; look for what copies frames.',
  netfilter: 'Put an ACCEPT before the rule that matched, or change the policy of the chain.',
  xfrm_policy_block: 'Look which policy blocks it (ip xfrm policy), and whether it is meant to.',
  xfrm_no_state:
    'Both hosts need the state with this SPI (ip xfrm state): have keys been exchanged?',
  xfrm_sequence: 'Make new states with new keys in time, or use extended sequence numbers.',
  xfrm_replay:
    'Packets overtake each other by far: widen replay-window, or look for who repeats them.',
  xfrm_integrity: 'The two hosts have different keys for this SPI: compare ip xfrm state.',
  conntrack_full: 'Raise net.netfilter.nf_conntrack_max, or shorten the timeouts.',
  nat_exhausted: 'Give NAT more addresses or a wider range of ports.',
  fib_full: 'Aggregate routes, or use a router with a larger FIB.',
  punt_rate: 'Send less that the router itself must answer, or raise the rate of its punt path.',
  unhandled_l4: 'Load the protocol on the receiver: a tunnel device of this kind is missing there.',

  no_socket: 'Start a program that listens on this port.',
  socket_buffer: 'Raise net.core.rmem_max and the SO_RCVBUF of the receiver, or read faster.',
  udp_checksum: 'The datagram was damaged on its way; look at the links that it passed.',
  icmp_checksum: 'The message was damaged on its way; look at the links that it passed.',
  tcp_checksum: 'The segment was damaged on its way; look at the links that it passed.',
  icmp_ignored: 'Nobody waits for it: the program that asked is gone, or echo is switched off.',

  backlog_full: 'Raise net.core.netdev_max_backlog, or spread the load over more cores.',
  endless_loop: 'Two tables send the packet to each other: look for a loop of routes or bridges.',
  namespace_gone: 'The container was removed while the packet was under way; try again.',
} as const satisfies Record<DropReason, string>
