import { CatalogTable } from './catalog-table.ts'
import {
  type Command,
  type ConsulVersion,
  DEFAULT_VERSION,
  type KvArguments,
  type KvVerb,
  type Result,
  type Session,
  type SessionArguments,
  type StoreSnapshot,
} from './commands.ts'
import { KvTable } from './kv-table.ts'
import { LockDelays } from './lock-delays.ts'
import { SessionTable } from './session-table.ts'
import { givenSession, liveSession, Refusal, runTxn } from './txn.ts'
import { Watches } from './watches.ts'

export interface StateStoreSettings {
  /** The server's clock in picoseconds: only for lock-delays, which are the server's own. */
  readonly now: () => number
  readonly version?: ConsulVersion
}

/**
 * The state machine behind a server's raft log: the same commands at the same indexes give the same
 * tables and results on every server. Only `restore` and `apply` change it.
 */
export class StateStore {
  readonly kv: KvTable
  readonly sessions = new SessionTable()
  readonly catalog = new CatalogTable()
  readonly lockDelays: LockDelays
  readonly watches = new Watches()

  constructor(settings: StateStoreSettings) {
    this.kv = new KvTable(settings.version ?? DEFAULT_VERSION)
    this.lockDelays = new LockDelays(settings.now)
  }

  /** `at` is the entry's raft index; indexes must rise. */
  apply(command: Command, at: number): Result {
    const result = this.run(command, at)
    for (const key of this.kv.touched) this.watches.keyChanged(key)
    this.kv.touched = []
    this.watches.flush()
    return result
  }

  readonly hasSession = (id: string): boolean => this.sessions.sessions.get(id) !== undefined

  snapshot(): StoreSnapshot {
    const { kv, catalog, sessions } = this
    return {
      entries: kv.list(''),
      tombstones: kv.tombstones.keysWithPrefix('').map((key) => [key, kv.tombstones.get(key)!]),
      sessions: sessions.all(),
      nodes: catalog.allNodes(),
      checks: catalog.checks.keysWithPrefix('').map((name) => catalog.checks.get(name)!),
      tables: {
        kvs: kv.kvsIndex,
        tombstones: kv.tombstonesIndex,
        sessions: sessions.index,
        nodes: catalog.nodesIndex,
        checks: catalog.checksIndex,
      },
    }
  }

  /** Wakes every blocking query as abandoned. Lock-delays stay: they are of this server's clock. */
  restore(snapshot: StoreSnapshot): void {
    const { tables } = snapshot
    this.kv.restore(snapshot.entries, snapshot.tombstones)
    this.kv.kvsIndex = tables.kvs
    this.kv.tombstonesIndex = tables.tombstones
    this.sessions.restore(snapshot.sessions)
    this.sessions.index = tables.sessions
    this.catalog.restore(snapshot.nodes, snapshot.checks)
    this.catalog.nodesIndex = tables.nodes
    this.catalog.checksIndex = tables.checks
    this.watches.abandonAll()
  }

  private run(command: Command, at: number): Result {
    switch (command.type) {
      case 'kv':
        return this.runKv(command.verb, command.entry, at)
      case 'txn':
        return { kind: 'txn', txn: runTxn(this.kv, this.hasSession, command.operations, at) }
      case 'session-create':
        return this.createSession(command.session, at)
      case 'session-destroy':
        this.destroySession(command.id, at)
        return done
      case 'register':
        if (this.catalog.ensureNode(at, command.node, command.address)) this.touch('nodes')
        for (const check of command.checks) {
          if (check.status === 'critical') this.failCheck(command.node, check.check, at)
          if (this.catalog.ensureCheck(at, command.node, check)) this.touch('checks')
        }
        return done
      case 'deregister':
        if (command.check === undefined) this.removeNode(command.node, at)
        else this.removeCheck(command.node, command.check, at)
        return done
      case 'reap-tombstones':
        this.kv.reap(command.index)
        return done
    }
  }

  private runKv(verb: KvVerb, entry: KvArguments, at: number): Result {
    try {
      return { kind: 'ok', value: this.changeKv(verb, entry, at) }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { kind: 'error', text: error.message }
    }
  }

  private changeKv(verb: KvVerb, entry: KvArguments, at: number): boolean {
    switch (verb) {
      case 'set':
        this.kv.set(at, entry)
        return true
      case 'cas':
        return this.kv.setCas(at, entry) !== undefined
      case 'delete':
        this.kv.delete(at, entry.key)
        return true
      case 'delete-cas':
        return this.kv.deleteCas(at, entry.key, entry.index ?? 0)
      case 'delete-tree':
        this.kv.deleteTree(at, entry.key)
        return true
      case 'lock':
        return this.kv.lock(at, entry, liveSession(entry, this.hasSession)) !== undefined
      case 'unlock':
        return this.kv.unlock(at, entry, givenSession(entry)) !== undefined
    }
  }

  private createSession(session: SessionArguments, at: number): Result {
    const { behavior } = session
    if (behavior !== 'release' && behavior !== 'delete') {
      return { kind: 'error', text: `Invalid session behavior: ${behavior}` }
    }
    const fault = this.faultOfChecks(session)
    if (fault !== undefined) return { kind: 'error', text: fault }
    const created: Session = { ...session, behavior, createIndex: at, modifyIndex: at }
    this.sessions.add(created)
    this.sessionChanged(created, at)
    return { kind: 'session', id: session.id }
  }

  private faultOfChecks(session: SessionArguments): string | undefined {
    if (this.catalog.node(session.node) === undefined) return 'Missing node registration'
    for (const check of session.checks) {
      const status = this.catalog.check(session.node, check)?.status
      if (status === undefined) return `Missing check '${check}' registration`
      if (status === 'critical') return `Check '${check}' is in critical state`
    }
    return undefined
  }

  /** Frees or deletes what the session held and keeps it unlockable for the lock-delay. */
  private destroySession(id: string, at: number): void {
    const session = this.sessions.sessions.get(id)
    if (session === undefined) return
    this.sessions.remove(session)
    this.sessionChanged(session, at)
    for (const key of this.kv.keysHeldBy(id)) {
      if (session.behavior === 'delete') this.kv.delete(at, key)
      else this.kv.release(at, key)
      this.lockDelays.start(key, session.lockDelay)
    }
  }

  private failCheck(node: string, check: string, at: number): void {
    for (const session of this.sessions.ofCheck(node, check)) this.destroySession(session.id, at)
  }

  private removeCheck(node: string, check: string, at: number): void {
    if (!this.catalog.removeCheck(at, node, check)) return
    this.touch('checks')
    this.failCheck(node, check, at)
  }

  private removeNode(node: string, at: number): void {
    for (const check of this.catalog.checksOf(node)) this.removeCheck(node, check.check, at)
    if (this.catalog.removeNode(at, node)) this.touch('nodes')
    for (const session of this.sessions.ofNode(node)) this.destroySession(session.id, at)
  }

  private sessionChanged(session: Session, at: number): void {
    this.sessions.index = at
    this.touch('sessions')
    this.touch(`session ${session.id}`)
    this.touch(`sessions of ${session.node.toLowerCase()}`)
  }

  private touch(topic: string): void {
    this.watches.topicChanged(topic)
  }
}

const done: Result = { kind: 'ok', value: true }
