import type { RandomStream } from '../../../sim/random.ts'
import type {
  Command,
  ConsulVersion,
  KvArguments,
  Query,
  QueryAnswer,
  Result,
  Session,
  SessionArguments,
  TxnError,
  TxnOperation,
} from '../store/commands.ts'
import { quoted } from '../store/commands.ts'
import { parseDuration } from '../store/duration.ts'
import { answerQuery, waitForChange } from '../store/queries.ts'
import { SessionTimers } from '../store/session-timers.ts'
import { StateStore } from '../store/state-store.ts'
import { TombstoneReaper } from '../store/tombstone-reaper.ts'
import type { Wake } from '../store/watches.ts'

/** Source: consul agent/consul/config.go SessionTTLMin, agent/structs/structs.go SessionTTLMax. */
const TTL_MIN = 10e9
const TTL_MAX = 24 * 3600e9

export interface ConsulServiceSettings {
  /** This server's clock in picoseconds. */
  readonly now: () => number
  /** Draws the ids of sessions. */
  readonly random: RandomStream
  readonly version?: ConsulVersion
}

/**
 * What a server does with calls, but for raft and the network: the leader's checks before a command
 * enters the log, the state machine behind it, reads, and the leader's timers.
 */
export class ConsulService {
  readonly store: StateStore
  private readonly timers: SessionTimers
  private readonly reaper: TombstoneReaper
  private readonly random: RandomStream
  private isLeader = false

  constructor(settings: ConsulServiceSettings) {
    this.store = new StateStore(settings)
    this.timers = new SessionTimers(settings.now)
    this.reaper = new TombstoneReaper(settings.now)
    this.random = settings.random
  }

  /** On the leader: what to propose, or the result without a proposal. */
  admit(command: Command): { readonly propose: Command } | { readonly result: Result } {
    switch (command.type) {
      case 'kv':
        return this.admitKv(command, command.entry)
      case 'txn': {
        const errors = this.faultsOf(command.operations)
        if (errors.length === 0) return { propose: command }
        return { result: { kind: 'txn', txn: { results: null, errors } } }
      }
      case 'session-create': {
        const fault = faultOfSession(command.session)
        if (fault !== undefined) return refused(fault)
        return { propose: { ...command, session: { ...command.session, id: this.newSessionId() } } }
      }
      case 'session-destroy':
        return command.id === '' ? refused('Must provide ID') : { propose: command }
      case 'register':
        if (command.node === '') return refused('Must provide node')
        if (command.address !== '') return { propose: command }
        return refused('Must provide address if SkipNodeUpdate is not set')
      case 'deregister':
        return command.node === '' ? refused('Must provide node') : { propose: command }
      case 'reap-tombstones':
        return { propose: command }
    }
  }

  /** On every server, entry by entry. */
  apply(command: Command, at: number): Result {
    const result = this.store.apply(command, at)
    if (!this.isLeader) return result
    if (command.type === 'session-create' && result.kind === 'session') {
      this.timers.reset(command.session)
    }
    if (command.type === 'session-destroy') this.timers.clear(command.id)
    if (this.store.kv.tombstonesIndex === at) this.reaper.hint(at)
    return result
  }

  /** From the tables as they are: the server has met the consistency that was asked for. */
  read(query: Query): QueryAnswer {
    const errors = query.read === 'txn' ? this.faultsOf(query.operations) : []
    if (errors.length === 0) return answerQuery(this.store, query)
    return { index: 1, rows: { kind: 'txn', txn: { results: null, errors } } }
  }

  /** Wakes once when the answer may differ or the state was replaced; returns how to cancel. */
  waitFor(query: Query, wake: Wake): () => void {
    return waitForChange(this.store, query, wake)
  }

  /** On the leader: starts the session's time anew; none = there is no such session. */
  renew(id: string): readonly Session[] {
    const session = this.store.sessions.sessions.get(id)
    if (session === undefined) return []
    this.timers.reset(session)
    return [session]
  }

  /** This server became the leader, with a log up to `lastIndex`: every session's time starts anew. */
  lead(lastIndex: number): void {
    this.isLeader = true
    this.timers.initialize(this.store.sessions.all())
    this.reaper.lead(lastIndex)
  }

  stepDown(): void {
    this.isLeader = false
    this.timers.clearAll()
    this.reaper.stepDown()
  }

  /** What the leader has to propose by itself now: sessions that expired, tombstones to reap. */
  due(): Command[] {
    const commands: Command[] = this.timers.due().map((id) => ({ type: 'session-destroy', id }))
    const index = this.reaper.due()
    if (index !== undefined) commands.push({ type: 'reap-tombstones', index })
    return commands
  }

  /** When to ask `due` next, perhaps in vain; Infinity = never. Any call may bring it forward. */
  nextDueAt(): number {
    return Math.min(this.timers.nextAt(), this.reaper.nextAt())
  }

  /** A lock-delay is by wall time, so it cannot stand behind the log: servers would differ. */
  private admitKv(
    command: Extract<Command, { type: 'kv' }>,
    entry: KvArguments,
  ): { readonly propose: Command } | { readonly result: Result } {
    if (entry.key === '' && command.verb !== 'delete-tree') return refused('Must provide key')
    if (command.verb !== 'lock' || !this.store.lockDelays.holds(entry.key)) {
      return { propose: command }
    }
    return { result: { kind: 'ok', value: false } }
  }

  private faultsOf(operations: readonly TxnOperation[]): TxnError[] {
    return operations.flatMap(({ verb, key }, index) => {
      if (key === '' && verb !== 'delete-tree') return [{ index, what: 'Must provide key' }]
      if (verb !== 'lock' || !this.store.lockDelays.holds(key)) return []
      return [{ index, what: `failed to lock key ${quoted(key)} due to lock delay` }]
    })
  }

  private newSessionId(): string {
    for (;;) {
      const digits = [0, 1, 2, 3].map(() =>
        (this.random.int32() >>> 0).toString(16).padStart(8, '0'),
      )
      const id = digits.join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
      if (!this.store.hasSession(id)) return id
    }
  }
}

function faultOfSession(session: SessionArguments): string | undefined {
  if (session.node === '') return 'Must provide Node'
  if (session.behavior !== 'release' && session.behavior !== 'delete') {
    return `Invalid Behavior setting '${session.behavior}'`
  }
  if (session.ttl === '') return undefined
  const ttl = parseDuration(session.ttl)
  if (ttl === undefined) {
    return `Session TTL '${session.ttl}' invalid: time: invalid duration ${session.ttl}`
  }
  if (ttl === 0 || (ttl >= TTL_MIN && ttl <= TTL_MAX)) return undefined
  return `Invalid Session TTL '${ttl}', must be between [10s=24h0m0s]`
}

function refused(text: string): { readonly result: Result } {
  return { result: { kind: 'error', text } }
}
