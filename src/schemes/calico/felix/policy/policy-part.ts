import { formatIpv4, parseIpv4 } from '../../../../wire/ipv4-address.ts'
import type { Resource, Update, WorkloadEndpointSpec } from '../../datastore/model.ts'
import type { EndpointPort, HostEndpointSpec, ProfileSpec } from '../../datastore/policy-model.ts'
import type { DataplanePart, FelixContext } from '../dataplane-part.ts'
import {
  FROM_WORKLOAD_DISPATCH,
  TO_WORKLOAD_DISPATCH,
  WORKLOAD_FROM,
  WORKLOAD_TO,
} from './chain-names.ts'
import { NAMESPACE_LABEL, protocolNumber } from './compiled-rule.ts'
import { dispatchChains, UNKNOWN_INTERFACE } from './dispatch-chains.ts'
import { EndpointIndex, type IndexedEndpoint, type NamedPort } from './endpoint-index.ts'
import { HostChains } from './host-chains.ts'
import { OwnedChains } from './owned-chains.ts'
import { PolicyChains } from './policy-chains.ts'
import { PolicyIndex, type TierPolicies } from './policy-index.ts'
import { setStaticChains } from './static-chains.ts'
import { workloadChains } from './workload-chains.ts'

const VXLAN_PORT = 4789
const ANY_DEVICE = '*'

/** An endpoint of this node: its device, its profiles, and what selectors see of it. */
interface LocalEndpoint {
  readonly device: string
  readonly profiles: readonly string[]
  readonly endpoint: IndexedEndpoint
}

/**
 * Policy in iptables and ipsets (felix/calc and felix/rules): which policies are for which endpoints of this
 * node, their chains, the members of the sets that they ask, and the way from a packet's device to the chains
 * of its endpoint. Policies that are for no endpoint here are not written.
 */
export class PolicyPart implements DataplanePart {
  private readonly context: FelixContext
  private readonly index = new EndpointIndex()
  private readonly policies = new PolicyIndex()
  private readonly profiles = new Map<string, ProfileSpec>()
  private readonly workloads = new Map<string, LocalEndpoint>()
  private readonly hostEndpoints = new Map<string, LocalEndpoint>()
  private readonly tiersOf = new Map<LocalEndpoint, readonly TierPolicies[]>()
  private readonly policyChains: PolicyChains
  private readonly workloadChains: OwnedChains
  private readonly hostChains: HostChains
  private readonly tunnels = new Set<string>()
  /** From what the static chains were made. */
  private staticState = ''
  /** Something of what endpoints and policies make together may have changed. */
  private isDirty = true
  /** Of all endpoints, not only of those that came. */
  private isStale = true

  constructor(context: FelixContext) {
    this.context = context
    this.policyChains = new PolicyChains(context.tables, context.ipsets)
    this.workloadChains = new OwnedChains(context.tables, 'filter')
    this.hostChains = new HostChains(context.tables)
  }

  onUpdate(update: Update): void {
    switch (update.kind) {
      case 'WorkloadEndpoint':
        this.onWorkload(update.key, update.value)
        return
      case 'HostEndpoint':
        this.onHostEndpoint(update.key, update.value)
        return
      case 'Profile':
        this.onProfile(update.key, update.value?.spec ?? null)
        return
      case 'NetworkPolicy':
      case 'GlobalNetworkPolicy':
        this.policies.onPolicy(update)
        this.isDirty = this.isStale = true
        return
      case 'Tier':
        this.policies.onTier(update)
        this.isDirty = this.isStale = true
        return
      case 'Node':
        if (update.key === this.context.node) this.onNode(update.value)
        return
      default:
    }
  }

  private onWorkload(key: string, value: Resource<'WorkloadEndpoint'> | null): void {
    const endpoint = value === null ? null : indexedWorkload(value)
    this.index.set(key, endpoint)
    const isLocal = value?.spec.node === this.context.node
    this.setLocal(this.workloads, key, endpoint, isLocal ? value.spec.interfaceName : null)
  }

  private onHostEndpoint(key: string, value: Resource<'HostEndpoint'> | null): void {
    const endpoint = value === null ? null : indexedHost(value)
    this.index.set(key, endpoint)
    const device = value?.spec.node === this.context.node ? this.hostDevice(value.spec) : null
    this.setLocal(this.hostEndpoints, key, endpoint, device)
  }

  /** @param device null = the endpoint is none of this node's. */
  private setLocal(
    locals: Map<string, LocalEndpoint>,
    key: string,
    endpoint: IndexedEndpoint | null,
    device: string | null,
  ): void {
    const before = locals.get(key)
    if (before !== undefined) {
      locals.delete(key)
      this.tiersOf.delete(before)
      this.isDirty = true
    }
    if (endpoint === null || device === null) return
    locals.set(key, { device, profiles: endpoint.profiles, endpoint })
    this.isDirty = true
  }

  /** The device that a host endpoint means: by its name, or by an address that it has. */
  private hostDevice({ interfaceName, expectedIPs = [] }: HostEndpointSpec): string | null {
    if (interfaceName !== undefined) return interfaceName
    const expected = expectedIPs.map((text) => parseIpv4(text))
    const found = this.context.host.root.devices.find((device) =>
      device.addresses.some(({ address }) => expected.includes(address)),
    )
    return found?.name ?? null
  }

