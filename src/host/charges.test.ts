/** Where the packets of a machine with cores pay: how often each stage is charged on a known way. */
import { beforeEach, describe, expect, it } from 'vitest'
import { DeviceBench, hostDevice, made } from '../../test/device-bench.ts'
import { flatCosts } from '../../test/test-costs.ts'
import type { Machine } from '../cpu/machine.ts'
import { type CpuStage, STAGES } from '../cpu/stage.ts'
import { NANOSECOND } from '../sim/units.ts'
import type { Kernel } from '../stack/kernel.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { UdpSocket } from '../stack/udp-socket.ts'
import { ipv4, prefix } from '../wire/ipv4-address.ts'
import { mac } from '../wire/mac-address.ts'
import { Commands } from './commands.ts'
import { linkAdd } from './device-factory.ts'

const COSTS = flatCosts(1)
const PORT = 5000

let bench: DeviceBench
let received: number

beforeEach(() => {
  bench = new DeviceBench('6.18', 'charges', COSTS)
  received = 0
})

/** Does something in a thread on core 0, where all threads of these tests are, and lets happen what follows. */
function act(kernel: Kernel, action: () => void): void {
  const step = () => {
    action()
    return false
  }
  kernel.task('test', step, 0).wake()
  bench.run()
}

/** A reader of datagrams, in a thread of its own. */
function reader(namespace: NetNamespace): void {
  const socket = namespace.sockets.openUdp(PORT)!
  const task = namespace.kernel.task(
    'reader',
    () => {
      if (socket.receive() === null) return false
      received++
      return true
    },
    0,
  )
  socket.onReadable = () => task.wake()
}

/** Sends one datagram, after another one that has found the way, so that no ARP takes part. */
function sendOne(from: NetNamespace, to: string, bytes = 1000): void {
  let socket: UdpSocket
  const send = () => expect(socket.sendTo(ipv4(to), PORT, bytes)).toBeNull()
  act(from.kernel, () => {
    socket = from.sockets.openUdp()!
    send()
  })
  expect(received).toBe(1)
  const machines = new Set([bench.kernel, from.kernel].map(({ machine }) => machine!))
  for (const machine of machines) forget(machine)
  act(from.kernel, send)
  expect(received).toBe(2)
}

function forget(machine: Machine): void {
  for (const { account } of machine.cores) account.fill(0)
}

/** How often each stage was charged; scheduling and system calls are left out. */
function charged(machine: Machine = bench.kernel.machine!): Partial<Record<CpuStage, number>> {
  const counts: Partial<Record<CpuStage, number>> = {}
  STAGES.forEach((name, stage) => {
    if (['context_switch', 'wakeup', 'timer'].includes(name)) return
    const spent = machine.cores.reduce((sum, { account }) => sum + account[stage]!, 0)
    if (spent > 0) counts[name] = spent / NANOSECOND
  })
  expect(machine.unaccounted).toBe(0)
  expect(bench.ledger.imbalance()).toBe(0)
  return counts
}

/** What every datagram pays at its ends. */
const ENDS = {
  ...{ syscall_send: 1, copy_in: 1, udp_send: 1, ip_send: 1 },
  ...{ ip_receive: 1, udp_receive: 1, syscall_receive: 1, copy_out: 1 },
}

/** Namespaces a and b with b's `eth0` at the end of a's. */
function pair(): [NetNamespace, NetNamespace] {
  const [a, b] = [bench.namespace('a'), bench.namespace('b')]
  bench.join(a, b, { a: '10.0.0.1/24', b: '10.0.0.2/24' })
  return [a, b]
}

