/**
 * What CPU time goes to. A cost profile gives each stage nanoseconds a unit (an skb, a call), a segment
 * and a byte; an account sums what was spent on each.
 */
export const STAGES = [
  'context_switch',
  'wakeup',
  'interrupt',
  'timer',
  'syscall_send',
  'syscall_receive',
  'copy_in',
  'copy_out',
  'tcp_send',
  'tcp_receive',
  'tcp_ack',
  'udp_send',
  'udp_receive',
  'icmp',
  'arp',
  'ip_send',
  'ip_receive',
  'ip_forward',
  'netfilter_hook',
  'netfilter_rule',
  'conntrack',
  'conntrack_new',
  'nat',
  'bridge',
  'bridge_netfilter',
  'veth',
  'backlog',
  'vxlan_encap',
  'vxlan_decap',
  'ipip_encap',
  'ipip_decap',
  'macvlan',
  'vlan',
  'fragment',
  'reassemble',
  'gso',
  'gro',
  'checksum',
  'clone',
  'nic_transmit',
  'nic_receive',
  'cross_core',
  'openvswitch',
  'upcall',
  'user_forward',
  'secretbox',
  'tun',
  'esp_output',
  'esp_input',
] as const

export type CpuStage = (typeof STAGES)[number]

export const STAGE_CONTEXT_SWITCH = 0
export const STAGE_WAKEUP = 1
export const STAGE_INTERRUPT = 2
export const STAGE_TIMER = 3
export const STAGE_SYSCALL_SEND = 4
export const STAGE_SYSCALL_RECEIVE = 5
export const STAGE_COPY_IN = 6
export const STAGE_COPY_OUT = 7
export const STAGE_TCP_SEND = 8
export const STAGE_TCP_RECEIVE = 9
export const STAGE_TCP_ACK = 10
export const STAGE_UDP_SEND = 11
export const STAGE_UDP_RECEIVE = 12
export const STAGE_ICMP = 13
export const STAGE_ARP = 14
export const STAGE_IP_SEND = 15
export const STAGE_IP_RECEIVE = 16
export const STAGE_IP_FORWARD = 17
export const STAGE_NETFILTER_HOOK = 18
export const STAGE_NETFILTER_RULE = 19
export const STAGE_CONNTRACK = 20
export const STAGE_CONNTRACK_NEW = 21
export const STAGE_NAT = 22
export const STAGE_BRIDGE = 23
export const STAGE_BRIDGE_NETFILTER = 24
export const STAGE_VETH = 25
export const STAGE_BACKLOG = 26
export const STAGE_VXLAN_ENCAP = 27
export const STAGE_VXLAN_DECAP = 28
export const STAGE_IPIP_ENCAP = 29
export const STAGE_IPIP_DECAP = 30
export const STAGE_MACVLAN = 31
export const STAGE_VLAN = 32
export const STAGE_FRAGMENT = 33
export const STAGE_REASSEMBLE = 34
export const STAGE_GSO = 35
export const STAGE_GRO = 36
export const STAGE_CHECKSUM = 37
export const STAGE_CLONE = 38
export const STAGE_NIC_TRANSMIT = 39
export const STAGE_NIC_RECEIVE = 40
/** Data that another core has written last: what a reader pays for away from the core that received. */
export const STAGE_CROSS_CORE = 41
export const STAGE_OPENVSWITCH = 42
/** A packet that goes to a program by netlink, for no flow matched it: key and message are made. */
export const STAGE_UPCALL = 43
/** A frame through a program in user space that forwards it, beside its system calls and copies. */
export const STAGE_USER_FORWARD = 44
/** NaCl's XSalsa20 and Poly1305, in a program. */
export const STAGE_SECRETBOX = 45
/** What the driver of a TUN device adds to the system calls of the program behind it. */
export const STAGE_TUN = 46
/** Sealing a packet with ESP: headers, padding, encryption. */
export const STAGE_ESP_OUTPUT = 47
/** Opening one: its integrity is checked and its memory made writable first. */
export const STAGE_ESP_INPUT = 48
