import type { Process } from '../../sim/process.ts'
import { sleep } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { formatIpv4 } from '../../wire/ipv4-address.ts'
import { encodeRequest } from '../http/encode.ts'
import { parseResponseHead } from '../http/head.ts'
import type { HeaderList } from '../http/headers.ts'
import { MessageReader } from '../http/message-reader.ts'
import { Condition } from '../program/condition.ts'
import { Mailbox } from '../program/mailbox.ts'
import type { Program } from '../program/program.ts'
import { Stream } from '../program/stream.ts'
import type { Message } from '../raft/types.ts'
import type { EntryData } from './member.ts'
import type { StoreAddress } from './store.ts'
import { WordsWriter } from './words.ts'

/** Where members take each other's words. */
export const PEER_PATH = '/raft'

/** What members tell each other: one body of JSON. */
export interface PeerWords {
  readonly messages: readonly Message[]
  /** Entries that the leader is to propose. */
  readonly proposals: readonly EntryData[]
}

/** rafthttp's DefaultConnReadTimeout: who does not answer for so long gets a new connection. */
const ANSWER_TIMEOUT = 5 * SECOND
/** rafthttp's streamBufSize: words for a peer that does not take them. */
const QUEUE_MAX = 4096
/** rafthttp's pause before it dials again (rate limit of 100 ms). */
const REDIAL_PAUSE = 100 * MILLISECOND
const HEADERS: HeaderList = [['Content-Type', 'application/json']]

type Item = { readonly message: Message } | { readonly proposal: EntryData }

/**
 * Words for one peer, as POST requests on one connection that do not wait for each other's answers. What
 * cannot be sent is lost: Raft says it again.
 */
export class PeerLink {
  private readonly program: Program
  private readonly peer: StoreAddress
  private readonly dialTimeout: number
  private readonly onUnreachable: () => void
  private readonly writer: WordsWriter
  private readonly queue: Mailbox<Item>
  private readonly sent: Condition
  private stream: Stream | null = null
  /** Requests without an answer. */
  private outstanding = 0

  /**
   * @param dialTimeout picoseconds. @param onUnreachable words were lost, or may have been.
   * @param writer shared by a member's links.
   */
  constructor(
    program: Program,
    peer: StoreAddress,
    dialTimeout: number,
    onUnreachable: () => void,
    writer = new WordsWriter(),
  ) {
    this.program = program
    this.peer = peer
    this.dialTimeout = dialTimeout
    this.onUnreachable = onUnreachable
    this.writer = writer
    this.queue = new Mailbox(program)
    this.sent = new Condition(program)
    program.spawn(this.run())
  }

  send(message: Message): void {
    this.put({ message })
  }

  propose(proposal: EntryData): void {
    this.put({ proposal })
  }

  private put(item: Item): void {
    if (this.queue.length >= QUEUE_MAX) return this.onUnreachable()
    this.queue.put(item)
  }

  private *run(): Process {
    for (;;) {
      const first = yield* this.queue.take()
      if (first === null) continue
      const words = this.collect(first)
      const stream = this.stream ?? (yield* this.connect())
      if (stream !== null && (yield* this.write(stream, words))) continue
      this.drop()
      yield* sleep(REDIAL_PAUSE)
    }
  }

  /** All that waits goes into one request. */
  private collect(first: Item): PeerWords {
    const messages: Message[] = []
    const proposals: EntryData[] = []
    for (let item: Item | null = first; item !== null; item = this.queue.poll()) {
      if ('message' in item) messages.push(item.message)
      else proposals.push(item.proposal)
    }
    return { messages, proposals }
  }

  private *connect(): Process<Stream | null> {
    const { program, peer, dialTimeout } = this
    const stream = yield* Stream.connect(program, peer.address, peer.port, dialTimeout)
    if (typeof stream === 'string') return null
    this.stream = stream
    this.outstanding = 0
    program.spawn(this.readAnswers(stream))
    return stream
  }

  private *write(stream: Stream, words: PeerWords): Process<boolean> {
    const { address, port } = this.peer
    const request = encodeRequest({
      method: 'POST',
      target: PEER_PATH,
      host: `${formatIpv4(address)}:${port}`,
      userAgent: '',
      headers: HEADERS,
      body: this.writer.write(words),
    })
    this.outstanding++
    this.sent.notify()
    return yield* stream.write(request)
  }

  private *readAnswers(stream: Stream): Process {
    const reader = new MessageReader((text) => parseResponseHead(text, false))
    for (;;) {
      while (this.outstanding === 0 && !stream.atEnd) yield* this.sent.wait()
      const bytes = yield* stream.read(ANSWER_TIMEOUT)
      if (bytes === null) break
      reader.feed(bytes)
      while (reader.readHead() !== null) this.outstanding--
      if (reader.error !== null) break
    }
    stream.abort()
    if (this.stream === stream) this.drop()
  }

  private drop(): void {
    this.stream?.abort()
    this.stream = null
    while (this.queue.poll() !== null);
    this.onUnreachable()
  }
}
