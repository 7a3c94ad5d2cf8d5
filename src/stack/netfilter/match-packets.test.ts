import { describe, expect, it } from 'vitest'
import { Ledger } from '../../measure/ledger.ts'
import { Simulator } from '../../sim/simulator.ts'
import { ETHERTYPE_IPV4, Frame, PROTOCOL_TCP, PROTOCOL_UDP } from '../../wire/frame.ts'
import { ipv4, parseInterfaceAddress, prefix } from '../../wire/ipv4-address.ts'
import { macOf } from '../../wire/mac-address.ts'
import { NetDevice } from '../device.ts'
import { Ipset } from '../ipset/ipset.ts'
import { Kernel } from '../kernel.ts'
import { KERNEL_PROFILES } from '../kernel-profile.ts'
import {
  HOOK_FORWARD,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  NetNamespace,
} from '../namespace.ts'
import { Iptables } from './iptables.ts'
import type { Netfilter } from './netfilter.ts'

class Stub extends NetDevice {
  readonly kind = ''

  constructor(namespace: NetNamespace, name: string, number: number, address: string) {
    super(namespace, name, 1500, macOf(0x020000, number))
    this.up = true
    namespace.addDevice(this)
    namespace.addAddress(this, parseInterfaceAddress(address)!)
  }

  protected transmit(): void {}
}

interface Packet {
  readonly from?: string
  readonly to?: string
  readonly protocol?: number
  readonly sport?: number
  readonly dport?: number
}

/** A router with eth0 (10.0.0.1/24) and eth1 (10.1.0.1/24); 10.2.0.0/24 is behind eth1. */
function router(...rules: string[]) {
  const kernel = new Kernel(new Simulator('1'), new Ledger(), 'machine', KERNEL_PROFILES['6.18']!)
  const namespace = new NetNamespace(kernel, 'h1')
  const eth0 = new Stub(namespace, 'eth0', 1, '10.0.0.1/24')
  const eth1 = new Stub(namespace, 'eth1', 2, '10.1.0.1/24')
  namespace.routes.add({ destination: prefix('10.2.0.0/24'), via: ipv4('10.1.0.2') })
  namespace.routes.add({ destination: prefix('10.3.0.0/24'), type: 'blackhole' })
  const ipset = new Ipset(namespace)
  ipset.restore(`create hosts hash:ip
    add hosts 10.0.0.5
    create nets hash:net
    add nets 10.1.0.0/16
    create services hash:ip,port
    add services 10.1.0.9,tcp:80`)
  const iptables = new Iptables(namespace)
  for (const rule of rules) iptables.run(rule)
  const make = ({ from, to, protocol, sport, dport }: Packet) => {
    const frame = new Frame()
    frame.etherType = ETHERTYPE_IPV4
    frame.ipSrc = ipv4(from ?? '10.0.0.5')
    frame.ipDst = ipv4(to ?? '10.1.0.9')
    frame.protocol = protocol ?? PROTOCOL_TCP
    frame.sourcePort = sport ?? 1000
    frame.destinationPort = dport ?? 80
    frame.l3Length = 60
    frame.ttl = 64
    return frame
  }
  const run = (hook: number, packet: Packet, [input, output]: (NetDevice | null)[]) =>
    namespace.filter!.run(hook, make(packet), input ?? null, output ?? null)
  return {
    namespace,
    eth0,
    eth1,
    iptables,
    run,
    /** Whether a packet is forwarded from eth0 to eth1. */
    passes: (packet: Packet = {}) => run(HOOK_FORWARD, packet, [eth0, eth1]) !== null,
  }
}

describe('-m set', () => {
  it.each([
    ['hosts src', {}, true],
    ['hosts src', { from: '10.0.0.6' }, false],
    ['hosts dst', {}, false],
    ['nets dst', { to: '10.1.255.255' }, true],
    ['nets dst', { to: '10.2.0.0' }, false],
    ['services dst,dst', {}, true],
    ['services dst,dst', { dport: 81 }, false],
    ['services dst,src', { sport: 80, dport: 5 }, true],
    ['services dst,dst', { protocol: PROTOCOL_UDP }, false],
    ['hosts src,dst', {}, true],
  ])('%s with %j: %s', (words, packet, expected) => {
    const refused = router(`-A FORWARD -m set --match-set ${words} -j DROP`)
    expect(refused.passes(packet)).toBe(!expected)
    const allowed = router(`-A FORWARD -m set ! --match-set ${words} -j DROP`)
    expect(allowed.passes(packet)).toBe(expected)
  })

  it('wants as many dimensions as the set has', () => {
    expect(() => router('-A FORWARD -m set --match-set services dst -j DROP')).toThrow(
      'services needs 2 of src and dst',
    )
  })

  it('sees members that come later', () => {
    const { namespace, passes } = router('-A FORWARD -m set --match-set hosts src -j DROP')
    expect(passes({ from: '10.0.0.7' })).toBe(true)
    new Ipset(namespace).run('add hosts 10.0.0.7')
    expect(passes({ from: '10.0.0.7' })).toBe(false)
  })
})

