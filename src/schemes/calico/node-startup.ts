import type { Program } from '../../control/program/program.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import { formatIpv4 } from '../../wire/ipv4-address.ts'
import { type Datastore, DatastoreError, type Entry } from './datastore/client.ts'
import { type NodeSpec, resource } from './datastore/model.ts'
import { Ipam, type Request } from './ipam/ipam.ts'
import { IpamError } from './ipam/ipam-error.ts'
import type { NodeContext } from './node-service.ts'
import { releaseOf } from './options.ts'

/** Between attempts to reach the datastore (node/pkg/lifecycle/startup). */
const RETRY = SECOND

type Tunnel = 'ipip' | 'vxlan'

/** The first steps of calico-node: its Node resource, and addresses for its tunnels (startup, allocateip). */
export class NodeStartup {
  private readonly program: Program
  private readonly context: NodeContext
  private readonly datastore: Datastore
  private readonly ipam: Ipam
  /** Whether IPAM notes for what a tunnel's address is; until 2.6 it did not. */
  private readonly hasHandles: boolean

  constructor(program: Program, context: NodeContext) {
    this.program = program
    this.context = context
    this.datastore = context.datastore(program)
    const release = releaseOf(context.options)
    this.ipam = new Ipam(program, this.datastore, context.node, release === '3.33')
    this.hasHandles = release !== '2.6'
  }

  /** @param pools tells the CIDRs that an administrator was to make. Tries until all is done. */
  *run(pools: () => readonly string[]): Process {
    yield* this.persist(() => this.awaitPools(pools))
    yield* this.persist(() => this.ensureNode())
    for (const tunnel of ['ipip', 'vxlan'] as const) {
      yield* this.persist(() => this.ensureTunnelAddress(tunnel))
    }
    this.program.log.push('Calico node started successfully')
  }

  private *persist(attempt: () => Process<string | null>): Process {
    for (;;) {
      const failure = yield* attempt()
      if (failure === null) return
      this.program.log.push(failure)
      yield* sleep(RETRY)
    }
  }

  private *awaitPools(wanted: () => readonly string[]): Process<string | null> {
    const pools = yield* this.datastore.list('IPPool')
    if (pools instanceof DatastoreError) return `Hit error connecting to datastore: ${pools.text}`
    const known = new Set(pools.map(({ value }) => value.spec.cidr))
    const missing = wanted().find((cidr) => !known.has(cidr))
    return missing === undefined ? null : `waiting for IP pool ${missing}`
  }

  private *ensureNode(): Process<string | null> {
    const { node, nodeAddress, options } = this.context
    const asNumber = options.nodeAsNumbers[node]
    const own = {
      ipv4Address: nodeAddress,
      ...(asNumber === undefined ? {} : { asNumber }),
    }
    const known = yield* this.datastore.get('Node', node)
    if (known instanceof DatastoreError) {
      if (known.kind !== 'not-found') return known.text
      const labels = { 'kubernetes.io/hostname': node }
      const value = resource('Node', { name: node, labels }, { bgp: own })
      const made = yield* this.datastore.create('Node', node, value)
      return made instanceof DatastoreError ? made.text : null
    }
    const { bgp } = known.value.spec
    const isSame = bgp?.ipv4Address === nodeAddress && bgp.asNumber === (asNumber ?? bgp.asNumber)
    return isSame ? null : yield* this.update(known, { bgp: { ...bgp, ...own } })
  }

  private *update(known: Entry<'Node'>, changes: NodeSpec): Process<string | null> {
    const { metadata, spec } = known.value
    const value = resource('Node', metadata, { ...spec, ...changes })
    const done = yield* this.datastore.update('Node', known.key, value, known.revision)
    return done instanceof DatastoreError ? done.text : null
  }

  /** One out of a pool with that encapsulation; who has one keeps it. */
  private *ensureTunnelAddress(tunnel: Tunnel): Process<string | null> {
    const pools = yield* this.datastore.list('IPPool')
    if (pools instanceof DatastoreError) return pools.text
    const pool = pools.find(({ value: { spec } }) => {
      const mode = tunnel === 'ipip' ? spec.ipipMode : spec.vxlanMode
      return (mode ?? 'Never') !== 'Never'
    })
    if (pool === undefined) return null
    const node = yield* this.datastore.get('Node', this.context.node)
    if (node instanceof DatastoreError) return node.text
    const { spec } = node.value
    const present = tunnel === 'ipip' ? spec.bgp?.ipv4IPIPTunnelAddr : spec.ipv4VXLANTunnelAddr
    if (present !== undefined) return null
    const address = yield* this.assign(tunnel, pool.value.spec.cidr)
    if (address instanceof IpamError) return `Unable to autoassign an address: ${address.text}`
    if (tunnel === 'vxlan') return yield* this.update(node, { ipv4VXLANTunnelAddr: address })
    return yield* this.update(node, { bgp: { ...spec.bgp, ipv4IPIPTunnelAddr: address } })
  }

  private *assign(tunnel: Tunnel, pool: string): Process<string | IpamError> {
    const { node } = this.context
    if (!this.hasHandles) return yield* this.autoAssign({ handle: null, attributes: {}, pool })
    const handle = tunnelHandle(tunnel, node)
    // What an attempt before has left is given back first.
    const error = yield* this.ipam.releaseByHandle(handle)
    if (error !== null) return error
    const attributes = { node, type: `${tunnel}TunnelAddress` }
    return yield* this.autoAssign({ handle, attributes, pool })
  }

  private *autoAssign(request: Request): Process<string | IpamError> {
    const address = yield* this.ipam.autoAssign(request)
    return address instanceof IpamError ? address : formatIpv4(address)
  }
}

export function tunnelHandle(tunnel: Tunnel, node: string): string {
  return `${tunnel}-tunnel-addr-${node}`
}
