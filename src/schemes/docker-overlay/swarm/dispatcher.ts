import type { Exchange } from '../../../control/http/exchange.ts'
import { Condition } from '../../../control/program/condition.ts'
import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { Assignments, Change, SwarmNetwork, SwarmTask } from './records.ts'
import type { SwarmStore } from './swarm-store.ts'

/** dispatcher.go: heartbeats, what they may vary by, and how many may be missing. */
const HEARTBEAT = 5 * SECOND
const HEARTBEAT_EPSILON = 500 * MILLISECOND
const GRACE = 3
/** Changes are collected for so long before a node is told. */
const BATCHING = 100 * MILLISECOND
/** How often the nodes' heartbeats are looked at. */
const CHECK = SECOND

const LINES = [['Content-Type', 'application/json']] as const

/** A node that has registered with the leader. */
interface Session {
  readonly id: string
  readonly node: string
  readonly changed: Condition
  lastHeard: number
  isOver: boolean
  tasks: SwarmTask[]
  removed: SwarmTask[]
  isNewKey: boolean
}

/** The leader's sessions with the nodes: what they are to run, and whether they are there. */
export class Dispatcher {
  private readonly program: Program
  private readonly store: SwarmStore
  private readonly onDown: (node: string) => void
  private readonly sessions = new Map<string, Session>()
  private readonly since: number
  private isOver = false
  private count = 0

  /** @param onDown a node has not been heard of for three heartbeats. */
  constructor(program: Program, store: SwarmStore, onDown: (node: string) => void) {
    this.program = program
    this.store = store
    this.onDown = onDown
    this.since = program.now
    program.spawn(this.watchNodes())
  }

  /** This manager is the leader no more. */
  end(): void {
    this.isOver = true
    for (const session of this.sessions.values()) this.close(session)
  }

  private close(session: Session): void {
    session.isOver = true
    session.changed.notify()
  }

  /** Sends a node what it is to have, and then each change, until either side is gone. */
  *serve(node: string, exchange: Exchange): Process {
    const older = this.sessions.get(node)
    if (older !== undefined) this.close(older)
    const session = this.newSession(node)
    exchange.whenGone(() => this.close(session))
    yield* exchange.begin(200, LINES)
    const { id } = session
    yield* exchange.chunk(`${JSON.stringify({ session: id })}\n${this.full(session)}\n`)
    while (!session.isOver) {
      if (!hasNews(session)) yield* session.changed.wait()
      if (session.isOver) break
      yield* sleep(BATCHING)
      yield* exchange.chunk(`${this.news(session)}\n`)
    }
    if (this.sessions.get(node) === session) this.sessions.delete(node)
    if (!exchange.isGone) exchange.abort()
  }

  private newSession(node: string): Session {
    const changed = new Condition(this.program)
    const id = `${node}/${++this.count}`
    const lastHeard = this.program.now
    const news = { tasks: [], removed: [], isNewKey: false }
    const session: Session = { id, node, changed, lastHeard, isOver: false, ...news }
    this.sessions.set(node, session)
    return session
  }

  /** @returns after how many picoseconds the next one is wanted; null = the node must register again. */
  heartbeat(node: string, id: string): number | null {
    const session = this.sessions.get(node)
    if (session?.id !== id) return null
    session.lastHeard = this.program.now
    const { random } = this.program
    return Math.round(HEARTBEAT + (2 * random.next() - 1) * HEARTBEAT_EPSILON)
  }

  /** Of everything that the managers have in common. */
  changed(change: Change, previous: SwarmTask | null): void {
    if (change.kind === 'task' && change.task.isAssigned) {
      this.tell(change.task.node, ({ tasks }) => tasks.push(change.task))
    } else if (change.kind === 'task-removed' && previous?.isAssigned) {
      this.tell(previous.node, ({ removed }) => removed.push(previous))
    } else if (change.kind === 'keys') {
      for (const node of this.sessions.keys()) {
        this.tell(node, (session) => {
          session.isNewKey = true
        })
      }
    }
  }

  private tell(node: string, note: (session: Session) => void): void {
    const session = this.sessions.get(node)
    if (session === undefined) return
    note(session)
    session.changed.notify()
  }

  private full({ node }: Session): string {
    const tasks = this.store.tasksOf(node).filter(({ isAssigned }) => isAssigned)
    return this.assignments(node, { isFull: true, tasks, removed: [], isNewKey: true })
  }

  private news(session: Session): string {
    const { node, tasks, removed, isNewKey } = session
    session.tasks = []
    session.removed = []
    session.isNewKey = false
    return this.assignments(node, { isFull: false, tasks, removed, isNewKey })
  }

  private assignments(
    node: string,
    news: { isFull: boolean } & Pick<Session, 'tasks' | 'removed' | 'isNewKey'>,
  ): string {
    const { store } = this
    // Taken back before they were sent.
    const tasks = news.tasks.filter(({ id }) => store.tasks.has(id))
    const used = new Set(tasks.map(({ network }) => network))
    const left = new Set(news.removed.map(({ network }) => network))
    for (const { network } of store.tasksOf(node)) left.delete(network)
    const networks = [...used].flatMap((id): SwarmNetwork[] => {
      const network = store.networks.get(id)
      return network === undefined ? [] : [network]
    })
    const assignments: Assignments = {
      isFull: news.isFull,
      networks,
      balancers: networks.flatMap(({ id }) => store.balancer(node, id) ?? []),
      tasks,
      removedTasks: news.removed.map(({ id }) => id),
      removedNetworks: [...left],
      keys: news.isNewKey ? store.keys : null,
    }
    return JSON.stringify(assignments)
  }

  /** A new leader gives nodes that it has not heard of as long as the others. */
  private *watchNodes(): Process {
    while (!this.isOver) {
      yield* sleep(CHECK)
      const limit = this.program.now - GRACE * HEARTBEAT
      for (const { id, isReady } of this.store.nodes.values()) {
        const session = this.sessions.get(id)
        if (isReady && (session?.lastHeard ?? this.since) < limit) {
          if (session !== undefined) this.close(session)
          this.onDown(id)
        }
      }
    }
  }
}

function hasNews({ tasks, removed, isNewKey }: Session): boolean {
  return tasks.length > 0 || removed.length > 0 || isNewKey
}