it.each([
  ['--dports 80,443', { dport: 443 }, true],
  ['--dports 80,443', { dport: 444 }, false],
  ['--dports 1:79,81', { dport: 80 }, false],
  ['--sports 990:1010', {}, true],
  ['--ports 80', { sport: 80, dport: 5 }, true],
  ['--ports 80', { dport: 5 }, false],
])('-m multiport %s with %j: %s', (words, packet, expected) => {
  expect(router(`-A FORWARD -p tcp -m multiport ${words} -j DROP`).passes(packet)).toBe(!expected)
  const [option, ports] = words.split(' ')
  const inverted = router(`-A FORWARD -p tcp -m multiport ! ${option} ${ports} -j DROP`)
  expect(inverted.passes(packet)).toBe(expected)
})

describe('-m rpfilter --invert drops', () => {
  it.each([
    ['', '10.0.0.9', true],
    ['', '10.1.0.9', false],
    ['', '10.2.0.9', false],
    ['', '10.3.0.9', false],
    ['', '10.0.0.1', false],
    ['', '172.16.0.1', false],
    ['--loose', '10.2.0.9', true],
    ['--loose', '10.3.0.9', false],
    ['--loose', '172.16.0.1', false],
    ['--accept-local', '10.1.0.1', true],
  ])('with "%s" a packet from %s on eth0 passes: %s', (options, from, expected) => {
    const lab = router(`-t raw -A PREROUTING -m rpfilter ${options} --invert -j DROP`)
    expect(lab.run(HOOK_PREROUTING, { from }, [lab.eth0, null]) !== null).toBe(expected)
  })
})

it('addrtype --limit-iface-out asks for an address of the way out', () => {
  const lab = router(
    '-t mangle -A POSTROUTING -m addrtype --src-type LOCAL --limit-iface-out -j DROP',
  )
  const leaves = (from: string) => lab.run(HOOK_POSTROUTING, { from }, [null, lab.eth1]) !== null
  expect(['10.1.0.1', '10.0.0.1', '10.9.9.9'].map(leaves)).toEqual([false, true, true])
})

it('NOTRACK keeps a packet from conntrack: it is UNTRACKED, and leaves no flow', () => {
  const lab = router(
    '-t raw -A OUTPUT -p udp -j CT --notrack',
    '-A OUTPUT -m conntrack --ctstate UNTRACKED -j DROP',
  )
  const own = { from: '10.0.0.1', to: '10.0.0.9' }
  const filter = lab.namespace.filter as Netfilter
  expect(lab.run(HOOK_OUTPUT, { ...own, protocol: PROTOCOL_UDP }, [null, lab.eth0])).toBeNull()
  lab.iptables.run('-F OUTPUT')
  const sent = lab.run(HOOK_OUTPUT, { ...own, protocol: PROTOCOL_UDP }, [null, lab.eth0])!
  expect(filter.run(HOOK_POSTROUTING, sent, null, lab.eth0)).not.toBeNull()
  expect(filter.conntrack!.table.size).toBe(0)
})

it('LOG writes of a packet and lets it go on', () => {
  const lab = router(
    '-A FORWARD -j LOG --log-prefix "calico-packet: "',
    '-A FORWARD -p tcp -j DROP',
  )
  expect(lab.passes()).toBe(false)
  expect(lab.passes({ protocol: PROTOCOL_UDP })).toBe(true)
  const { log } = lab.namespace.filter as Netfilter
  expect(log).toEqual([
    'calico-packet: IN=eth0 OUT=eth1 SRC=10.0.0.5 DST=10.1.0.9 LEN=60 TTL=64 PROTO=TCP SPT=1000 DPT=80',
    'calico-packet: IN=eth0 OUT=eth1 SRC=10.0.0.5 DST=10.1.0.9 LEN=60 TTL=64 PROTO=UDP SPT=1000 DPT=80',
  ])
})
