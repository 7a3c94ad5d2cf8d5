/** A swarm's overlay networks in the lab, set up by hand as its shell script does. */
import type { Commands } from '../../src/host/commands.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { hostAddress, type Lab, macOfAddress } from './lab.ts'
import type { Setup } from './schemes.ts'

export interface OverlayOptions {
  readonly containerMtu: number
  readonly bridgeMtu: number
  readonly vxlanMtu: number
  /** `df set` on the VXLAN device: DF on the outer packets. */
  readonly df?: boolean
  /** Whether bridged packets meet the rules of the overlay's namespace. */
  readonly brNetfilter?: boolean
}

/** As the overlay driver sets itself up on an underlay of 1500. */
const OVERLAY: OverlayOptions = { containerMtu: 1450, bridgeMtu: 1450, vxlanMtu: 1450 }

/** A network of the swarm: containers c of 10.0.1.0/24 in namespaces ov, x of 10.0.2.0/24 in ob. */
interface OverlayNetwork {
  readonly containers: 'c' | 'x'
  readonly namespaces: 'ov' | 'ob'
  readonly vni: number
  readonly subnet: string
  /** The container's address on docker_gwbridge. */
  readonly gateway: string
}

const NETWORKS: readonly OverlayNetwork[] = [
  { containers: 'c', namespaces: 'ov', vni: 4097, subnet: '10.0.1', gateway: '172.18.0.2' },
  { containers: 'x', namespaces: 'ob', vni: 4098, subnet: '10.0.2', gateway: '172.18.0.3' },
]

/**
 * Networks as a swarm's overlay driver lays them: on each host a namespace with a bridge and a VXLAN
 * device, in which every peer stands as a static neighbour and FDB entry; docker_gwbridge is the
 * containers' way out.
 */
export function dockerOverlay(lab: Lab, options = OVERLAY, hosts = 2): Setup {
  lab.underlay(hosts)
  for (let h = 1; h <= hosts; h++) {
    lab.bridge(`h${h}`, 'docker_gwbridge', 1500, '172.18.0.1/16')
    lab.on(`h${h}`).iptables.restore(GATEWAY_RULES, { noflush: true })
    for (const network of NETWORKS) overlayMember(lab, h, network, options, hosts)
  }
  return {
    source: 'c1',
    destination: 'c2',
    destinationAddress: '10.0.1.12',
    mtu: options.containerMtu,
    missing: '10.0.1.77',
    other: '10.0.2.12',
    intruder: '10.0.2.200/24',
    points: {
      underlay: ['h1', 'eth0'],
      ctr: ['c1', 'eth0'],
      br: ['ov1', 'br0'],
      gwbr: ['h1', 'docker_gwbridge'],
    },
  }
}

const GATEWAY_RULES = `*filter
:FORWARD DROP
:DOCKER-USER -
:DOCKER -
:DOCKER-ISOLATION-STAGE-1 -
:DOCKER-ISOLATION-STAGE-2 -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker_gwbridge -j DOCKER
-A FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT
-A FORWARD -i docker_gwbridge -o docker_gwbridge -j DROP
-A DOCKER-ISOLATION-STAGE-1 -i docker_gwbridge ! -o docker_gwbridge -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker_gwbridge -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
-A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE
COMMIT
`

function overlayMember(
  lab: Lab,
  h: number,
  network: OverlayNetwork,
  options: OverlayOptions,
  hosts: number,
): void {
  const { containers, namespaces, subnet, gateway } = network
  const node = `${containers}${h}`
  const place = `${namespaces}${h}`
  const { containerMtu, brNetfilter } = options
  const address = `${subnet}.${10 + h}`
  const overlay = overlayNamespace(lab, h, network, options)
  const container = lab.addNode(node)
  lab.veth([place, 'veth0'], [node, 'eth0'], containerMtu, { peerMac: macOfAddress(address) })
  overlay.link.master('veth0', 'br0')
  container.addr.add(`${address}/24`, 'eth0')
  if (brNetfilter === false) overlay.sysctl('net.bridge.bridge-nf-call-iptables', 0)
  for (let r = 1; r <= hosts; r++) {
    if (r === h) continue
    const peer = `${subnet}.${10 + r}`
    const lladdr = lab.mac(macOfAddress(peer))
    overlay.neigh.replace({ dst: ipv4(peer), lladdr, dev: 'vxlan0', nud: 'PERMANENT' })
    overlay.fdb.replace({ lladdr, dev: 'vxlan0', dst: ipv4(hostAddress(r)) })
  }
  const port = `vgw-${node}`
  lab.veth([`h${h}`, port], [node, 'eth1'], 1500, { peerMac: macOfAddress(gateway) })
  lab.on(`h${h}`).link.master(port, 'docker_gwbridge')
  container.addr.add(`${gateway}/16`, 'eth1')
  lab.route(node, 'default', { via: '172.18.0.1' })
}

function overlayNamespace(
  lab: Lab,
  h: number,
  { namespaces, vni, subnet }: OverlayNetwork,
  { bridgeMtu, vxlanMtu, df }: OverlayOptions,
): Commands {
  const node = `${namespaces}${h}`
  const overlay = lab.addNode(node)
  // Its outer packets belong to the host's namespace, where it is made and whence it is moved.
  overlay.link.add({
    name: 'vxlan0',
    type: 'vxlan',
    underlay: lab.namespace(`h${h}`),
    vni,
    dstPort: 4789,
    proxy: true,
    learning: true,
    l2miss: true,
    l3miss: true,
    ...(df === true ? { df: 'set' as const } : {}),
    mtu: vxlanMtu,
  })
  lab.bridge(node, 'br0', bridgeMtu, `${subnet}.1/24`)
  overlay.link.master('vxlan0', 'br0')
  overlay.link.up('vxlan0')
  return overlay
}
