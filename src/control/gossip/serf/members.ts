import type { NamedEndpoint } from '../wire/messages.ts'
import type { Intent } from './messages.ts'

/** `leaving`: it said so, but memberlist still sees it. */
export type MemberStatus = 'alive' | 'leaving' | 'left' | 'failed'

export interface Member extends NamedEndpoint {
  readonly tags: ReadonlyMap<string, string>
  readonly status: MemberStatus
}

export type MemberEventType =
  | 'member-join'
  | 'member-leave'
  | 'member-failed'
  | 'member-update'
  | 'member-reap'

interface MemberState extends NamedEndpoint {
  address: number
  port: number
  tags: ReadonlyMap<string, string>
  status: MemberStatus
  /** Lamport time of the last intent of it that counted. */
  statusTime: number
  /** When it left or failed. */
  goneAt: number
}

interface RememberedIntent {
  readonly type: 'join' | 'leave'
  readonly time: number
  readonly at: number
}

export interface ReapTimes {
  readonly reconnectTimeout: number
  readonly tombstoneTimeout: number
  readonly recentIntentTimeout: number
}

type Tell = (type: MemberEventType, member: Member) => void

/** The members of a cluster by what memberlist finds and what they intend: failed is not left. */
export class Members {
  private readonly now: () => number
  private readonly tell: Tell
  private readonly states = new Map<string, MemberState>()
  /** Of nodes that are not known yet. */
  private readonly intents = new Map<string, RememberedIntent>()

  constructor(now: () => number, tell: Tell) {
    this.now = now
    this.tell = tell
  }

  /** A live view. */
  get(name: string): Member | undefined {
    return this.states.get(name)
  }

  get all(): readonly Member[] {
    return [...this.states.values()]
  }

  get size(): number {
    return this.states.size
  }

  withStatus(status: MemberStatus): readonly Member[] {
    return this.all.filter((member) => member.status === status)
  }

  statusTime(name: string): number {
    return this.states.get(name)?.statusTime ?? 0
  }

  /** Lamport times of the last intents, by name. */
  get statusTimes(): Map<string, number> {
    return new Map([...this.states.values()].map(({ name, statusTime }) => [name, statusTime]))
  }

  /** Memberlist sees it alive. */
  joined(node: NamedEndpoint, tags: ReadonlyMap<string, string>): void {
    const { name, address, port } = node
    let state = this.states.get(name)
    if (state === undefined) {
      state = { name, address, port, tags, status: 'alive', statusTime: 0, goneAt: 0 }
      this.states.set(name, state)
      this.applyRemembered(state)
    } else {
      Object.assign(state, { address, port, tags, status: 'alive' })
    }
    this.tell('member-join', { ...state })
  }

  private applyRemembered(state: MemberState): void {
    const intent = this.intents.get(state.name)
    if (intent === undefined) return
    state.statusTime = intent.time
    if (intent.type === 'leave') state.status = 'leaving'
  }

  /** Memberlist sees it dead. */
  gone(name: string): void {
    const state = this.states.get(name)
    if (state === undefined || state.status === 'left' || state.status === 'failed') return
    const left = state.status === 'leaving'
    state.status = left ? 'left' : 'failed'
    state.goneAt = this.now()
    this.tell(left ? 'member-leave' : 'member-failed', { ...state })
  }

  updated(node: NamedEndpoint, tags: ReadonlyMap<string, string>): void {
    const state = this.states.get(node.name)
    if (state === undefined) return
    const { address, port } = node
    Object.assign(state, { address, port, tags })
    this.tell('member-update', { ...state })
  }

  /** @returns whether it is news, to be passed on. */
  intend({ type, time, node }: Intent): boolean {
    const state = this.states.get(node)
    if (state === undefined) return this.remember(type, time, node)
    if (time <= state.statusTime) return false
    state.statusTime = time
    if (type === 'join') {
      // A join after a leave that is still under way: the leave is over.
      if (state.status === 'leaving') state.status = 'alive'
    } else if (state.status === 'alive') state.status = 'leaving'
    else if (state.status === 'failed') {
      state.status = 'left'
      this.tell('member-leave', { ...state })
    }
    return true
  }

  private remember(type: 'join' | 'leave', time: number, node: string): boolean {
    const known = this.intents.get(node)
    if (known !== undefined && time <= known.time) return false
    this.intents.set(node, { type, time, at: this.now() })
    return true
  }

  /** Forgets those gone for long. */
  reap({ reconnectTimeout, tombstoneTimeout, recentIntentTimeout }: ReapTimes): void {
    const now = this.now()
    for (const state of [...this.states.values()]) {
      if (state.status !== 'failed' && state.status !== 'left') continue
      const timeout = state.status === 'failed' ? reconnectTimeout : tombstoneTimeout
      if (now - state.goneAt <= timeout) continue
      this.states.delete(state.name)
      this.tell('member-reap', { ...state })
    }
    for (const [name, { at }] of [...this.intents]) {
      if (now - at > recentIntentTimeout) this.intents.delete(name)
    }
  }
}
