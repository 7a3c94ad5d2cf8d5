import { type Process, sleep } from '../../../sim/process.ts'
import { Condition } from '../../program/condition.ts'
import type { Fibre, Program } from '../../program/program.ts'
import { META_BYTES_MAX } from '../memberlist/delegate.ts'
import { Memberlist } from '../memberlist/memberlist.ts'
import { retransmitLimit } from '../memberlist/scale.ts'
import type { Endpoint } from '../wire/messages.ts'
import type { SerfConfig } from './config.ts'
import { SerfDelegate } from './delegate.ts'
import type { SerfEvent } from './events.ts'
import type { Member } from './members.ts'
import {
  encodeSerfMessage,
  encodeTags,
  type QueryMessage,
  type UserEventMessage,
} from './messages.ts'
import type { QueryResponses } from './queries.ts'

/**
 * A member of a Serf cluster: memberlist, above which nodes say whether they come or go on purpose, have
 * tags, and send events and queries to all. There is no snapshot file of peers.
 */
export class Serf {
  private readonly program: Program
  private readonly config: SerfConfig
  private readonly state: SerfDelegate
  private readonly memberlist: Memberlist
  private fibres: Fibre<unknown>[] = []

  private constructor(
    program: Program,
    config: SerfConfig,
    state: SerfDelegate,
    memberlist: Memberlist,
  ) {
    this.program = program
    this.config = config
    this.state = state
    this.memberlist = memberlist
    const loops = [
      this.every(config.reapInterval, () => state.members.reap(config)),
      this.every(config.queueCheckInterval, () => this.pruneQueues()),
      this.reconnect(),
    ]
    this.fibres = loops.map((loop) => program.spawn(loop))
  }

  /**
   * Starts as a cluster of one. @param onEvent called on the thread; may not wait.
   * @returns null when its port is taken.
   */
  static start(
    program: Program,
    config: SerfConfig,
    onEvent: (event: SerfEvent) => void,
  ): Serf | null {
    const state: SerfDelegate = new SerfDelegate(program, config, onEvent, (to, content) =>
      memberlist === null ? false : memberlist.sendToAddress(to, content),
    )
    const { name, address, port } = config
    let memberlist: Memberlist | null = null
    memberlist = Memberlist.start(program, { name, address, port }, config.memberlist, state)
    return memberlist === null ? null : new Serf(program, config, state, memberlist)
  }

  private *every(interval: number, work: () => void): Process {
    for (;;) {
      yield* sleep(interval)
      work()
    }
  }

  private pruneQueues(): void {
    const { maxQueueDepth, minQueueDepth } = this.config
    const { eventQueue, intentQueue, members, queryQueue } = this.state
    const most = minQueueDepth > 0 ? Math.max(minQueueDepth, 2 * members.size) : maxQueueDepth
    for (const queue of [intentQueue, queryQueue, eventQueue]) queue.prune(most)
  }

  /** Tries a failed node now and then; with many alive ones each tries less often. */
  private *reconnect(): Process {
    const { members } = this.state
    for (;;) {
      yield* sleep(this.config.reconnectInterval)
      const failed = members.withStatus('failed')
      if (failed.length === 0) continue
      const others = members.size - failed.length - members.withStatus('left').length
      const { random } = this.program
      if (random.next() > failed.length / Math.max(1, others)) continue
      yield* this.memberlist.join([failed[random.integer(0, failed.length - 1)]!])
    }
  }

  /** All it knows, the failed and those that left too. */
  get members(): readonly Member[] {
    return this.state.members.all
  }

  member(name: string): Member | undefined {
    return this.state.members.get(name)
  }

  get localMember(): Member {
    return this.state.members.get(this.config.name)!
  }

  /**
   * Joins the clusters of these peers. @param ignoreOld leave out user events from before.
   * @returns how many of them answered.
   */
  *join(peers: readonly Endpoint[], ignoreOld = false): Process<number> {
    this.state.ignoresOldEvents = ignoreOld
    const joined = yield* this.memberlist.join(peers)
    this.state.ignoresOldEvents = false
    if (joined > 0) this.state.announceJoin()
    return joined
  }

  /** Leaves in order: the others see it left, not failed. Then comes `shutdown`. */
  *leave(): Process {
    const { broadcastTimeout, leavePropagateDelay } = this.config
    this.state.isLeaving = true
    yield* this.spreadLeave(this.config.name)
    yield* this.memberlist.leave(broadcastTimeout)
    yield* sleep(leavePropagateDelay)
  }

  /** Makes a failed node one that left (force-leave). @returns false when time was too short to tell all. */
  *removeFailedNode(name: string): Process<boolean> {
    return yield* this.spreadLeave(name)
  }

  private *spreadLeave(node: string): Process<boolean> {
    const { config, state } = this
    const told = new Condition(this.program)
    const { time } = state.clock
    state.clock.increment()
    state.broadcast({ type: 'leave', time, node }, () => told.notify())
    const isAlone = !state.members.withStatus('alive').some(({ name }) => name !== config.name)
    return isAlone || (yield* told.wait(config.broadcastTimeout))
  }

  /** Stops: others that it did not leave find it failed. */
  shutdown(): void {
    for (const fibre of this.fibres) fibre.cancel()
    this.fibres = []
    this.memberlist.shutdown()
  }

  /** @returns false when the tags are too long, or time was too short to tell all. */
  *setTags(tags: ReadonlyMap<string, string>): Process<boolean> {
    if (encodeTags(tags).length > META_BYTES_MAX) return false
    this.state.tags = tags
    return yield* this.memberlist.updateNode(this.config.broadcastTimeout)
  }

  /** Sends an event to all, itself too. @returns false when it is too long. */
  userEvent(name: string, payload: Uint8Array, coalesce: boolean): boolean {
    const { clock } = this.state.events
    const message: UserEventMessage = { type: 'user', time: clock.time, name, payload, coalesce }
    const isTooLong = encodeSerfMessage(message).length > this.config.userEventSizeLimit
    if (isTooLong) return false
    clock.increment()
    this.state.broadcast(message)
    return true
  }

  /** Asks all, itself too. @param timeout picoseconds. @returns null when it is too long. */
  query(name: string, payload: Uint8Array, timeout = this.queryTimeout): QueryResponses | null {
    const { config, memberlist, program, state } = this
    const { address, port } = memberlist.localNode
    const message: QueryMessage = {
      type: 'query',
      time: state.queries.clock.time,
      id: program.random.integer(0, 0x7fffffff),
      source: { name: config.name, address, port },
      timeout,
      name,
      payload,
    }
    if (encodeSerfMessage(message).length > config.querySizeLimit) return null
    const responses = state.queries.start(message)
    state.broadcast(message)
    return responses
  }

  private get queryTimeout(): number {
    const { memberlist, queryTimeoutMult } = this.config
    const count = this.memberlist.members.length
    return memberlist.gossipInterval * retransmitLimit(queryTimeoutMult, count)
  }
}
