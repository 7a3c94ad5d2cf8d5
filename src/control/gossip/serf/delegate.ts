import type { Program } from '../../program/program.ts'
import { BroadcastQueue } from '../memberlist/broadcast-queue.ts'
import type { MemberlistDelegate } from '../memberlist/delegate.ts'
import type { Node } from '../memberlist/node-table.ts'
import type { Endpoint } from '../wire/messages.ts'
import type { SerfConfig } from './config.ts'
import { EventBuffer } from './event-buffer.ts'
import type { SerfEvent } from './events.ts'
import { LamportClock } from './lamport-clock.ts'
import { Members } from './members.ts'
import {
  COORDINATE_PAYLOAD,
  decodeSerfMessage,
  decodeSerfState,
  decodeTags,
  encodeSerfMessage,
  encodeSerfState,
  encodeTags,
  type Intent,
  type QueryMessage,
  type SerfMessage,
  type SerfState,
} from './messages.ts'
import { Queries } from './queries.ts'

/** What Serf makes of the messages of its cluster, and what it adds to those of memberlist. */
export class SerfDelegate implements MemberlistDelegate {
  readonly clock = new LamportClock()
  readonly members: Members
  readonly events: EventBuffer
  readonly queries: Queries
  readonly intentQueue: BroadcastQueue
  readonly queryQueue: BroadcastQueue
  readonly eventQueue: BroadcastQueue
  tags: ReadonlyMap<string, string>
  isLeaving = false
  /** While it joins: whether events of before are not wanted. */
  ignoresOldEvents = false
  private readonly program: Program
  private readonly config: SerfConfig
  private readonly onEvent: (event: SerfEvent) => void
  private readonly reply: (to: Endpoint, content: Uint8Array) => boolean

  /** @param reply sends a user message to an address by UDP. */
  constructor(
    program: Program,
    config: SerfConfig,
    onEvent: (event: SerfEvent) => void,
    reply: (to: Endpoint, content: Uint8Array) => boolean,
  ) {
    this.program = program
    this.config = config
    this.onEvent = onEvent
    this.reply = reply
    this.tags = config.tags
    this.members = new Members(
      () => program.now,
      (type, member) => onEvent({ type, member }),
    )
    this.events = new EventBuffer(config.eventBuffer)
    this.queries = new Queries(program, config.queryBuffer)
    const newQueue = (): BroadcastQueue =>
      new BroadcastQueue(config.memberlist.retransmitMult, () => this.members.size)
    this.intentQueue = newQueue()
    this.queryQueue = newQueue()
    this.eventQueue = newQueue()
  }

  nodeMeta(): Uint8Array {
    return encodeTags(this.tags)
  }

  ackPayload(): Uint8Array {
    return COORDINATE_PAYLOAD
  }

  notifyJoin(node: Node): void {
    this.members.joined(node, decodeTags(node.meta))
  }

  notifyLeave(node: Node): void {
    this.members.gone(node.name)
  }

  notifyUpdate(node: Node): void {
    this.members.updated(node, decodeTags(node.meta))
  }

  notifyMessage(content: Uint8Array): void {
    const message = decodeSerfMessage(content)
    if (message !== null && this.handle(message)) this.queueFor(message).queue({ content })
  }

  /** Takes in a message, of this node too. @returns whether it is news, to be passed on. */
  handle(message: SerfMessage): boolean {
    switch (message.type) {
      case 'join':
      case 'leave':
        return this.intend(message)
      case 'user': {
        const isNews = this.events.add(message)
        if (isNews) this.onEvent(message)
        return isNews
      }
      case 'query':
        return this.ask(message)
      case 'response':
        this.queries.answered(message)
        return false
    }
  }

  private queueFor({ type }: SerfMessage): BroadcastQueue {
    if (type === 'user') return this.eventQueue
    return type === 'query' ? this.queryQueue : this.intentQueue
  }

  private intend(intent: Intent): boolean {
    this.clock.witness(intent.time)
    const { name } = this.config
    if (intent.type === 'leave' && intent.node === name && !this.isLeaving) {
      // Of an earlier life, or others removed it: it is here.
      if (intent.time > this.members.statusTime(name)) this.announceJoin()
      return false
    }
    return this.members.intend(intent)
  }

  announceJoin(): void {
    this.broadcast({ type: 'join', time: this.clock.time, node: this.config.name })
  }

  /** Takes in a message of this node and sends it to all. @param finished see Broadcast. */
  broadcast(message: SerfMessage, finished?: () => void): void {
    const content = encodeSerfMessage(message)
    this.handle(message)
    this.queueFor(message).queue({ content, ...(finished && { finished }) })
  }

  private ask(message: QueryMessage): boolean {
    if (!this.queries.add(message)) return false
    const { name, payload, source, timeout } = message
    const deadline = this.program.now + timeout
    const respond = (answer: Uint8Array): boolean => {
      const content = this.responseTo(message, answer)
      if (content.length > this.config.queryResponseSizeLimit) return false
      return this.program.now <= deadline && this.reply(source, content)
    }
    this.onEvent({ type: 'query', query: { name, payload, from: source.name, respond } })
    return true
  }

  private responseTo({ id, time }: QueryMessage, payload: Uint8Array): Uint8Array {
    return encodeSerfMessage({ type: 'response', time, id, from: this.config.name, payload })
  }

  broadcasts(overhead: number, limit: number): Uint8Array[] {
    let left = limit
    return [this.intentQueue, this.queryQueue, this.eventQueue].flatMap((queue) => {
      const messages = queue.take(overhead, left)
      for (const { length } of messages) left -= length + overhead
      return messages
    })
  }

  localState(): Uint8Array {
    return encodeSerfState({
      time: this.clock.time,
      statusTimes: this.members.statusTimes,
      left: this.members.withStatus('left').map(({ name }) => name),
      eventTime: this.events.clock.time,
      slots: this.events.slots,
      queryTime: this.queries.clock.time,
    })
  }

  mergeRemoteState(bytes: Uint8Array, join: boolean): void {
    const state = decodeSerfState(bytes)
    if (state === null) return
    // Theirs is the time that no message has yet.
    if (state.time > 0) this.clock.witness(state.time - 1)
    if (state.eventTime > 0) this.events.clock.witness(state.eventTime - 1)
    if (state.queryTime > 0) this.queries.clock.witness(state.queryTime - 1)
    this.mergeIntents(state)
    if (join && this.ignoresOldEvents) this.events.ignoreBefore(state.eventTime)
    for (const slot of state.slots) {
      if (slot === null) continue
      const { events, time } = slot
      for (const event of events) this.handle({ type: 'user', time, ...event, coalesce: false })
    }
  }

  private mergeIntents({ left, statusTimes }: SerfState): void {
    const isLeft = new Set(left)
    for (const node of left) {
      // One later than the leave itself, which may be known but not be believed.
      this.handle({ type: 'leave', time: (statusTimes.get(node) ?? 0) + 1, node })
    }
    for (const [node, time] of statusTimes) {
      if (!isLeft.has(node)) this.handle({ type: 'join', time, node })
    }
  }
}
