import type { Program } from '../../program/program.ts'
import { type Alive, encodeMessage, type NamedEndpoint, type Rumour } from '../wire/messages.ts'
import type { RemoteNode } from '../wire/stream-messages.ts'
import { Awareness } from './awareness.ts'
import { BroadcastQueue } from './broadcast-queue.ts'
import type { MemberlistConfig } from './config.ts'
import type { MemberlistDelegate } from './delegate.ts'
import { isGone, type MutableNode, type Node, NodeTable } from './node-table.ts'
import { confirmationsExpected, suspicionTimeout } from './scale.ts'
import { Suspicion } from './suspicion.ts'

/** Who is alive: SWIM's rules for what one hears of others and of oneself (memberlist's state.go). */
export class Membership {
  readonly nodes: NodeTable
  readonly awareness: Awareness
  readonly broadcasts: BroadcastQueue
  hasLeft = false
  private readonly program: Program
  private readonly self: NamedEndpoint
  private readonly config: MemberlistConfig
  private readonly delegate: MemberlistDelegate
  private readonly suspicions = new Map<string, Suspicion>()
  private readonly onExpired: (suspicion: Suspicion, name: string) => void
  private incarnation = 0

  /** @param onExpired not on the thread; it has to see that `expired` is called there. */
  constructor(
    program: Program,
    self: NamedEndpoint,
    config: MemberlistConfig,
    delegate: MemberlistDelegate,
    onExpired: (suspicion: Suspicion, name: string) => void,
  ) {
    this.program = program
    this.self = self
    this.config = config
    this.delegate = delegate
    this.onExpired = onExpired
    this.nodes = new NodeTable(program.random)
    this.awareness = new Awareness(config.awarenessMaxMultiplier)
    this.broadcasts = new BroadcastQueue(config.retransmitMult, () => this.nodes.size)
  }

  get anyOtherAlive(): boolean {
    return this.nodes.all.some(({ name, state }) => !isGone(state) && name !== this.self.name)
  }

  /** Says that oneself is alive, with a new incarnation. @param finished see Broadcast. */
  announce(meta: Uint8Array, finished?: () => void): void {
    const incarnation = ++this.incarnation
    const message: Alive = { type: 'alive', ...this.self, meta, incarnation }
    this.accept(message, this.nodes.get(this.self.name) ?? this.addUnknown(message), finished)
  }

  private addUnknown(alive: Alive): MutableNode {
    const { name, address, port, meta } = alive
    const since = this.program.now
    const node: MutableNode = { name, address, port, meta, incarnation: 0, state: 'dead', since }
    this.nodes.add(node)
    return node
  }

  alive(alive: Alive): void {
    const isSelf = alive.name === this.self.name
    if (isSelf && this.hasLeft) return
    const known = this.nodes.get(alive.name)
    const node = known ?? this.addUnknown(alive)
    const hasMoved = node.address !== alive.address || node.port !== alive.port
    if (hasMoved && !this.mayMove(node)) return
    if (isSelf) this.ownAlive(node, alive)
    else if (hasMoved || alive.incarnation > node.incarnation) this.accept(alive, node)
  }

  /** A name with a new address belongs to another node, unless the old one is gone. */
  private mayMove({ state, since }: Node): boolean {
    const { deadNodeReclaimTime } = this.config
    if (state === 'left') return true
    const canReclaim = deadNodeReclaimTime > 0 && this.program.now - since > deadNodeReclaimTime
    return state === 'dead' && canReclaim
  }

  /** What others know of an earlier life of this node must not outlive it. */
  private ownAlive(node: MutableNode, { incarnation, meta }: Alive): void {
    if (incarnation < node.incarnation) return
    if (incarnation === node.incarnation && sameBytes(meta, node.meta)) return
    this.refute(node, incarnation)
  }