describe('a datagram is charged', () => {
  it('over a veth pair', () => {
    const [a, b] = pair()
    reader(b)
    sendOne(a, '10.0.0.2')
    expect(charged()).toEqual({ ...ENDS, veth: 1, backlog: 1 })
  })

  it('over the loopback device', () => {
    const [a] = pair()
    reader(a)
    sendOne(a, '10.0.0.1')
    expect(charged()).toEqual({ ...ENDS, backlog: 1 })
  })

  it('in fragments, which are put together again', () => {
    const [a, b] = pair()
    reader(b)
    sendOne(a, '10.0.0.2', 4000)
    expect(charged()).toEqual({
      ...ENDS,
      ...{ ip_receive: 3, fragment: 3, reassemble: 3, veth: 3, backlog: 3 },
    })
  })

  it('on a bridge with iptables: hooks, rules, a copy a flooded port', () => {
    const sw = bench.namespace('sw')
    const bridge = made(linkAdd(sw, { type: 'bridge', name: 'br0' }))
    bridge.setUp(true)
    const [a, b] = ['a', 'b', 'c'].map((name, i) => {
      const member = bench.namespace(name)
      bench.join(sw, member, { name: `p${name}`, b: `10.0.0.${i + 1}/24` })
      made(bridge.addPort(hostDevice(sw, `p${name}`)))
      return member
    })
    sw.sysctls.bridgeNfCallIptables = true
    const rules = ['-A FORWARD -s 1.2.3.4/32 -j DROP', '-A FORWARD -s 1.2.3.5/32 -j DROP']
    const table = ['*filter', ':FORWARD ACCEPT [0:0]', ...rules, 'COMMIT', '']
    new Commands(sw).iptables.restore(table.join('\n'))
    reader(b!)
    sendOne(a!, '10.0.0.2')
    const known = { veth: 2, backlog: 2, bridge: 1 }
    // FORWARD has rules; the filter table is not at PREROUTING and POSTROUTING.
    const filtered = { bridge_netfilter: 2, netfilter_hook: 1, netfilter_rule: 2 }
    expect(charged()).toEqual({ ...ENDS, ...known, ...filtered })

    bridge.fdb.flushPort(bridge.port(hostDevice(sw, 'pb'))!.number)
    forget(bench.kernel.machine!)
    act(bench.kernel, () => a!.sockets.openUdp()!.sendTo(ipv4('10.0.0.2'), PORT, 10))
    expect(charged()).toMatchObject({ bridge: 1, clone: 1, veth: 3, bridge_netfilter: 3 })
  })

  it('on a router with masquerading: the first packet of a flow more than the next', () => {
    const [a, router, b] = ['a', 'router', 'b'].map((name) => bench.namespace(name))
    bench.join(router!, a!, { name: 'eth0', a: '10.0.1.1/24', b: '10.0.1.2/24' })
    bench.join(router!, b!, { name: 'eth1', a: '10.0.2.1/24', b: '10.0.2.2/24' })
    const commands = new Commands(router!)
    commands.sysctl('net.ipv4.ip_forward', 1)
    new Commands(a!).route.replace({ dst: prefix('0.0.0.0/0'), via: ipv4('10.0.1.1') })
    const rule = '-A POSTROUTING -o eth1 -j MASQUERADE'
    const table = ['*nat', ':POSTROUTING ACCEPT [0:0]', rule, 'COMMIT', '']
    commands.iptables.restore(table.join('\n'))
    reader(b!)
    sendOne(a!, '10.0.2.2')
    const way = { ...ENDS, veth: 2, backlog: 2, ip_receive: 2, ip_forward: 1, conntrack: 1 }
    expect(charged()).toEqual({ ...way, netfilter_hook: 2, nat: 1 })

    forget(bench.kernel.machine!)
    act(bench.kernel, () => a!.sockets.openUdp()!.sendTo(ipv4('10.0.2.2'), PORT, 10))
    // Bound at PREROUTING (no rule) and at POSTROUTING (one), and rewritten there.
    expect(charged()).toEqual({
      ...way,
      ...{ netfilter_hook: 2, conntrack_new: 1, nat: 3, netfilter_rule: 1 },
    })
  })

  it('through a VXLAN tunnel between two machines, each for its part', () => {
    const other = bench.addKernel('other', COSTS)
    const hosts = [bench.namespace('h1'), bench.namespace('h2', other)] as const
    bench.join(hosts[0], hosts[1], { a: '192.168.0.1/24', b: '192.168.0.2/24' })
    hosts.forEach((host, i) => {
      const remote = ipv4(`192.168.0.${2 - i}`)
      const lower = hostDevice(host, 'eth0')
      made(linkAdd(host, { type: 'vxlan', name: 'vx', vni: 7, lower, remote })).setUp(true)
      new Commands(host).addr.add(`10.9.0.${i + 1}/24`, 'vx')
    })
    reader(hosts[1])
    sendOne(hosts[0], '10.9.0.2')
    const { ip_receive: _a, udp_receive: _b, syscall_receive: _c, copy_out: _d, ...sender } = ENDS
    forget(other.machine!)
    forget(bench.kernel.machine!)
    act(bench.kernel, () => hosts[0].sockets.openUdp()!.sendTo(ipv4('10.9.0.2'), PORT, 10))
    expect(charged()).toEqual({ ...sender, vxlan_encap: 1, ip_send: 2, veth: 1 })
    expect(charged(other.machine!)).toMatchObject({
      ...{ ip_receive: 2, udp_receive: 2, syscall_receive: 1, copy_out: 1 },
      ...{ backlog: 1, vxlan_decap: 1 },
    })
  })

  it('by macvlan: a unicast once at each end, a broadcast a copy for each child, by a thread', () => {
    const [host, other] = [bench.namespace('host'), bench.namespace('other')]
    bench.join(host, other, { b: '10.0.0.9/24' })
    const lower = hostDevice(host, 'eth0')
    const children = [1, 2, 3].map((i) => {
      const child = bench.namespace(`c${i}`)
      const device = linkAdd(child, { type: 'macvlan', name: 'eth0', lower, mode: 'bridge' })
      made(device).setUp(true)
      child.addAddress(made(device), { address: ipv4(`10.0.0.${i}`), length: 24 })
      return child
    })
    reader(children[0]!)
    sendOne(other, '10.0.0.1')
    expect(charged()).toEqual({ ...ENDS, veth: 1, backlog: 1, macvlan: 1 })

    forget(bench.kernel.machine!)
    const eth0 = hostDevice(other, 'eth0')
    act(bench.kernel, () => bench.inject(eth0, eth0.mac, mac('ff:ff:ff:ff:ff:ff')))
    // One for the queue and one a child; the parent, the children and the thread get it by the backlog.
    expect(charged()).toEqual({ clone: 4, veth: 1, backlog: 4 })
    expect(bench.ledger.dropsByReason().get('unhandled_protocol')).toBe(4)
  })
})

