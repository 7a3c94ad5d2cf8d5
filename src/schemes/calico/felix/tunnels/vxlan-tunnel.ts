import type { Host } from '../../../../host/host.ts'
import { Vxlan } from '../../../../host/vxlan.ts'
import type { Route, RouteSpec } from '../../../../stack/route-table.ts'
import { contains, formatPrefix, type Ipv4Prefix } from '../../../../wire/ipv4-address.ts'
import { formatMac } from '../../../../wire/mac-address.ts'
import type { Placement, TunnelCluster, TunnelNode } from './cluster.ts'
import { configureTunnel } from './tunnel-device.ts'

const VXLAN_DEVICE = 'vxlan.calico'
/** Felix's routes (RTPROT 80). */
const PROTOCOL = '80'

export interface VxlanSettings {
  readonly vni: number
  readonly port: number
  readonly mtu: number
}

/** vxlan.calico with its VTEPs, and Felix's routes into VXLAN pools (vxlan_mgr.go, vxlan_fdb). */
export class VxlanTunnel {
  private readonly host: Host
  private readonly node: string
  private readonly cluster: TunnelCluster
  /** The VTEPs in the kernel, by node. */
  private readonly vteps = new Map<string, TunnelNode>()

  constructor(host: Host, node: string, cluster: TunnelCluster) {
    this.host = host
    this.node = node
    this.cluster = cluster
  }

  private get device(): Vxlan | null {
    const device = this.host.root.device(VXLAN_DEVICE)
    return device instanceof Vxlan ? device : null
  }

  /** Device, neighbours and FDB entries that are to be there. */
  applyVteps(settings: VxlanSettings): void {
    const self = this.cluster.nodes.get(this.node)
    if (!this.cluster.isUsed('vxlan') || self === undefined) return
    const device = this.ensureDevice(self, settings)
    configureTunnel(this.host, device, settings.mtu, self.vxlanAddress)
    for (const peer of this.peers()) this.addVtep(peer)
  }

  private ensureDevice(self: TunnelNode, { vni, port, mtu }: VxlanSettings): Vxlan {
    const { host, device } = this
    if (device !== null && device.options.vni === vni && device.mac === self.vxlanMac) return device
    if (device !== null) host.commands.link.delete(VXLAN_DEVICE)
    host.commands.link.add({
      name: VXLAN_DEVICE,
      type: 'vxlan',
      vni,
      local: self.address,
      lower: host.nic,
      dstPort: port,
      learning: false,
      mac: self.vxlanMac,
      mtu,
    })
    return this.device!
  }

  private peers(): TunnelNode[] {
    return [...this.cluster.nodes.values()].filter(
      ({ name, vxlanAddress }) => name !== this.node && vxlanAddress !== null,
    )
  }

  private addVtep(peer: TunnelNode): void {
    const { fdb, neigh } = this.host.commands
    const known = this.vteps.get(peer.name)
    if (known !== undefined && isSameVtep(known, peer)) return
    if (known !== undefined) this.removeVtep(known)
    this.vteps.set(peer.name, peer)
    const { vxlanMac: lladdr, vxlanAddress, address } = peer
    neigh.replace({ dst: vxlanAddress!, lladdr, dev: VXLAN_DEVICE, nud: 'PERMANENT' })
    fdb.replace({ lladdr, dev: VXLAN_DEVICE, dst: address })
  }

  private removeVtep({ name, vxlanAddress, vxlanMac, address }: TunnelNode): void {
    const { fdb, neigh } = this.host.commands
    this.vteps.delete(name)
    if (this.device === null) return
    neigh.delete(vxlanAddress!, VXLAN_DEVICE)
    fdb.delete(vxlanMac, VXLAN_DEVICE, address)
  }

  /** Has all of it written again: somebody may have changed it. */
  resync(): void {
    this.vteps.clear()
  }