  private accept(alive: Alive, node: MutableNode, finished?: () => void): void {
    this.endSuspicion(node.name)
    this.broadcast(alive, node.name, finished)
    const { state, meta } = node
    node.incarnation = alive.incarnation
    node.meta = alive.meta
    node.address = alive.address
    node.port = alive.port
    if (state !== 'alive') this.change(node, 'alive')
    if (isGone(state)) this.delegate.notifyJoin(node)
    else if (!sameBytes(meta, alive.meta)) this.delegate.notifyUpdate(node)
  }

  suspect(rumour: Rumour): void {
    const node = this.nodes.get(rumour.node)
    if (node === undefined || rumour.incarnation < node.incarnation) return
    const suspicion = this.suspicions.get(rumour.node)
    if (suspicion !== undefined) {
      if (suspicion.confirm(rumour.from)) this.broadcast(rumour, rumour.node)
      return
    }
    if (node.state !== 'alive') return
    if (node.name === this.self.name) return this.refute(node, rumour.incarnation)
    this.broadcast(rumour, rumour.node)
    node.incarnation = rumour.incarnation
    this.change(node, 'suspect')
    this.startSuspicion(rumour)
  }

  private startSuspicion({ node, from }: Rumour): void {
    const { config, program } = this
    const n = this.nodes.size
    const least = suspicionTimeout(config.suspicionMult, n, config.probeInterval)
    const most = config.suspicionMaxTimeoutMult * least
    const times = { expected: confirmationsExpected(config, n), least, most }
    const suspicion: Suspicion = new Suspicion(program, from, times, () =>
      this.onExpired(suspicion, node),
    )
    this.suspicions.set(node, suspicion)
  }

  private endSuspicion(name: string): void {
    this.suspicions.get(name)?.cancel()
    this.suspicions.delete(name)
  }

  /** The time to refute is over. */
  expired(suspicion: Suspicion, name: string): void {
    const node = this.nodes.get(name)
    if (node === undefined || this.suspicions.get(name) !== suspicion) return
    const { incarnation } = node
    this.dead({ type: 'dead', node: name, incarnation, from: this.self.name })
  }

  dead(rumour: Rumour, finished?: () => void): void {
    const node = this.nodes.get(rumour.node)
    if (node === undefined || rumour.incarnation < node.incarnation) return
    this.endSuspicion(node.name)
    if (isGone(node.state)) return
    if (node.name === this.self.name && !this.hasLeft) return this.refute(node, rumour.incarnation)
    this.broadcast(rumour, node.name, finished)
    node.incarnation = rumour.incarnation
    this.change(node, rumour.node === rumour.from ? 'left' : 'dead')
    this.delegate.notifyLeave(node)
  }

  /** Declares oneself dead, which means left. */
  leave(finished: () => void): void {
    const { name } = this.self
    this.hasLeft = true
    const { incarnation } = this.nodes.get(name)!
    this.dead({ type: 'dead', node: name, incarnation, from: name }, finished)
  }

  /** Takes over what another node says of all it knows. Its dead are only suspected: they may refute. */
  merge(remote: readonly RemoteNode[]): void {
    for (const { state, ...node } of remote) {
      const { name, incarnation } = node
      if (state === 'alive') this.alive({ type: 'alive', ...node })
      else if (state === 'left') this.dead({ type: 'dead', node: name, incarnation, from: name })
      else this.suspect({ type: 'suspect', node: name, incarnation, from: this.self.name })
    }
  }

  /** Oneself is alive, whatever others say: with an incarnation above theirs. */
  private refute(node: MutableNode, accused: number): void {
    this.incarnation = Math.max(this.incarnation, accused) + 1
    node.incarnation = this.incarnation
    // To be suspected without reason is a sign that one is slow.
    this.awareness.add(1)
    const { incarnation, meta } = node
    this.broadcast({ type: 'alive', ...this.self, incarnation, meta }, node.name)
  }

  private change(node: MutableNode, state: Node['state']): void {
    node.state = state
    node.since = this.program.now
  }

  private broadcast(message: Alive | Rumour, name: string, finished?: () => void): void {
    const content = encodeMessage(message)
    this.broadcasts.queue({ name, content, ...(finished && { finished }) })
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
