import type { CpuStage } from '../cpu/stage.ts'
import type { CpuResult } from '../study/result.ts'

/** What CPU time goes to, as reports tell it: the stages of a cost profile are too many for a terminal. */
export const CPU_GROUPS = [
  'syscalls and copies',
  'wake-ups and timers',
  'TCP and UDP',
  'IP and routing',
  'netfilter',
  'virtual devices',
  'encapsulation',
  'GSO/GRO/checksum',
  'NIC driver',
  'user space',
] as const

export type CpuGroup = (typeof CPU_GROUPS)[number]

const GROUP_OF: Readonly<Record<CpuStage, CpuGroup>> = {
  syscall_send: 'syscalls and copies',
  syscall_receive: 'syscalls and copies',
  copy_in: 'syscalls and copies',
  copy_out: 'syscalls and copies',
  context_switch: 'wake-ups and timers',
  wakeup: 'wake-ups and timers',
  timer: 'wake-ups and timers',
  cross_core: 'syscalls and copies',
  upcall: 'syscalls and copies',
  interrupt: 'wake-ups and timers',
  tcp_send: 'TCP and UDP',
  tcp_receive: 'TCP and UDP',
  tcp_ack: 'TCP and UDP',
  udp_send: 'TCP and UDP',
  udp_receive: 'TCP and UDP',
  icmp: 'TCP and UDP',
  arp: 'IP and routing',
  ip_send: 'IP and routing',
  ip_receive: 'IP and routing',
  ip_forward: 'IP and routing',
  fragment: 'IP and routing',
  reassemble: 'IP and routing',
  netfilter_hook: 'netfilter',
  netfilter_rule: 'netfilter',
  conntrack: 'netfilter',
  conntrack_new: 'netfilter',
  nat: 'netfilter',
  bridge_netfilter: 'netfilter',
  bridge: 'virtual devices',
  veth: 'virtual devices',
  tun: 'virtual devices',
  backlog: 'virtual devices',
  macvlan: 'virtual devices',
  vlan: 'virtual devices',
  clone: 'virtual devices',
  openvswitch: 'virtual devices',
  vxlan_encap: 'encapsulation',
  vxlan_decap: 'encapsulation',
  ipip_encap: 'encapsulation',
  ipip_decap: 'encapsulation',
  esp_output: 'encapsulation',
  esp_input: 'encapsulation',
  gso: 'GSO/GRO/checksum',
  gro: 'GSO/GRO/checksum',
  checksum: 'GSO/GRO/checksum',
  nic_transmit: 'NIC driver',
  nic_receive: 'NIC driver',
  user_forward: 'user space',
  secretbox: 'user space',
}

/** Sums a record by stage, in the order of the groups; empty ones are left out. */
export function byGroup(
  stages: Readonly<Partial<Record<CpuStage, number>>>,
): ReadonlyMap<CpuGroup, number> {
  const sums = new Map<CpuGroup, number>()
  for (const group of CPU_GROUPS) {
    let sum = 0
    for (const [stage, spent] of Object.entries(stages)) {
      if (GROUP_OF[stage as CpuStage] === group) sum += spent
    }
    if (sum > 0) sums.set(group, sum)
  }
  return sums
}

/** Cores busy on average with each group, on the machines of both sides. */
export function groupsOf({ isShared, senders, receivers }: CpuResult): Map<CpuGroup, number> {
  const sums = new Map(byGroup(senders.stages))
  if (isShared) return sums
  for (const [group, spent] of byGroup(receivers.stages)) {
    sums.set(group, (sums.get(group) ?? 0) + spent)
  }
  return sums
}