  /** @returns whether all went in. VTEPs that nothing leads to any more go last. */
  applyRoutes(): boolean {
    const { routes } = this.host.root
    const wanted = this.wantedRoutes()
    const present = new Map<string, Route>()
    for (const route of routes.routes()) {
      if (!isFelix(route)) continue
      const key = formatPrefix(route.destination)
      if (wanted.has(key)) present.set(key, route)
      else routes.delete(route.destination)
    }
    let isComplete = true
    for (const [key, spec] of wanted) {
      if (isAsWanted(present.get(key), spec)) continue
      if (routes.replace(spec) !== null) isComplete = false
    }
    this.removeStale()
    return isComplete
  }

  private removeStale(): void {
    const peers = new Set(this.peers().map(({ name }) => name))
    for (const vtep of [...this.vteps.values()]) if (!peers.has(vtep.name)) this.removeVtep(vtep)
    this.removeLeftOvers()
    if (this.cluster.isUsed('vxlan') || this.device === null) return
    this.host.commands.link.delete(VXLAN_DEVICE)
    this.vteps.clear()
  }

  /** FDB entries and neighbours of an earlier life, of nodes that have gone meanwhile. */
  private removeLeftOvers(): void {
    const { device, host } = this
    if (device === null) return
    const { now } = host.kernel.simulator
    const macs = new Set([...this.vteps.values()].map(({ vxlanMac }) => vxlanMac))
    for (const { mac, dst } of device.fdb.entries(now)) {
      if (!macs.has(mac)) host.commands.fdb.delete(mac, VXLAN_DEVICE, dst)
    }
    const addresses = new Set([...this.vteps.values()].map(({ vxlanAddress }) => vxlanAddress))
    for (const neighbour of [...host.root.neighbours.entries()]) {
      const { address, state } = neighbour
      if (neighbour.device !== device || state !== 'PERMANENT' || addresses.has(address)) continue
      host.commands.neigh.delete(address, VXLAN_DEVICE)
    }
  }

  private wantedRoutes(): Map<string, RouteSpec> {
    const self = this.cluster.nodes.get(this.node)
    const wanted = new Map<string, RouteSpec>()
    if (self === undefined) return wanted
    for (const placement of this.cluster.placements()) {
      const spec = this.routeTo(placement, self)
      if (spec !== null) wanted.set(formatPrefix(placement.net), spec)
    }
    return wanted
  }

  /** Null where there is no way yet, and where an endpoint's own route leads. */
  private routeTo({ net, node, pool }: Placement, self: TunnelNode): RouteSpec | null {
    const head = { destination: net, protocol: PROTOCOL }
    if (node === this.node) return this.blackhole(net)
    const owner = this.cluster.nodes.get(node)
    if (owner === undefined) return null
    const isNear = contains(self.subnet, owner.address)
    if (pool.vxlanMode === 'CrossSubnet' && isNear) {
      return { ...head, via: owner.address, device: this.host.nic }
    }
    const { device } = this
    if (device === null || !this.vteps.has(node)) return null
    return { ...head, via: owner.vxlanAddress!, device, onlink: true }
  }

  /** Against loops of what nobody has: unless BIRD has one there. */
  private blackhole(net: Ipv4Prefix): RouteSpec | null {
    const present = this.host.root.routes.exact(net)
    if (net.length === 32 || present?.protocol === 'bird') return null
    return { destination: net, type: 'blackhole', protocol: PROTOCOL }
  }
}

function isSameVtep(a: TunnelNode, b: TunnelNode): boolean {
  return (
    a.address === b.address &&
    a.vxlanAddress === b.vxlanAddress &&
    formatMac(a.vxlanMac) === formatMac(b.vxlanMac)
  )
}

/** A route of this part: into the tunnel, to a node nearby, or into nothing. */
function isFelix({ protocol, via, type }: Route): boolean {
  return protocol === PROTOCOL && (via !== null || type === 'blackhole')
}

function isAsWanted(present: Route | undefined, wanted: RouteSpec): boolean {
  return (
    present !== undefined &&
    present.type === (wanted.type ?? 'unicast') &&
    present.via === (wanted.via ?? null) &&
    present.device === (wanted.device ?? null)
  )
}
