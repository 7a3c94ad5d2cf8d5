import { formatIpv4 } from '../../../../wire/ipv4-address.ts'
import type { Update } from '../../datastore/model.ts'
import type { DataplanePart, FelixContext } from '../dataplane-part.ts'
import { TunnelCluster } from './cluster.ts'
import { IpipTunnel } from './ipip-tunnel.ts'
import { tunnelMtu } from './mtu.ts'
import { VxlanTunnel } from './vxlan-tunnel.ts'

/** Chains that those of cali-INPUT, cali-OUTPUT and of the table raw jump to. */
const INPUT_CHAIN = 'cali-tunnel-input'
const OUTPUT_CHAIN = 'cali-tunnel-output'
const RAW_CHAIN = 'cali-tunnel-raw'
const IPIP_SET = 'all-hosts-net'
const VXLAN_SET = 'all-vxlan-net'
const VXLAN_VNI = 4096
const VXLAN_PORT = 4789

/** Tunnel devices, the ways into them and the rules about who may send through them. */
export class TunnelsPart implements DataplanePart {
  private readonly context: FelixContext
  private readonly cluster = new TunnelCluster()
  private readonly ipip: IpipTunnel
  private readonly vxlan: VxlanTunnel
  private isDirty = true
  needsRetry = false

  constructor(context: FelixContext) {
    const { host, node } = context
    this.context = context
    this.ipip = new IpipTunnel(host, node, this.cluster)
    this.vxlan = new VxlanTunnel(host, node, this.cluster)
  }

  onUpdate(update: Update): void {
    if (update.kind === 'FelixConfiguration' || this.cluster.take(update)) this.isDirty = true
  }

  resync(): void {
    this.isDirty = true
    this.vxlan.resync()
  }

  prepare(): void {
    if (!this.isDirty) return
    this.replaceSets()
    const { tables } = this.context
    tables.setChain('filter', INPUT_CHAIN, this.inputRules())
    tables.setChain('filter', OUTPUT_CHAIN, this.outputRules())
    tables.setChain('raw', RAW_CHAIN, this.rawRules())
  }

  private get port(): number {
    return this.context.config().vxlanPort ?? VXLAN_PORT
  }

  /** What is encapsulated is taken from nodes of the cluster only. */
  private inputRules(): string[] {
    const { ipsets } = this.context
    const fromNode = (set: string) => `-m set --match-set ${ipsets.nameOf(set)} src`
    const local = '-m addrtype --dst-type LOCAL'
    const rules: string[] = []
    if (this.cluster.isUsed('ipip')) {
      rules.push(`-p 4 ${fromNode(IPIP_SET)} ${local} -j ACCEPT`, '-p 4 -j DROP')
    }
    if (this.cluster.isUsed('vxlan')) {
      const vxlan = `-p udp -m udp --dport ${this.port}`
      rules.push(`${vxlan} ${fromNode(VXLAN_SET)} ${local} -j ACCEPT`)
      rules.push(`${vxlan} ${local} -j DROP`)
    }
    return rules
  }

  private outputRules(): string[] {
    const { ipsets } = this.context
    const toNode = (set: string) => `-m set --match-set ${ipsets.nameOf(set)} dst`
    const local = '-m addrtype --src-type LOCAL'
    const rules: string[] = []
    if (this.cluster.isUsed('ipip')) rules.push(`-p 4 ${toNode(IPIP_SET)} ${local} -j ACCEPT`)
    if (this.cluster.isUsed('vxlan')) {
      rules.push(`-p udp -m udp --dport ${this.port} ${local} ${toNode(VXLAN_SET)} -j ACCEPT`)
    }
    return rules
  }

  /** Outer packets have a source port for each flow: conntrack would fill with them. */
  private rawRules(): string[] {
    if (!this.cluster.isUsed('vxlan')) return []
    return [`-p udp -m udp --dport ${this.port} -j NOTRACK`]
  }

  private replaceSets(): void {
    const { cluster, context } = this
    const nodes = [...cluster.nodes.values()]
    const members = nodes.map(({ address }) => formatIpv4(address))
    const vteps = nodes.filter(({ vxlanAddress }) => vxlanAddress !== null)
    if (cluster.isUsed('ipip')) context.ipsets.replace(IPIP_SET, 'hash:net', members)
    else context.ipsets.remove(IPIP_SET)
    const remote = vteps.filter(({ name }) => name !== context.node)
    const addresses = remote.map(({ address }) => formatIpv4(address))
    if (cluster.isUsed('vxlan')) context.ipsets.replace(VXLAN_SET, 'hash:net', addresses)
    else context.ipsets.remove(VXLAN_SET)
  }

  applyVteps(): void {
    if (!this.isDirty) return
    const { host } = this.context
    const { vxlanVNI, vxlanMTU, ipipMTU } = this.context.config()
    this.ipip.apply(ipipMTU ?? tunnelMtu('ipip', host.nic.mtu))
    this.vxlan.applyVteps({
      vni: vxlanVNI ?? VXLAN_VNI,
      port: this.port,
      mtu: vxlanMTU ?? tunnelMtu('vxlan', host.nic.mtu),
    })
  }

  applyRoutes(): void {
    if (!this.isDirty && !this.needsRetry) return
    this.isDirty = false
    this.needsRetry = !this.vxlan.applyRoutes()
  }
}
