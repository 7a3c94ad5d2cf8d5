import type { Process } from '../../../sim/process.ts'
import type { Program } from '../../program/program.ts'
import { Stream, type StreamListener } from '../../program/stream.ts'
import {
  type Endpoint,
  encodeMessage,
  MESSAGE,
  type NamedEndpoint,
  type Ping,
} from '../wire/messages.ts'
import {
  decodeMessageStream,
  decodePushPull,
  decodeUserStream,
  encodePushPull,
  type PushPull,
  type UserStream,
} from '../wire/stream-messages.ts'
import type { MemberlistConfig } from './config.ts'
import type { MemberlistDelegate } from './delegate.ts'
import type { Membership } from './membership.ts'

/** maxPushStateBytes and maxUserMsgBytes of memberlist. */
const BYTES_MAX = 20 * 1024 * 1024

/** maxPushPullRequests: beyond, those who ask are left without an answer. */
const PUSH_PULLS_MAX = 128

/** The TCP side of memberlist: one connection for each exchange. */
export class Streams {
  private readonly program: Program
  private readonly listener: StreamListener
  private readonly self: NamedEndpoint
  private readonly config: MemberlistConfig
  private readonly delegate: MemberlistDelegate
  private readonly membership: Membership
  private pushPulls = 0

  constructor(
    program: Program,
    listener: StreamListener,
    self: NamedEndpoint,
    config: MemberlistConfig,
    delegate: MemberlistDelegate,
    membership: Membership,
  ) {
    this.program = program
    this.listener = listener
    this.self = self
    this.config = config
    this.delegate = delegate
    this.membership = membership
  }

  *listen(): Process {
    for (;;) {
      const stream = yield* this.listener.accept()
      if (stream === null) return
      this.program.spawn(this.serve(stream))
    }
  }

  private *serve(stream: Stream): Process {
    const deadline = this.program.now + this.config.tcpTimeout
    const first = yield* this.readSome(stream, deadline)
    if (first !== null) yield* this.serveFrom(stream, first, deadline)
    stream.close()
  }

  private *serveFrom(stream: Stream, first: Uint8Array, deadline: number): Process {
    const type = first[0]
    if (type === MESSAGE.pushPull) yield* this.servePushPull(stream, first, deadline)
    else if (type === MESSAGE.user) {
      const message = yield* this.readAll(stream, first, deadline, decodeUserStream)
      if (message !== null) this.delegate.notifyMessage(message.content)
    } else if (type === MESSAGE.ping) {
      const ping = yield* this.readAll(stream, first, deadline, decodeMessageStream)
      if (ping === null || ping.type !== 'ping' || ping.node !== this.self.name) return
      const { sequence } = ping
      yield* stream.write(encodeMessage({ type: 'ack', sequence, payload: new Uint8Array() }))
    }
  }

  private *servePushPull(stream: Stream, first: Uint8Array, deadline: number): Process {
    if (this.pushPulls >= PUSH_PULLS_MAX) return
    this.pushPulls++
    const remote = yield* this.readAll(stream, first, deadline, decodePushPull)
    if (remote !== null && (yield* stream.write(this.localState(remote.join)))) this.merge(remote)
    this.pushPulls--
  }

  private localState(join: boolean): Uint8Array {
    const userState = this.delegate.localState(join)
    return encodePushPull({ join, nodes: this.membership.nodes.all, userState })
  }

  private merge({ join, nodes, userState }: PushPull): void {
    this.membership.merge(nodes)
    if (userState.length > 0) this.delegate.mergeRemoteState(userState, join)
  }

  /** Exchanges all that both know. @returns whether it came about. */
  *pushPull(peer: Endpoint, join: boolean): Process<boolean> {
    const stream = yield* this.connect(peer)
    if (stream === null) return false
    yield* stream.write(this.localState(join))
    const deadline = this.program.now + this.config.tcpTimeout
    const first = yield* this.readSome(stream, deadline)
    const remote =
      first !== null && first[0] === MESSAGE.pushPull
        ? yield* this.readAll(stream, first, deadline, decodePushPull)
        : null
    stream.close()
    // What it means for the joining side depends on what it asked for, not on the answer.
    if (remote !== null) this.merge({ ...remote, join })
    return remote !== null
  }

  /** @returns whether it was handed to a connection; nobody confirms it. */
  *sendUser(peer: Endpoint, { bytes }: UserStream): Process<boolean> {
    const stream = yield* this.connect(peer)
    if (stream === null) return false
    const isTaken = yield* stream.write(bytes)
    stream.close()
    return isTaken
  }

  /** @returns whether the peer answers by TCP before the deadline. */
  *ping(peer: Endpoint, ping: Ping, deadline: number): Process<boolean> {
    const { program } = this
    if (program.now >= deadline) return false
    const stream = yield* Stream.connect(program, peer.address, peer.port, deadline - program.now)
    if (typeof stream === 'string') return false
    yield* stream.write(encodeMessage(ping))
    const first = yield* this.readSome(stream, deadline)
    const ack = first && (yield* this.readAll(stream, first, deadline, decodeMessageStream))
    stream.close()
    return ack !== null && ack.type === 'ack' && ack.sequence === ping.sequence
  }

  private *connect({ address, port }: Endpoint): Process<Stream | null> {
    const { tcpTimeout } = this.config
    const stream = yield* Stream.connect(this.program, address, port, tcpTimeout)
    return typeof stream === 'string' ? null : stream
  }

  private *readSome(stream: Stream, deadline: number): Process<Uint8Array | null> {
    const left = deadline - this.program.now
    return left > 0 ? yield* stream.read(left) : null
  }

  private *readAll<T extends object>(
    stream: Stream,
    first: Uint8Array,
    deadline: number,
    decode: (bytes: Uint8Array) => T | 'short' | 'bad',
  ): Process<T | null> {
    const gathered = new Gathered(first)
    while (gathered.bytes.length <= BYTES_MAX) {
      const message = decode(gathered.bytes)
      if (typeof message === 'object') return message
      if (message === 'bad') return null
      const left = deadline - this.program.now
      // Of long messages the next part is often there.
      const more = left > 0 ? (stream.poll() ?? (yield* stream.read(left))) : null
      if (more === null) return null
      gathered.add(more)
    }
    return null
  }

  close(): void {
    this.listener.close()
  }
}

/** The parts of one message. Those that follow each other in memory, as the segments of one write do, stay there. */
class Gathered {
  bytes: Uint8Array
  /** Memory of its own, from the first part on that does not. */
  private room: Uint8Array | null = null

  constructor(first: Uint8Array) {
    this.bytes = first
  }

  add(part: Uint8Array): void {
    const { buffer, byteOffset, length } = this.bytes
    const whole = length + part.length
    if (part.buffer === buffer && part.byteOffset === byteOffset + length) {
      this.bytes = new Uint8Array(buffer, byteOffset, whole)
      return
    }
    if (this.room === null || whole > this.room.length) {
      // As much again: long messages come in many parts.
      this.room = new Uint8Array(2 * whole)
      this.room.set(this.bytes)
    }
    this.room.set(part, length)
    this.bytes = this.room.subarray(0, whole)
  }
}