  private onProfile(name: string, spec: ProfileSpec | null): void {
    this.index.setProfile(name, spec?.labelsToApply ?? null)
    if (spec === null) this.profiles.delete(name)
    else this.profiles.set(name, spec)
    // Labels that are inherited may bring other policies to an endpoint.
    this.isDirty = this.isStale = true
  }

  private onNode(node: Resource<'Node'> | null): void {
    this.tunnels.clear()
    if (node?.spec.bgp?.ipv4IPIPTunnelAddr !== undefined) this.tunnels.add('tunl0')
    if (node?.spec.ipv4VXLANTunnelAddr !== undefined) this.tunnels.add('vxlan.calico')
    this.isDirty = true
  }

  prepare(): void {
    this.setStatic()
    if (this.isDirty) this.resolve()
    const { ipsets } = this.context
    for (const id of this.index.keep(this.policyChains.sets)) ipsets.remove(id)
    for (const { spec, members } of this.index.takeChanged()) {
      ipsets.replace(spec.id, spec.type, members)
    }
  }

  private setStatic(): void {
    const { tables } = this.context
    const { defaultEndpointToHostAction: action = 'Drop' } = this.context.config()
    const state = [action, ...this.tunnels].join()
    if (state === this.staticState) return
    this.staticState = state
    setStaticChains(tables, { action, tunnels: [...this.tunnels] })
  }

  private resolve(): void {
    if (this.isStale) this.tiersOf.clear()
    this.isDirty = this.isStale = false
    const locals = [...this.workloads.values()]
    const hosts = [...this.hostEndpoints.values()]
    const tiers = [...locals, ...hosts].flatMap((local) => this.tiers(local))
    const profiles = new Set([...locals, ...hosts].flatMap((local) => local.profiles))
    this.policyChains.set(
      tiers.flatMap(({ policies }) => policies),
      [...profiles].flatMap((name) => {
        const spec = this.profiles.get(name)
        return spec === undefined ? [] : [{ name, spec }]
      }),
    )
    this.setWorkloadChains(locals)
    this.hostChains.set(
      hosts.map((local) => ({
        device: local.device === ANY_DEVICE ? null : local.device,
        profiles: this.present(local.profiles),
        tiers: this.tiers(local),
      })),
    )
  }

  private tiers(local: LocalEndpoint): readonly TierPolicies[] {
    const known = this.tiersOf.get(local)
    if (known !== undefined) return known
    const tiers = this.policies.forEndpoint(this.index.labelsOf(local.endpoint))
    this.tiersOf.set(local, tiers)
    return tiers
  }

  /** A profile that the datastore does not have allows nothing, and has no chain to go to. */
  private present(profiles: readonly string[]): string[] {
    return profiles.filter((name) => this.profiles.has(name))
  }

  private setWorkloadChains(locals: readonly LocalEndpoint[]): void {
    const devices = locals.map(({ device }) => device)
    const end = UNKNOWN_INTERFACE
    const chains = new Map([
      ...dispatchChains(
        { chain: FROM_WORKLOAD_DISPATCH, way: 'in', prefix: WORKLOAD_FROM, end },
        devices,
      ),
      ...dispatchChains(
        { chain: TO_WORKLOAD_DISPATCH, way: 'out', prefix: WORKLOAD_TO, end },
        devices,
      ),
    ])
    const vxlanPort = this.context.config().vxlanPort ?? VXLAN_PORT
    for (const local of locals) {
      const profiles = this.present(local.profiles)
      const tiers = this.tiers(local)
      for (const [name, rules] of workloadChains(local.device, tiers, profiles, vxlanPort)) {
        chains.set(name, rules)
      }
    }
    this.workloadChains.set(chains)
  }
}

/** A resource is never changed, only replaced; every host of a cluster has them all. */
const indexedWorkloads = new WeakMap<Resource<'WorkloadEndpoint'>, IndexedEndpoint>()

function indexedWorkload(workload: Resource<'WorkloadEndpoint'>): IndexedEndpoint {
  const known = indexedWorkloads.get(workload)
  if (known !== undefined) return known
  const { metadata, spec } = workload
  const { namespace, labels = {} } = metadata
  const endpoint = {
    labels: namespace === undefined ? labels : { [NAMESPACE_LABEL]: namespace, ...labels },
    profiles: spec.profiles,
    addresses: addressesOf(spec),
    ports: namedPorts(spec.ports),
  }
  indexedWorkloads.set(workload, endpoint)
  return endpoint
}

function addressesOf({ ipNetworks }: WorkloadEndpointSpec): string[] {
  return ipNetworks.map((text) => text.slice(0, text.indexOf('/')))
}

function indexedHost({ metadata, spec }: Resource<'HostEndpoint'>): IndexedEndpoint {
  const addresses = (spec.expectedIPs ?? []).map((text) => formatIpv4(parseIpv4(text)!))
  const ports = namedPorts(spec.ports)
  return { labels: metadata.labels ?? {}, profiles: spec.profiles ?? [], addresses, ports }
}

function namedPorts(ports: readonly EndpointPort[] = []): NamedPort[] {
  return ports.map(({ name, protocol, port }) => ({
    name,
    protocol: protocolNumber(protocol),
    port,
  }))
}
