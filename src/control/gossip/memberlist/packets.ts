import type { Process } from '../../../sim/process.ts'
import { Condition } from '../../program/condition.ts'
import type { Datagrams } from '../../program/datagrams.ts'
import type { Program } from '../../program/program.ts'
import {
  decodeMessage,
  type Endpoint,
  encodeMessage,
  type IndirectPing,
  type Message,
  type NamedEndpoint,
  type Ping,
} from '../wire/messages.ts'
import {
  COMPOUND_ENTRY_BYTES,
  COMPOUND_HEADER_BYTES,
  packMessages,
  unpackMessages,
  userPacket,
  withCrc,
} from '../wire/packets.ts'
import type { MemberlistConfig } from './config.ts'
import type { MemberlistDelegate } from './delegate.ts'
import type { Membership } from './membership.ts'

/** The type byte of a user message. */
const USER_OVERHEAD = 1

/** What one waits for after a ping. */
export class PendingPing {
  isAcked = false
  nacks = 0
  private readonly changed: Condition
  private readonly program: Program

  constructor(program: Program) {
    this.program = program
    this.changed = new Condition(program)
  }

  ack(): void {
    this.isAcked = true
    this.changed.notify()
  }

  /** @returns whether the answer came by then. */
  *wait(until: number): Process<boolean> {
    while (!this.isAcked && this.program.now < until) {
      yield* this.changed.wait(until - this.program.now)
    }
    return this.isAcked
  }
}

/** The UDP side of memberlist: what comes is handled at once, what goes takes broadcasts along. */
export class Packets {
  private readonly program: Program
  private readonly socket: Datagrams
  private readonly self: NamedEndpoint
  private readonly config: MemberlistConfig
  private readonly delegate: MemberlistDelegate
  private readonly membership: Membership
  private readonly pending = new Map<number, PendingPing>()
  private sequence = 0

  constructor(
    program: Program,
    socket: Datagrams,
    self: NamedEndpoint,
    config: MemberlistConfig,
    delegate: MemberlistDelegate,
    membership: Membership,
  ) {
    this.program = program
    this.socket = socket
    this.self = self
    this.config = config
    this.delegate = delegate
    this.membership = membership
  }

  *listen(): Process {
    for (;;) {
      const datagram = yield* this.socket.receive()
      if (datagram === null) return
      for (const bytes of unpackMessages(datagram.content)) {
        const message = decodeMessage(bytes)
        if (message !== null) this.handle(message)
      }
    }
  }

  private handle(message: Message): void {
    switch (message.type) {
      case 'ping':
        return this.answer(message)
      case 'indirect-ping':
        this.program.spawn(this.pingFor(message))
        return
      case 'ack':
        return this.pending.get(message.sequence)?.ack()
      case 'nack': {
        const pending = this.pending.get(message.sequence)
        if (pending !== undefined) pending.nacks++
        return
      }
      case 'alive':
        return this.membership.alive(message)
      case 'suspect':
        return this.membership.suspect(message)
      case 'dead':
        return this.membership.dead(message)
      case 'user':
        return this.delegate.notifyMessage(message.content)
    }
  }

  private answer({ node, sequence, source }: Ping): void {
    if (node !== this.self.name) return
    this.send(source, { type: 'ack', sequence, payload: this.delegate.ackPayload() })
  }

  /** Pings a node for another one, and tells it either way. */
  private *pingFor({ sequence, target, source }: IndirectPing): Process {
    const until = this.program.now + this.config.probeTimeout
    const { pending, ping } = this.newPing(target.name, this.config.probeTimeout)
    this.send(target, ping)
    if (yield* pending.wait(until)) {
      this.send(source, { type: 'ack', sequence, payload: new Uint8Array() })
    } else this.send(source, { type: 'nack', sequence })
  }

  /** A ping that is answered for as long as `lifetime`. */
  newPing(node: string, lifetime: number): { ping: Ping; pending: PendingPing } {
    const pending = new PendingPing(this.program)
    const sequence = ++this.sequence
    this.pending.set(sequence, pending)
    this.program.after(lifetime, () => this.pending.delete(sequence))
    return { ping: { type: 'ping', sequence, node, source: this.self }, pending }
  }

  /** Sends with as many broadcasts as fit besides. @returns whether the kernel took it. */
  send(to: Endpoint, message: Message): boolean {
    const content = encodeMessage(message)
    const limit = this.config.udpBufferSize - content.length - COMPOUND_HEADER_BYTES
    const messages = [content, ...this.takeBroadcasts(limit)]
    return this.sendPackets(to, packMessages(messages))
  }

  /** Sends just these. Only to nodes one knows by name a checksum goes along, as in memberlist. */
  sendKnown(to: Endpoint, messages: readonly Uint8Array[]): boolean {
    return this.sendPackets(to, packMessages(messages).map(withCrc))
  }

  /** Sends a user message, and nothing else, to several nodes that one knows by name. */
  sendToAll(nodes: readonly Endpoint[], content: Uint8Array): void {
    const packet = userPacket(content)
    for (const { address, port } of nodes) this.socket.send(address, port, packet)
  }

  /** Sends just this, to one whose name is not known. */
  sendTo(to: Endpoint, message: Message): boolean {
    return this.sendPackets(to, [encodeMessage(message)])
  }

  private sendPackets(to: Endpoint, packets: readonly Uint8Array[]): boolean {
    const errors = packets.map((packet) => this.socket.send(to.address, to.port, packet))
    return errors.every((error) => error === null)
  }

  private takeBroadcasts(limit: number): Uint8Array[] {
    const messages = this.membership.broadcasts.take(COMPOUND_ENTRY_BYTES, limit)
    let left = limit
    for (const { length } of messages) left -= length + COMPOUND_ENTRY_BYTES
    const overhead = COMPOUND_ENTRY_BYTES + USER_OVERHEAD
    if (left <= overhead) return messages
    for (const content of this.delegate.broadcasts(overhead, left)) {
      messages.push(encodeMessage({ type: 'user', content }))
    }
    return messages
  }

  /** Passes news on to some nodes by chance; also to those that died lately, who may know better. */
  gossip(): void {
    const { config, membership, self, program } = this
    const nodes = membership.nodes.pick(config.gossipNodes, ({ name, state, since }) => {
      if (name === self.name || state === 'left') return true
      return state === 'dead' && program.now - since > config.gossipToTheDeadTime
    })
    for (const node of nodes) {
      const messages = this.takeBroadcasts(config.udpBufferSize - COMPOUND_HEADER_BYTES)
      if (messages.length === 0) return
      this.sendKnown(node, messages)
    }
  }

  close(): void {
    this.socket.close()
  }
}
