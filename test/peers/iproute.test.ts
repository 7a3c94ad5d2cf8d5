/** Tables of a small set-up as `encap inspect` shows them and as iproute2 shows those of this kernel. */
import { execFileSync, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bridge } from '../../src/host/bridge.ts'
import { Commands } from '../../src/host/commands.ts'
import {
  type Shown,
  type ShowOptions,
  showFdb,
  showNeighbours,
  showRoutes,
} from '../../src/host/show.ts'
import { showAddresses, showLinks } from '../../src/host/show-links.ts'
import type { NetNamespace } from '../../src/stack/namespace.ts'
import { ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { mac } from '../../src/wire/mac-address.ts'
import { DeviceBench } from '../device-bench.ts'
import { peerAvailable } from './tshark.ts'

const IP = 'ip'
const ONE = `encap-${process.pid}-a`
const OTHER = `encap-${process.pid}-b`

const MACS = {
  eth0: '02:42:0a:14:00:01',
  far: '02:42:0a:14:00:02',
  br0: '02:42:0a:14:00:03',
  v1: '02:42:0a:14:00:04',
  v2: '02:42:0a:14:00:05',
  mv0: '02:42:0a:14:00:06',
  vx0: '02:42:0a:14:00:07',
  remote: '02:42:0a:14:00:08',
}

/** Of `ip -n ONE` and `bridge -n ONE`, after the namespaces are there. */
const TYPED = `
ip link add eth0 address ${MACS.eth0} type veth peer name eth0 address ${MACS.far} netns ${OTHER}
ip link add br0 address ${MACS.br0} type bridge
ip link add v1 address ${MACS.v1} type veth peer name v2 address ${MACS.v2}
ip link set v1 master br0
ip link add mv0 link eth0 address ${MACS.mv0} type macvlan mode bridge
ip link add vx0 address ${MACS.vx0} mtu 1450 type vxlan id 42 local 192.168.0.1 dev eth0 dstport 8472 nolearning
ip link set lo up
ip link set eth0 up
ip link set br0 up
ip link set v1 up
ip link set v2 up
ip link set mv0 up
ip link set vx0 up
ip addr add 192.168.0.1/16 brd + dev eth0
ip addr add 10.244.0.1/24 brd + dev br0
ip addr add 10.244.0.0/32 dev vx0
ip route add default via 192.168.0.2
ip route add 10.244.1.0/24 via 192.168.0.2 proto static metric 10
ip route add 10.244.2.0/24 via 10.244.2.0 dev vx0 onlink
ip route add blackhole 10.9.0.0/24
ip route add 10.10.0.0/24 nexthop via 192.168.0.2 nexthop via 192.168.0.3
ip neigh add 10.244.2.0 lladdr ${MACS.remote} dev vx0 nud permanent
ip neigh add 192.168.0.2 lladdr ${MACS.far} dev eth0 nud stale
bridge fdb append ${MACS.remote} dev vx0 dst 192.168.0.2
bridge fdb add ${MACS.remote} dev v1 master static
`

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Each word as an option of its own: `-j -d`. */
function ask(tool: string, options: string, words: string): string {
  return run(tool, '-n', ONE, ...options.split(' ').filter(Boolean), ...words.split(' '))
}

/** Whether namespaces and the kinds of device above can be made here; required where peers are. */
function kernelAvailable(): boolean {
  if (!peerAvailable(IP) || !peerAvailable('bridge')) return false
  const isMade = spawnSync(IP, ['netns', 'add', ONE], { stdio: 'ignore' }).status === 0
  if (isMade) run(IP, 'netns', 'del', ONE)
  else if (process.env['ENCAP_REQUIRE_PEERS'] === '1') throw new Error('no network namespaces')
  else console.warn('no network namespaces can be made: tests against iproute2 are skipped')
  return isMade
}

function setUpKernel(): void {
  for (const name of [ONE, OTHER]) {
    run(IP, 'netns', 'add', name)
    // What IPv6 sends by itself would be learned by the bridge.
    const off = 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6'
    spawnSync(IP, ['netns', 'exec', name, 'sh', '-c', off], { stdio: 'ignore' })
  }
  for (const line of TYPED.trim().split('\n')) {
    const [tool, ...words] = line.split(' ')
    run(tool!, '-n', ONE, ...words)
    if (line === 'ip link set eth0 up') run(IP, '-n', OTHER, 'link', 'set', 'eth0', 'up')
  }
}

function ourSetUp(): NetNamespace {
  const bench = new DeviceBench()
  const [one, other] = [bench.namespace('a'), bench.namespace('b')]
  const { link, addr, route, neigh } = new Commands(one)
  const eth0 = link.add({
    ...{ type: 'veth', name: 'eth0', mtu: 1500, mac: mac(MACS.eth0) },
    peer: { name: 'eth0', namespace: other, mac: mac(MACS.far) },
  })
  const bridge = link.add({ type: 'bridge', name: 'br0', mac: mac(MACS.br0) })
  link.add({
    ...{ type: 'veth', name: 'v1', mac: mac(MACS.v1) },
    peer: { name: 'v2', mac: mac(MACS.v2) },
  })
  link.master('v1', 'br0')
  link.add({ type: 'macvlan', name: 'mv0', lower: eth0, mac: mac(MACS.mv0), mode: 'bridge' })
  link.add({
    ...{ type: 'vxlan', name: 'vx0', mtu: 1450, mac: mac(MACS.vx0), lower: eth0, vni: 42 },
    ...{ local: ipv4('192.168.0.1'), dstPort: 8472, learning: false },
  })
  for (const { name } of one.devices) link.up(name)
  new Commands(other).link.up('eth0')
  addr.add('192.168.0.1/16', 'eth0')
  addr.add('10.244.0.1/24', bridge.name)
  addr.add('10.244.0.0/32', 'vx0')
  const via = ipv4('192.168.0.2')
  route.replace({ dst: prefix('0.0.0.0/0'), via })
  route.replace({ dst: prefix('10.244.1.0/24'), via, proto: 'static', metric: 10 })
  const remote = ipv4('10.244.2.0')
  route.replace({ dst: prefix('10.244.2.0/24'), via: remote, dev: 'vx0', flags: ['onlink'] })
  route.replace({ dst: prefix('10.9.0.0/24'), type: 'blackhole' })
  const nexthops = [{ via }, { via: ipv4('192.168.0.3') }]
  one.routes.add({ destination: prefix('10.10.0.0/24'), nexthops })
  neigh.replace({ dst: remote, lladdr: mac(MACS.remote), dev: 'vx0', nud: 'PERMANENT' })
  neigh.replace({ dst: via, lladdr: mac(MACS.far), dev: 'eth0', nud: 'STALE' })
  new Commands(one).fdb.replace({ lladdr: mac(MACS.remote), dev: 'vx0', dst: via })
  if (bridge instanceof Bridge) bridge.addStatic(mac(MACS.remote), bridge.ports[0]!)
  return one
}

/** Without numbers of devices, which either gave out, and without IPv6 and groups. */
function plainText(lines: readonly string[]): string[] {
  return lines
    .map((line) => line.replace(/^\d+: |@if\d+| link-net(ns|nsid) \S+/g, '').replace(/ +/g, ' '))
    .filter((line) => !/^\s+inet6|^(33:33|01:00:5e)/.test(line))
    .sort()
}

function kernelText(tool: string, options: string, words: string): string[] {
  const lines = ask(tool, options, words).split('\n').slice(0, -1)
  const isOfInet6 = (line: string, i: number) =>
    line.includes('valid_lft') && lines[i - 1]!.includes('inet6')
  return plainText(lines.filter((line, i) => !isOfInet6(line, i)))
}

type Row = Readonly<Record<string, unknown>>

/**
 * Numbers as either gave them out; what iproute2 prints from 6.8 on; and promiscuity, which a macvlan
 * child sets on a veth (it has no unicast filter), while ours count a bridge only.
 */
const IGNORED = [
  ...['ifindex', 'link_index', 'link_netnsid'],
  ...['fdb_n_learned', 'fdb_max_learned'],
  'promiscuity',
]

/** Of the kernel's row the keys that ours has, in the kernel's order, at any depth. */
function common(kernel: unknown, ours: unknown): unknown {
  if (Array.isArray(kernel) && Array.isArray(ours)) {
    return kernel.map((each, i) => common(each, ours[i]))
  }
  if (!isRow(kernel) || !isRow(ours)) return kernel
  const shared = Object.entries(kernel).filter(([key]) => key in ours && !IGNORED.includes(key))
  return Object.fromEntries(shared.map(([key, value]) => [key, common(value, ours[key])]))
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function withoutIgnored(_key: string, value: unknown): unknown {
  if (!isRow(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([key]) => !IGNORED.includes(key)))
}

function nameOf(row: Row): string {
  return `${row['ifname']} ${row['dst']} ${row['mac']} ${row['dev']} ${row['master']}`
}

const byName = (a: Row, b: Row) => (nameOf(a) < nameOf(b) ? -1 : 1)

function kernelRows(tool: string, options: string, words: string): Row[] {
  const rows = JSON.parse(ask(tool, `-j ${options}`, words)) as Row[]
  const isModelled = (each: unknown) => isRow(each) && each['family'] !== 'inet6'
  return rows
    .filter(({ mac: address }) => !/^(33:33|01:00:5e)/.test(String(address)))
    .map((row) => {
      const addresses = row['addr_info']
      return Array.isArray(addresses) ? { ...row, addr_info: addresses.filter(isModelled) } : row
    })
    .sort(byName)
}

const isAvailable = kernelAvailable()

describe.skipIf(!isAvailable)('iproute2', () => {
  let ours: NetNamespace

  beforeAll(() => {
    setUpKernel()
    ours = ourSetUp()
  })
  afterAll(() => {
    for (const name of [ONE, OTHER]) spawnSync(IP, ['netns', 'del', name])
  })

  it.each<[string, (namespace: NetNamespace, options: ShowOptions) => Shown, ShowOptions]>([
    ['ip route show', showRoutes, {}],
    ['ip route show dev eth0', showRoutes, { device: 'eth0' }],
    ['ip -d route show', showRoutes, { details: true }],
    ['ip neigh show', showNeighbours, {}],
    ['ip neigh show dev vx0', showNeighbours, { device: 'vx0' }],
    ['ip link show', showLinks, {}],
    ['ip -d link show', showLinks, { details: true }],
    ['ip link show dev mv0', showLinks, { device: 'mv0' }],
    ['ip addr show', showAddresses, {}],
    ['ip -d addr show dev br0', showAddresses, { details: true, device: 'br0' }],
    ['bridge fdb show', showFdb, {}],
    ['bridge fdb show dev vx0', showFdb, { device: 'vx0' }],
  ])('%s', (typed, show, options) => {
    const [, tool, flag = '', words] = /^(\w+) (?:(-d) )?(.*)$/.exec(typed)!
    const shown = show(ours, options)
    if (!options.details) expect(plainText(shown.lines)).toEqual(kernelText(tool!, flag, words!))
    const rows = ([...shown.json] as Row[]).sort(byName)
    const kernel = kernelRows(tool!, flag, words!)
    expect(rows.map(nameOf)).toEqual(kernel.map(nameOf))
    // As text, so that the order of the keys counts.
    const theirs = kernel.map((row, i) => JSON.stringify(common(row, rows[i])))
    expect(rows.map((row) => JSON.stringify(row, withoutIgnored))).toEqual(theirs)
  })
})
