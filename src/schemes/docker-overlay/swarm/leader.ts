import type { Exchange } from '../../../control/http/exchange.ts'
import { Condition } from '../../../control/program/condition.ts'
import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { randomHex } from '../identifier.ts'
import type { DockerOverlayOptions } from '../options.ts'
import { Allocator } from './allocator.ts'
import { Dispatcher } from './dispatcher.ts'
import type { Balancer, Change, SwarmKey, SwarmTask } from './records.ts'
import type { SwarmStore } from './swarm-store.ts'

const HOUR = 3600 * SECOND
/** keymanager.go: a key of each kind is added so often, and so many are kept, from the first moment on. */
const ROTATION = 12 * HOUR
const KEYS_KEPT = 3
const KEY_DIGITS = 32
const SUBSYSTEMS = ['networking:gossip', 'networking:ipsec'] as const
/** scheduler.go: it waits until so long nothing more has come. */
const DEBOUNCE = 50 * MILLISECOND
/** store.MaxChangesPerTransaction. */
const CHANGES_MAX = 200
/** Tasks of a node that stays away so long are given up (defaultNodeDownPeriod). */
const NODE_DOWN = 24 * HOUR
const HOUSEKEEPING = 60 * SECOND

/** Ids are of base 36 in life. */
const ID_DIGITS = 25

/** What only the leader of the managers does: it allocates, schedules, dispatches and makes keys. */
export class Leader {
  readonly dispatcher: Dispatcher
  private readonly program: Program
  private readonly store: SwarmStore
  private readonly allocator: Allocator
  /** @returns whether the changes were committed. */
  private readonly commit: (changes: readonly Change[]) => Process<boolean>
  private readonly work: Condition
  private readonly toSchedule: Condition
  private readonly downSince = new Map<string, number>()
  private isOver = false
  /** Tasks that could not be given an address: told once. */
  private readonly refused = new Set<string>()

  constructor(
    program: Program,
    store: SwarmStore,
    version: DockerOverlayOptions['version'],
    commit: (changes: readonly Change[]) => Process<boolean>,
  ) {
    this.program = program
    this.store = store
    this.commit = commit
    this.allocator = new Allocator(store, version, program.random)
    this.work = new Condition(program)
    this.toSchedule = new Condition(program)
    this.dispatcher = new Dispatcher(program, store, (node) => this.nodeDown(node))
    for (const body of [this.allocate(), this.schedule(), this.keepKeys(), this.keepHouse()]) {
      program.spawn(body)
    }
  }

  end(): void {
    this.isOver = true
    this.dispatcher.end()
    this.work.notify()
    this.toSchedule.notify()
  }

  newId(): string {
    return randomHex(this.program.random, ID_DIGITS)
  }

  changed(change: Change, previous: SwarmTask | null): void {
    this.dispatcher.changed(change, previous)
    if (change.kind === 'task') {
      if (change.task.address === null) this.work.notify()
      else if (!change.task.isAssigned) this.toSchedule.notify()
    } else if (change.kind === 'task-removed') {
      this.refused.delete(change.id)
      if (previous?.address != null) this.allocator.release(previous.network, previous.address)
      this.work.notify()
    }
  }

  /** `docker network create -d overlay --attachable`. @returns what is said when it cannot be. */
  *createNetwork(name: string, options: DockerOverlayOptions): Process<string | null> {
    if (this.store.network(name) !== null) return `network with name ${name} already exists`
    const network = this.allocator.network(this.newId(), name, options)
    if (typeof network === 'string') return network
    if (yield* this.commit([{ kind: 'network', network }])) return null
    this.allocator.drop(network)
    return 'context deadline exceeded'
  }

  /** @returns what is said when it cannot be removed. */
  *removeNetwork(name: string): Process<string | null> {
    const network = this.store.network(name)
    if (network === null) return `network ${name} not found`
    const task = [...this.store.tasks.values()].find((each) => each.network === network.id)
    if (task !== undefined) return `network ${network.id} is in use by task ${task.id}`
    if (!(yield* this.commit([{ kind: 'network-removed', id: network.id }]))) {
      return 'context deadline exceeded'
    }
    this.allocator.drop(network)
    return null
  }

  /** @returns the id of the task; null = nothing was committed. */
  *attach(
    node: string,
    network: string,
    container: string,
    wanted: Ipv4Address | null,
  ): Process<string | null> {
    const id = this.newId()
    const task = { id, node, network, container, wanted, address: null, isAssigned: false }
    return (yield* this.commit([{ kind: 'task', task }])) ? id : null
  }

