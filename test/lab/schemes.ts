/** The lab's schemes, set up by hand as its shell script does: no driver of ours has a part in it. */
import type { MacvlanMode } from '../../src/host/macvlan.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { hostAddress, type Lab, macOfAddress } from './lab.ts'

/** A capture point: node and device. */
export type Point = readonly [string, string]

/** What the lab records of a scheme for its probes. */
export interface Setup {
  readonly source: string
  readonly destination: string
  readonly destinationAddress: string
  /** MTU of the source's device. */
  readonly mtu: number
  /** An address of the source's network that nobody has. */
  readonly missing: string
  /** The container of the other network or tenant; absent where there is none. */
  readonly other?: string
  /** An address of the other network that the source takes, to get at it. */
  readonly intruder?: string
  readonly points: {
    readonly underlay: Point
    readonly ctr: Point
    readonly br: Point
    /** The bridge of the containers' way out, where they have one. */
    readonly gwbr?: Point
  }
}

export function baseline(lab: Lab, hosts = 2): Setup {
  lab.underlay(hosts)
  return {
    source: 'h1',
    destination: 'h2',
    destinationAddress: hostAddress(2),
    mtu: 1500,
    missing: '192.168.50.77',
    points: { underlay: ['h1', 'eth0'], ctr: ['h2', 'eth0'], br: ['sw', 'sw0'] },
  }
}

/** Containers c of network 192.168.50.0/24 and x of 192.168.60.0/24 on the same parent. */
export function macvlan(lab: Lab, mode: MacvlanMode = 'bridge', hosts = 2): Setup {
  lab.underlay(hosts)
  for (let h = 1; h <= hosts; h++) {
    for (const [kind, subnet] of [
      ['c', '192.168.50'],
      ['x', '192.168.60'],
    ] as const) {
      const address = `${subnet}.${130 + h}`
      macvlanChild(lab, h, `${kind}${h}`, mode, macOfAddress(address))
      lab.on(`${kind}${h}`).addr.add(`${address}/24`, 'eth0')
    }
  }
  return {
    source: 'c1',
    destination: 'c2',
    destinationAddress: '192.168.50.132',
    mtu: 1500,
    missing: '192.168.50.77',
    other: '192.168.60.132',
    intruder: '192.168.60.200/24',
    points: { underlay: ['h1', 'eth0'], ctr: ['c1', 'eth0'], br: ['sw', 'sw0'] },
  }
}

/** A new node whose eth0 is a macvlan child of a host's eth0. */
export function macvlanChild(
  lab: Lab,
  host: number,
  node: string,
  mode: MacvlanMode,
  address?: string,
): void {
  const { link } = lab.addNode(node)
  link.add({
    name: 'eth0',
    type: 'macvlan',
    lower: lab.device(`h${host}`, 'eth0'),
    mode,
    ...(address === undefined ? {} : { mac: lab.mac(address) }),
  })
  link.up('eth0')
}

/** A bridge cni0 with the containers c and x of one host, hairpin on, and flanneld's rules. */
function flannelHost(lab: Lab, h: number, mtu: number): void {
  const host = lab.on(`h${h}`)
  const subnet = `10.244.${h - 1}`
  lab.bridge(`h${h}`, 'cni0', mtu, `${subnet}.1/24`)
  for (const [index, node] of [`c${h}`, `x${h}`].entries()) {
    const address = `${subnet}.${2 + index}`
    const container = lab.addNode(node)
    lab.veth([`h${h}`, `veth${node}`], [node, 'eth0'], mtu, { peerMac: macOfAddress(address) })
    host.link.master(`veth${node}`, 'cni0', { hairpin: true })
    container.addr.add(`${address}/24`, 'eth0')
    lab.route(node, 'default', { via: `${subnet}.1` })
    lab.route(node, '10.244.0.0/16', { via: `${subnet}.1` })
  }
  host.iptables.restore(flannelRules(`${subnet}.0/24`), { noflush: true })
}

function flannelRules(own: string): string {
  const forward = '-m comment --comment "flanneld forward"'
  const masquerade = '-m comment --comment "flanneld masq"'
  return `*filter
:FLANNEL-FWD -
-A FORWARD ${forward} -j FLANNEL-FWD
-A FLANNEL-FWD -s 10.244.0.0/16 ${forward} -j ACCEPT
-A FLANNEL-FWD -d 10.244.0.0/16 ${forward} -j ACCEPT
COMMIT
*nat
:FLANNEL-POSTRTG -
-A POSTROUTING ${masquerade} -j FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 ${masquerade} -j RETURN
-A FLANNEL-POSTRTG -s ${own} -d 10.244.0.0/16 ${masquerade} -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 -d ${own} ${masquerade} -j RETURN
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d ${own} ${masquerade} -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 ${masquerade} -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 ${masquerade} -j MASQUERADE --random-fully
COMMIT
`
}

function flannelSetup(mtu: number): Setup {
  return {
    source: 'c1',
    destination: 'c2',
    destinationAddress: '10.244.1.2',
    mtu,
    missing: '10.244.0.77',
    other: '10.244.1.3',
    points: { underlay: ['h1', 'eth0'], ctr: ['c1', 'eth0'], br: ['h1', 'cni0'] },
  }
}

/** @param containerMtu of the containers and cni0; flannel.1 has 1450 in any case. */
export function flannelVxlan(lab: Lab, containerMtu = 1450, hosts = 2): Setup {
  lab.underlay(hosts)
  for (let h = 1; h <= hosts; h++) {
    const host = lab.on(`h${h}`)
    flannelHost(lab, h, containerMtu)
    host.link.add({
      name: 'flannel.1',
      type: 'vxlan',
      vni: 1,
      lower: lab.device(`h${h}`, 'eth0'),
      local: ipv4(hostAddress(h)),
      dstPort: 8472,
      learning: false,
      mac: lab.mac(`0e:00:00:00:00:0${h}`),
      mtu: 1450,
    })
    host.link.up('flannel.1')
    host.addr.add(`10.244.${h - 1}.0/32`, 'flannel.1')
    for (let r = 1; r <= hosts; r++) {
      if (r === h) continue
      const base = `10.244.${r - 1}.0`
      const lladdr = lab.mac(`0e:00:00:00:00:0${r}`)
      host.neigh.replace({ dst: ipv4(base), lladdr, dev: 'flannel.1', nud: 'PERMANENT' })
      host.fdb.replace({ lladdr, dev: 'flannel.1', dst: ipv4(hostAddress(r)) })
      lab.route(`h${h}`, `${base}/24`, { via: base, dev: 'flannel.1', onlink: true })
    }
  }
  return flannelSetup(containerMtu)
}

export function flannelHostgw(lab: Lab, hosts = 2): Setup {
  lab.underlay(hosts)
  for (let h = 1; h <= hosts; h++) {
    flannelHost(lab, h, 1500)
    for (let r = 1; r <= hosts; r++) {
      if (r !== h) lab.route(`h${h}`, `10.244.${r - 1}.0/24`, { via: hostAddress(r), dev: 'eth0' })
    }
  }
  return flannelSetup(1500)
}