describe('ARP and ICMP are charged', () => {
  it('each packet where it is made and where it is read', () => {
    const [a, b] = pair()
    const socket = a.sockets.openEcho()
    const replies: number[] = []
    const task = a.kernel.task(
      'ping',
      () => {
        const frame = socket.receive()
        if (frame === null) return false
        replies.push(frame.sequence)
        return true
      },
      0,
    )
    socket.onReadable = () => task.wake()
    act(bench.kernel, () => socket.request(ipv4('10.0.0.2'), 1, 56))
    expect(replies).toEqual([1])
    expect(charged()).toEqual({
      ...{ syscall_send: 1, copy_in: 1, syscall_receive: 1, copy_out: 1 },
      ...{ arp: 4, icmp: 4, ip_send: 2, ip_receive: 2, veth: 4, backlog: 4 },
    })
    expect(b.neighbours.lookup(hostDevice(b, 'eth0'), ipv4('10.0.0.1'))?.isValid).toBe(true)
  })
})

describe('a VLAN device', () => {
  it('is charged for the tag', () => {
    const [a, b] = pair()
    const [near, far] = [a, b].map((namespace, i) => {
      const lower = hostDevice(namespace, 'eth0')
      const device = made(linkAdd(namespace, { type: 'vlan', name: 'v10', lower, id: 10 }))
      device.setUp(true)
      namespace.addAddress(device, { address: ipv4(`10.10.0.${i + 1}`), length: 24 })
      return namespace
    })
    reader(far!)
    sendOne(near!, '10.10.0.2')
    expect(charged()).toEqual({ ...ENDS, veth: 1, backlog: 1, vlan: 2 })
  })
})
