import type { StoreAddress } from '../../../control/cluster/store.ts'
import { KubeClient, KubeError } from '../../../control/kube/client.ts'
import { NodeInformer } from '../../../control/kube/informer.ts'
import { type NodeRecord, timestamp } from '../../../control/kube/node.ts'
import { Condition } from '../../../control/program/condition.ts'
import { Mailbox } from '../../../control/program/mailbox.ts'
import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import { contains, formatPrefix, type Ipv4Prefix, parsePrefix } from '../../../wire/ipv4-address.ts'
import type { MacAddress } from '../../../wire/mac-address.ts'
import type { LeaseAttributes } from '../lease-record.ts'
import { type NetworkConfig, networkConfigText, parseNetworkConfig } from '../network-config.ts'
import type { FlannelOptions } from '../options.ts'
import {
  type LeaseEvent,
  ManagerError,
  type Receive,
  type SubnetManager,
} from '../subnet-manager.ts'
import {
  annotationsOf,
  isChanged,
  isManaged,
  leaseOfNode,
  missingAnnotations,
  storedMacOf,
} from './annotations.ts'

/** For the first list of nodes (nodeControllerSyncTimeout). */
const SYNC_TIMEOUT = 600 * SECOND
/** Of reading and patching the own node. */
const POLL = 3 * SECOND
const POLL_TIMEOUT = 30 * SECOND

export interface KubeManagerOptions {
  readonly server: StoreAddress
  /** Name of the own node. */
  readonly node: string
  readonly options: FlannelOptions
}

/** Subnets by node records: each node has its own already, and nothing expires (pkg/subnet/kube). */
export class KubeManager implements SubnetManager {
  private readonly program: Program
  private readonly client: KubeClient
  private readonly informer: NodeInformer
  private readonly node: string
  private readonly options: FlannelOptions
  private readonly events: Mailbox<LeaseEvent>

  constructor(program: Program, { server, node, options }: KubeManagerOptions) {
    this.program = program
    this.client = new KubeClient(program, server)
    this.node = node
    this.options = options
    this.events = new Mailbox(program)
    this.informer = new NodeInformer(this.client, {
      added: (record) => this.tell('added', record),
      updated: (before, after) => {
        if (isChanged(before, after)) this.tell('added', after)
      },
      deleted: (record) => this.tell('removed', record),
    })
    program.spawn(this.informer.run())
  }

  private tell(type: LeaseEvent['type'], node: NodeRecord): void {
    if (!isManaged(node)) return
    const lease = leaseOfNode(node)
    if (lease instanceof ManagerError) this.program.log.push(lease.text)
    else this.events.put({ type, lease })
  }

  /** Of a file on the host (net-conf.json); what comes before it is the first list of nodes. */
  *getNetworkConfig(): Process<NetworkConfig | ManagerError> {
    if (!(yield* this.informer.waitForSync(SYNC_TIMEOUT))) {
      return new ManagerError('error waiting for nodeController to sync state')
    }
    const config = parseNetworkConfig(networkConfigText(this.options))
    return typeof config === 'string' ? new ManagerError(config) : config
  }

  storedMac(): MacAddress | null {
    const record = this.informer.get(this.node)
    return record === undefined ? null : storedMacOf(record)
  }

  *acquireLease(attributes: LeaseAttributes): Process<Ipv4Prefix | ManagerError> {
    const record = yield* this.poll(() => this.findNode())
    if (record instanceof ManagerError) return record
    const { podCIDR } = record.spec
    const subnet = parsePrefix(podCIDR ?? '')
    if (subnet === null) return new ManagerError(`node "${this.node}" pod cidr not assigned`)
    const missing = missingAnnotations(record, annotationsOf(attributes, this.options.vni))
    if (Object.keys(missing).length > 0) {
      const patched = yield* this.poll(() => this.annotate(missing))
      if (patched instanceof ManagerError) return patched
    }
    const { subnet: network } = this.options
    if (contains(network, subnet.base) && network.length <= subnet.length) return subnet
    const text = `subnet "${formatPrefix(network)}" specified in the flannel net config`
    return new ManagerError(
      `${text} doesn't contain "${podCIDR}" PodCIDR of the "${this.node}" node`,
    )
  }

  private *findNode(): Process<NodeRecord | null> {
    return this.informer.get(this.node) ?? null
  }

  private *annotate(annotations: object): Process<NodeRecord | null> {
    const done = yield* this.client.patch(this.node, { metadata: { annotations } }, 'status')
    return done instanceof KubeError ? null : done
  }

  private *poll(attempt: () => Process<NodeRecord | null>): Process<NodeRecord | ManagerError> {
    const deadline = this.program.now + POLL_TIMEOUT
    for (;;) {
      const result = yield* attempt()
      if (result !== null) return result
      if (this.program.now + POLL > deadline) {
        return new ManagerError(`timeout contacting kube-api, failed to patch node "${this.node}"`)
      }
      yield* sleep(POLL)
    }
  }

  *watchLeases(receive: Receive): Process {
    for (;;) {
      const event = yield* this.events.take()
      if (event !== null) receive({ kind: 'events', events: [event] })
    }
  }

  /** Says that the node's network is up; there is nothing to renew or to lose. */
  *completeLease(): Process {
    const now = timestamp(this.program)
    const condition = {
      type: 'NetworkUnavailable',
      status: 'False',
      lastHeartbeatTime: now,
      lastTransitionTime: now,
      reason: 'FlannelIsUp',
      message: 'Flannel is running on this node',
    }
    const patch = { status: { conditions: [condition] } }
    const done = yield* this.client.patch(this.node, patch, 'status')
    if (done instanceof KubeError) {
      this.program.log.push(`CompleteLease execute error err: ${done.text}`)
    }
    yield* new Condition(this.program).wait()
  }
}