  /** A node has come, with no container of before when `isFresh`. */
  *register(id: string, name: string, isFresh: boolean, exchange: Exchange): Process {
    this.downSince.delete(id)
    const changes: Change[] = []
    if (this.store.nodes.get(id)?.isReady !== true) {
      changes.push({ kind: 'node', node: { id, name, isReady: true } })
    }
    if (isFresh) {
      for (const task of this.store.tasksOf(id)) changes.push({ kind: 'task-removed', id: task.id })
    }
    if (changes.length > 0 && !(yield* this.commit(changes))) return exchange.abort()
    yield* this.dispatcher.serve(id, exchange)
  }

  /** `docker node rm --force`, after the node has left. */
  *removeNode(id: string): Process<boolean> {
    const tasks = this.store.tasksOf(id)
    const changes: Change[] = tasks.map((task) => ({ kind: 'task-removed', id: task.id }))
    return yield* this.commit([...changes, { kind: 'node-removed', id }])
  }

  private *allocate(): Process {
    while (!this.isOver) {
      const idle = this.idleBalancers()
      const given = this.allocations()
      const removed = idle.map(({ node, network }) => {
        return { kind: 'balancer-removed', node, network } as const
      })
      if (idle.length + given.length === 0) yield* this.work.wait()
      else if (yield* this.commit([...removed, ...given])) {
        for (const balancer of idle) this.allocator.releaseBalancer(balancer)
      } else {
        this.allocator.takeBack(given)
        yield* sleep(SECOND)
      }
    }
  }

  private allocations(): Change[] {
    const changes: Change[] = []
    for (const task of this.store.tasks.values()) {
      if (task.address !== null) continue
      const allocated = this.allocator.task(task)
      if (typeof allocated !== 'string') changes.push(...allocated)
      else if (!this.refused.has(task.id)) {
        this.refused.add(task.id)
        this.program.log.push(allocated)
      }
      if (changes.length >= CHANGES_MAX) break
    }
    return changes
  }

  /** Load balancers of nodes without a task on their network. */
  private idleBalancers(): Balancer[] {
    return this.store.allBalancers.filter(
      ({ node, network }) => !this.store.tasksOf(node).some((task) => task.network === network),
    )
  }

  private *schedule(): Process {
    while (!this.isOver) {
      yield* this.toSchedule.wait()
      yield* sleep(DEBOUNCE)
      const waiting = [...this.store.tasks.values()].filter(
        ({ address, isAssigned }) => address !== null && !isAssigned,
      )
      const changes: Change[] = waiting.map((task) => ({
        kind: 'task',
        task: { ...task, isAssigned: true },
      }))
      for (let i = 0; i < changes.length && !this.isOver; i += CHANGES_MAX) {
        yield* this.commit(changes.slice(i, i + CHANGES_MAX))
      }
    }
  }

  private *keepKeys(): Process {
    if (this.store.keys.length === 0) yield* this.rotate()
    while (!this.isOver) {
      yield* sleep(ROTATION)
      if (!this.isOver) yield* this.rotate()
    }
  }

  /** The newest key of each kind comes last, and the oldest goes. */
  private *rotate(): Process {
    const { keys: known } = this.store
    let time = Math.max(0, ...known.map((key) => key.time))
    const keys = SUBSYSTEMS.flatMap((subsystem): SwarmKey[] => {
      const older = known.filter((each) => each.subsystem === subsystem)
      const fresh = Array.from({ length: older.length === 0 ? KEYS_KEPT : 1 }, () => {
        return { subsystem, time: ++time, key: randomHex(this.program.random, KEY_DIGITS) }
      })
      return [...older, ...fresh].slice(-KEYS_KEPT)
    })
    yield* this.commit([{ kind: 'keys', keys }])
  }

  private nodeDown(id: string): void {
    const node = this.store.nodes.get(id)
    if (node === undefined || this.downSince.has(id)) return
    this.downSince.set(id, this.program.now)
    this.program.log.push(`node ${node.name} is down: heartbeat failure`)
    this.program.spawn(this.commit([{ kind: 'node', node: { ...node, isReady: false } }]))
  }

  private *keepHouse(): Process {
    while (!this.isOver) {
      yield* sleep(HOUSEKEEPING)
      for (const [node, since] of this.downSince) {
        if (this.program.now - since < NODE_DOWN) continue
        const changes = this.store
          .tasksOf(node)
          .map(({ id }) => ({ kind: 'task-removed', id }) as const)
        if (changes.length > 0) yield* this.commit(changes)
      }
    }
  }
}
