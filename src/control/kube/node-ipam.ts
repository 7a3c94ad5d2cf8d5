import { type Process, sleep } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import { formatPrefix, type Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { StoreAddress } from '../cluster/store.ts'
import { Mailbox } from '../program/mailbox.ts'
import type { Program } from '../program/program.ts'
import { KubeClient, KubeError } from './client.ts'
import { NodeInformer } from './informer.ts'
import type { NodeRecord } from './node.ts'

/** After a patch that failed. */
const RETRY = SECOND
const HTTP_NOT_FOUND = 404

export interface NodeIpamOptions {
  /** `--cluster-cidr`. */
  readonly clusterCidr: Ipv4Prefix
  /** `--node-cidr-mask-size`. */
  readonly maskSize: number
}

/** kube-controller-manager's node IPAM: each node gets the next block, in the order in which they come. */
export class NodeIpam {
  private readonly options: NodeIpamOptions
  private readonly client: KubeClient
  private readonly queue: Mailbox<NodeRecord>
  private readonly program: Program
  /** Blocks by node. */
  private readonly given = new Map<string, string>()

  constructor(program: Program, server: StoreAddress, options: NodeIpamOptions) {
    this.program = program
    this.options = options
    this.client = new KubeClient(program, server)
    this.queue = new Mailbox(program)
  }

  start(): void {
    const informer = new NodeInformer(this.client, {
      added: (node) => this.queue.put(node),
      updated: () => {},
      deleted: ({ metadata }) => this.given.delete(metadata.name),
    })
    this.program.spawn(informer.run())
    this.program.spawn(this.work())
  }

  private *work(): Process {
    for (;;) {
      const node = yield* this.queue.take()
      if (node === null) continue
      const { name } = node.metadata
      if (node.spec.podCIDR !== undefined) this.given.set(name, node.spec.podCIDR)
      else yield* this.assign(name)
    }
  }

  private *assign(name: string): Process {
    const podCIDR = this.firstFree()
    if (podCIDR === null) {
      this.program.log.push(`CIDRNotAvailable: no CIDR is left for ${name}`)
      return
    }
    this.given.set(name, podCIDR)
    for (;;) {
      const patch = { spec: { podCIDR, podCIDRs: [podCIDR] } }
      const done = yield* this.client.patch(name, patch)
      if (!(done instanceof KubeError) || done.code === HTTP_NOT_FOUND) return
      this.program.log.push(`failed to update node ${name}: ${done.text}`)
      yield* sleep(RETRY)
    }
  }

  private firstFree(): string | null {
    const { clusterCidr, maskSize: length } = this.options
    const taken = new Set(this.given.values())
    const count = 2 ** (length - clusterCidr.length)
    for (let i = 0; i < count; i++) {
      const base = (clusterCidr.base + i * 2 ** (32 - length)) | 0
      const block = formatPrefix({ base, length })
      if (!taken.has(block)) return block
    }
    return null
  }
}
