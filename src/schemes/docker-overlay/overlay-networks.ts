import type { Host } from '../../host/host.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { NetworkSandbox, type SandboxPlan } from './network-sandbox.ts'
import type { DockerOverlayOptions } from './options.ts'
import { type Peer, type PeerChanges, PeerTable } from './peer-table.ts'

/** A network's namespace on a host and how many endpoints of the host are in it. */
interface ActiveSandbox {
  readonly sandbox: NetworkSandbox
  joins: number
}

/** What the overlay driver has of its networks on one host: namespaces, and peers of those without one too. */
export class OverlayNetworks {
  readonly host: Host
  private readonly version: DockerOverlayOptions['version']
  /** By network. */
  private readonly tables = new Map<string, PeerTable>()
  private readonly sandboxes = new Map<string, ActiveSandbox>()
  /** Told of peers in a subnet whose VNI is not known yet. */
  onUnclaimed: (network: string, peer: Peer) => void = () => {}

  constructor(host: Host, version: DockerOverlayOptions['version']) {
    this.host = host
    this.version = version
  }

  /** The namespaces that are there. */
  get active(): readonly NetworkSandbox[] {
    return [...this.sandboxes.values()].map(({ sandbox }) => sandbox)
  }

  get known(): readonly (readonly [string, PeerTable])[] {
    return [...this.tables]
  }

  sandbox(network: string): NetworkSandbox | undefined {
    return this.sandboxes.get(network)?.sandbox
  }

  /** The network's namespace for one endpoint more; a new one gets all peers that are known. */
  enter(plan: SandboxPlan): NetworkSandbox {
    const known = this.sandboxes.get(plan.network)
    if (known !== undefined) {
      known.joins++
      known.sandbox.learn(plan.segments)
      return known.sandbox
    }
    const sandbox = new NetworkSandbox(this.host, plan)
    this.sandboxes.set(plan.network, { sandbox, joins: 1 })
    for (const peer of this.tableOf(plan.network).peers) {
      if (!peer.isLocal) this.addTo(sandbox, plan.network, peer)
    }
    return sandbox
  }

  /** One endpoint less; with the last the namespace goes. @returns whether it was the last. */
  exit(network: string): boolean {
    const active = this.sandboxes.get(network)
    if (active === undefined || --active.joins > 0) return false
    this.sandboxes.delete(network)
    active.sandbox.destroy()
    return true
  }

  tableOf(network: string): PeerTable {
    const known = this.tables.get(network)
    if (known !== undefined) return known
    const table = new PeerTable(this.version)
    this.tables.set(network, table)
    return table
  }

  find(network: string, address: Ipv4Address): Peer | null {
    return this.tables.get(network)?.find(address) ?? null
  }

  /** @returns what has come of it. */
  add(network: string, peer: Peer): PeerChanges {
    return this.tellKernel(network, this.tableOf(network).add(peer))
  }

  remove(network: string, peer: Peer): void {
    this.tellKernel(network, this.tableOf(network).remove(peer))
  }

  /** Forgets all peers of a network that the host is in no more. */
  flush(network: string): void {
    this.tables.delete(network)
  }

  private tellKernel(network: string, changes: PeerChanges): PeerChanges {
    const { removed, added } = changes
    const sandbox = this.sandbox(network)
    if (sandbox === undefined) return changes
    if (removed !== null && !removed.isLocal) sandbox.removePeer(removed)
    if (added !== null && !added.isLocal) this.addTo(sandbox, network, added)
    return changes
  }

  private addTo(sandbox: NetworkSandbox, network: string, peer: Peer): void {
    if (sandbox.lacksVni(peer.address)) this.onUnclaimed(network, peer)
    else sandbox.addPeer(peer)
  }
}
