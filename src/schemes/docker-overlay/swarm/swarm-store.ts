import type { StateMachine } from '../../../control/cluster/member.ts'
import type { Balancer, Change, SwarmKey, SwarmNetwork, SwarmNode, SwarmTask } from './records.ts'

interface Content {
  readonly networks: readonly SwarmNetwork[]
  readonly nodes: readonly SwarmNode[]
  readonly tasks: readonly SwarmTask[]
  readonly balancers: readonly Balancer[]
  readonly keys: readonly SwarmKey[]
}

/** What the managers have in common, as one of them knows it. */
export class SwarmStore implements StateMachine {
  readonly networks = new Map<string, SwarmNetwork>()
  readonly nodes = new Map<string, SwarmNode>()
  readonly tasks = new Map<string, SwarmTask>()
  keys: readonly SwarmKey[] = []
  private readonly tasksByNode = new Map<string, Map<string, SwarmTask>>()
  private readonly balancers = new Map<string, Balancer>()
  private readonly onChange: (change: Change, previous: SwarmTask | null) => void

  /** @param onChange after each change; of a task with what it was. */
  constructor(onChange: (change: Change, previous: SwarmTask | null) => void) {
    this.onChange = onChange
  }

  apply(command: unknown): unknown {
    // A command is what this project's managers propose.
    const { changes } = command as { readonly changes: readonly Change[] }
    for (const change of changes) this.change(change)
    return null
  }

  private change(change: Change): void {
    let previous: SwarmTask | null = null
    if (change.kind === 'task') previous = this.tasks.get(change.task.id) ?? null
    else if (change.kind === 'task-removed') previous = this.tasks.get(change.id) ?? null
    this.put(change)
    this.onChange(change, previous)
  }

  private put(change: Change): void {
    switch (change.kind) {
      case 'network':
        this.networks.set(change.network.id, change.network)
        return
      case 'network-removed':
        this.networks.delete(change.id)
        return
      case 'node':
        this.nodes.set(change.node.id, change.node)
        return
      case 'node-removed':
        this.nodes.delete(change.id)
        return
      case 'task':
        return this.putTask(change.task)
      case 'task-removed':
        return this.removeTask(change.id)
      case 'balancer':
        this.balancers.set(placeOf(change.balancer), change.balancer)
        return
      case 'balancer-removed':
        this.balancers.delete(placeOf(change))
        return
      case 'keys':
        this.keys = change.keys
    }
  }

  private putTask(task: SwarmTask): void {
    this.tasks.set(task.id, task)
    const known = this.tasksByNode.get(task.node)
    if (known !== undefined) known.set(task.id, task)
    else this.tasksByNode.set(task.node, new Map([[task.id, task]]))
  }

  private removeTask(id: string): void {
    const task = this.tasks.get(id)
    if (task === undefined) return
    this.tasks.delete(id)
    this.tasksByNode.get(task.node)?.delete(id)
  }

  /** By its id or its name. */
  network(wanted: string): SwarmNetwork | null {
    const known = this.networks.get(wanted)
    return known ?? [...this.networks.values()].find(({ name }) => name === wanted) ?? null
  }

  tasksOf(node: string): SwarmTask[] {
    return [...(this.tasksByNode.get(node)?.values() ?? [])]
  }

  balancer(node: string, network: string): Balancer | null {
    return this.balancers.get(placeOf({ node, network })) ?? null
  }

  get allBalancers(): readonly Balancer[] {
    return [...this.balancers.values()]
  }

  snapshot(): Content {
    const { networks, nodes, tasks, balancers, keys } = this
    return {
      networks: [...networks.values()],
      nodes: [...nodes.values()],
      tasks: [...tasks.values()],
      balancers: [...balancers.values()],
      keys,
    }
  }

  restore(data: unknown): void {
    // Of another manager of this project.
    const content = data as Content
    for (const part of [this.networks, this.nodes, this.tasks, this.tasksByNode, this.balancers]) {
      part.clear()
    }
    for (const network of content.networks) this.put({ kind: 'network', network })
    for (const node of content.nodes) this.put({ kind: 'node', node })
    for (const task of content.tasks) this.put({ kind: 'task', task })
    for (const balancer of content.balancers) this.put({ kind: 'balancer', balancer })
    this.keys = content.keys
  }
}

function placeOf({ node, network }: Pick<Balancer, 'node' | 'network'>): string {
  return `${node} ${network}`
}
