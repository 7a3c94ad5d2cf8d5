import type { RandomStream } from '../../../sim/random.ts'
import type { NodeStateName, RemoteNode } from '../wire/stream-messages.ts'

/** A node as another one knows it. */
export interface Node extends RemoteNode {
  /** When it came into this state, picoseconds. */
  readonly since: number
}

export type MutableNode = { -readonly [key in keyof Node]: Node[key] }

export function isGone(state: NodeStateName): boolean {
  return state === 'dead' || state === 'left'
}

/** All nodes that one knows, in the random order in which it probes them. */
export class NodeTable {
  private readonly random: RandomStream
  private nodes: MutableNode[] = []
  private readonly byName = new Map<string, MutableNode>()
  private probeIndex = 0

  constructor(random: RandomStream) {
    this.random = random
  }

  /** All, the dead among them. */
  get size(): number {
    return this.nodes.length
  }

  get all(): readonly MutableNode[] {
    return this.nodes
  }

  get(name: string): MutableNode | undefined {
    return this.byName.get(name)
  }

  /** At a random place: a new node must not be the last to be probed by all. */
  add(node: MutableNode): void {
    this.byName.set(node.name, node)
    const at = this.nodes.length === 0 ? 0 : this.random.integer(0, this.nodes.length - 1)
    const displaced = this.nodes[at]
    if (displaced === undefined) this.nodes.push(node)
    else {
      this.nodes[at] = node
      this.nodes.push(displaced)
    }
  }

  /**
   * The next node in turn that may be probed; after each round those gone before `forget` are dropped.
   * As in memberlist the start of a round counts as one node looked at: of two nodes each finds the
   * other only every second time, which halves their idle traffic.
   */
  next(isExcluded: (node: Node) => boolean, forget: number): Node | null {
    for (let looked = 0; looked < this.nodes.length; looked++) {
      const node = this.nodes[this.probeIndex]
      if (node === undefined) {
        this.startRound(forget)
        continue
      }
      this.probeIndex++
      if (!isExcluded(node)) return node
    }
    return null
  }

  private startRound(forget: number): void {
    const isKept = (node: Node): boolean => !isGone(node.state) || node.since >= forget
    for (const node of this.nodes) if (!isKept(node)) this.byName.delete(node.name)
    this.nodes = this.nodes.filter(isKept)
    shuffle(this.nodes, this.random)
    this.probeIndex = 0
  }

  /** Up to `count` different nodes by chance. */
  pick(count: number, isExcluded: (node: Node) => boolean): Node[] {
    const picked: Node[] = []
    const n = this.nodes.length
    // In a small table blind draws would miss the few there are.
    if (n < count * 3) {
      const shuffled = [...this.nodes]
      shuffle(shuffled, this.random)
      return shuffled.filter((node) => !isExcluded(node)).slice(0, count)
    }
    for (let i = 0; i < 3 * n && picked.length < count; i++) {
      const node = this.nodes[this.random.integer(0, n - 1)]!
      if (!isExcluded(node) && !picked.includes(node)) picked.push(node)
    }
    return picked
  }
}

function shuffle<T>(list: T[], random: RandomStream): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.integer(0, i)
    const entry = list[i]!
    list[i] = list[j]!
    list[j] = entry
  }
}
