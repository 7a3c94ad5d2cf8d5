import { Condition } from '../../../control/program/condition.ts'
import type { Stream } from '../../../control/program/stream.ts'
import type { Process } from '../../../sim/process.ts'
import type { RandomStream } from '../../../sim/random.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { formatMac, parseMac } from '../../../wire/mac-address.ts'
import { formatSocketAddress, GobReader } from './gob.ts'
import { type GossipData, GossipSender } from './gossip.ts'
import type { GossipChannel } from './gossip-channel.ts'
import type { OverlayConnection } from './overlay.ts'
import type { Peer } from './peer.ts'
import type { Link, PeerSummary } from './peer-record.ts'
import {
  HEARTBEAT_INTERVAL,
  type Intro,
  introduce,
  type Message,
  MessageStream,
  NO_PAYLOAD,
  READ_TIMEOUT,
  TAG_GOSSIP,
  TAG_GOSSIP_BROADCAST,
  TAG_HEARTBEAT,
  TAG_OVERLAY_CONTROL,
  TAG_RESERVED_1,
} from './protocol.ts'
import type { MeshRouter } from './router.ts'

export const CONNECT_TO_SELF = 'cannot connect to ourself'
export const NAME_COLLISION = 'peer names collision'
const NAME_FLAVOUR = 'mac'

export interface ConnectionOrigin {
  readonly isOutbound: boolean
  readonly address: Ipv4Address
  readonly port: number
  /** False where the address came from other peers, who then must know the peer's name as well. */
  readonly acceptNewPeer: boolean
}

/** Our end of a connection to a peer: weaveworks/mesh, connection.go. */
export class Connection {
  readonly isOutbound: boolean
  readonly remoteAddress: Ipv4Address
  readonly remotePort: number
  /** XOR of what both ends drew; before they introduced themselves, ours alone. */
  uid: bigint
  isEstablished = false
  private readonly router: MeshRouter
  private readonly stream: Stream
  private readonly messages: MessageStream
  private readonly acceptNewPeer: boolean
  private readonly changed: Condition
  private readonly outbox: Message[] = []
  private readonly senders = new Map<GossipChannel, GossipSender>()
  private peer: Peer | null = null
  private overlay: OverlayConnection | null = null
  private error: string | null = null
  private isHeartbeatDue = false
  /** When the last message had been dealt with. */
  private heardAt = 0

  constructor(router: MeshRouter, stream: Stream, origin: ConnectionOrigin) {
    this.router = router
    this.stream = stream
    this.messages = new MessageStream(stream)
    this.isOutbound = origin.isOutbound
    this.remoteAddress = origin.address
    this.remotePort = origin.port
    this.acceptNewPeer = origin.acceptNewPeer
    this.uid = random64(router.program.random)
    this.changed = new Condition(router.program)
  }

  /** Who is at the other end; only of connections that are ready. */
  get remote(): Peer {
    return this.peer!
  }

  /** Its data path; only of connections that are ready. */
  get overlayConnection(): OverlayConnection {
    return this.overlay!
  }

  /** As our record tells of it. */
  get link(): Link {
    const { isOutbound, isEstablished, remoteAddress: address, remotePort: port } = this
    return { name: this.remote.name, address, port, isOutbound, isEstablished }
  }

  /** Its whole life. */
  *run(): Process {
    const error = yield* this.live()
    this.tearDown(error)
  }

  /** Sends a message after those that wait. Never waits itself. */
  send(tag: number, content: Uint8Array): void {
    this.outbox.push({ head: Uint8Array.of(tag), payload: content })
    this.changed.notify()
  }

  gossip(channel: GossipChannel, data: GossipData): void {
    this.senderOf(channel).send(data)
    this.changed.notify()
  }

  gossipBroadcast(channel: GossipChannel, source: number, data: GossipData): void {
    this.senderOf(channel).broadcast(source, data)
    this.changed.notify()
  }

  /** Ends it; only the first error counts. */
  shutdown(error: string): void {
    if (this.error !== null) return
    this.error = error
    this.stream.abort()
    this.changed.notify()
  }

  print(text: string): void {
    this.router.print(`->[${this.remoteText}|${this.peer}]: ${text}`)
  }

  get remoteText(): string {
    return formatSocketAddress(this.remoteAddress, this.remotePort)
  }

  private *live(): Process<string> {
    const { router } = this
    const publicKey = new Uint8Array(32)
    if (router.config.password !== null) {
      for (let i = 0; i < 32; i++) publicKey[i] = router.program.random.integer(0, 255)
    }
    const { password } = router.config
    const intro = yield* introduce(this.messages, {
      password,
      publicKey,
      features: this.features(),
    })
    if (typeof intro === 'string') return intro
    const error = this.prepare(intro)
    if (error !== null) return error
    this.heardAt = router.program.now
    const reader = router.program.spawn(this.receive())
    this.awaitHeartbeat()
    this.awaitSilence(READ_TIMEOUT)
    const end = yield* this.sendWhileAlive()
    reader.cancel()
    return end
  }

  private features(): Map<string, string> {
    const { ourself, overlay } = this.router
    const features = new Map([
      ['PeerNameFlavour', NAME_FLAVOUR],
      ['Name', formatMac(ourself.name)],
      ['NickName', ourself.nickName],
      ['ShortID', String(ourself.shortId)],
      ['UID', String(ourself.uid)],
      ['ConnID', String(this.uid)],
      ['Trusted', String(this.router.trusts(this.remoteAddress))],
    ])
    overlay.addFeaturesTo(features)
    return features
  }

  /** Both ends know each other now: takes the connection into use. @returns the error, or null. */
  private prepare({ features, sessionKey }: Intro): string | null {
    const summary = parseFeatures(features)
    if (typeof summary === 'string') return summary
    this.uid ^= parse64(features.get('ConnID'))
    const error = this.register(summary)
    if (error !== null) return error
    const isRestarted = this.remote.uid !== summary.uid
    this.print('connection ready; using protocol version 2')
    const isTrusted = this.router.trusts(this.remoteAddress) && features.get('Trusted') === 'true'
    const overlay = this.router.overlay.prepareConnection({
      remotePeer: this.remote,
      localAddress: this.stream.localAddress,
      remoteAddress: this.remoteAddress,
      isOutbound: this.isOutbound,
      connectionUid: this.uid,
      sessionKey: isTrusted ? null : sessionKey,
      features,
      sendControlMessage: (tag, content) => this.send(tag, content),
      established: () => this.router.program.spawn(this.establish()),
      failed: (reason) => this.router.program.spawn(this.fail(reason)),
    })
    if (typeof overlay === 'string') return overlay
    this.overlay = overlay
    const refusal = this.router.connections.add(this, isRestarted)
    if (refusal !== null) return refusal
    this.router.connectionMaker.created(this)
    overlay.confirm()
    return null
  }

  private register(summary: PeerSummary): string | null {
    const { peers, ourself } = this.router
    if (!this.acceptNewPeer && peers.byName(summary.name) === null) {
      return `Found unknown remote name: ${formatMac(summary.name)} at ${this.remoteText}`
    }
    this.peer = peers.introduce(summary)
    if (this.peer !== ourself) return null
    if (summary.uid === ourself.uid) return CONNECT_TO_SELF
    return `local "${ourself}" and remote "${formatMac(summary.name)}(${summary.nickName})" ${NAME_COLLISION}`
  }

  private *establish(): Process {
    if (this.error !== null || this.isEstablished) return
    this.isEstablished = true
    this.router.connections.established(this)
    yield* []
  }

  private *fail(reason: string): Process {
    this.shutdown(reason)
    yield* []
  }

  private awaitHeartbeat(): void {
    this.router.program.after(HEARTBEAT_INTERVAL, () => {
      this.isHeartbeatDue = true
      this.changed.notify()
    })
  }

  /** One timer a connection: one a message would leave as many behind as there are messages in a minute. */
  private awaitSilence(left: number): void {
    const { program } = this.router
    program.after(left, () => {
      if (this.error !== null) return
      const remaining = this.heardAt + READ_TIMEOUT - program.now
      if (remaining > 0) this.awaitSilence(remaining)
      else program.spawn(this.fail('i/o timeout'))
    })
  }

  /** Sends what waits, until there is an error. @returns it. */
  private *sendWhileAlive(): Process<string> {
    for (;;) {
      let message = this.error === null ? this.next() : null
      while (message !== null) {
        const isTaken = yield* this.stream.write(this.messages.frame(message))
        if (!isTaken) this.shutdown('write: broken pipe')
        message = this.error === null ? this.next() : null
      }
      if (this.error !== null) return this.error
      yield* this.changed.wait()
    }
  }

  private next(): Message | null {
    if (this.isHeartbeatDue) {
      this.isHeartbeatDue = false
      this.awaitHeartbeat()
      return { head: Uint8Array.of(TAG_HEARTBEAT), payload: NO_PAYLOAD }
    }
    const first = this.outbox.shift()
    if (first !== undefined) return first
    for (const [channel, sender] of this.senders) {
      const picked = sender.pick()
      if (picked === null) continue
      const { source, data } = picked
      for (const payload of data.encode()) {
        this.outbox.push(
          source === null
            ? channel.gossipMessage(payload)
            : channel.broadcastMessage(source, payload),
        )
      }
      return this.outbox.shift() ?? null
    }
    return null
  }

  private senderOf(channel: GossipChannel): GossipSender {
    let sender = this.senders.get(channel)
    if (sender === undefined) {
      sender = new GossipSender()
      this.senders.set(channel, sender)
    }
    return sender
  }

  private *receive(): Process {
    while (this.error === null) {
      this.heardAt = this.router.program.now
      const message = yield* this.messages.receive()
      if (typeof message === 'string') return this.shutdown(message)
      const error = yield* this.take(message)
      if (error !== null) return this.shutdown(error)
    }
  }

  private *take(message: Uint8Array): Process<string | null> {
    const tag = message[0]
    if (tag === undefined || tag === TAG_HEARTBEAT) return null
    if (tag === TAG_OVERLAY_CONTROL || (tag >= TAG_RESERVED_1 && tag < TAG_GOSSIP)) {
      this.overlayConnection.controlMessage(tag, message.subarray(1))
      return null
    }
    if (tag > TAG_GOSSIP_BROADCAST || tag < TAG_GOSSIP) {
      this.print(`ignoring unknown protocol tag: ${tag}`)
      return null
    }
    const payload = message.subarray(1)
    const reader = new GobReader(payload)
    const channel = this.router.channel(reader.text())
    const source = reader.uint()
    if (reader.isBroken) return 'unexpected EOF'
    // A channel that only others have: the real router keeps a surrogate for it.
    if (channel === null) return null
    return yield* channel.deliver(tag, source, reader, payload)
  }

  private tearDown(error: string): void {
    if (this.peer === null) {
      const text = 'connection shutting down due to error during handshake'
      this.router.print(`->[${this.remoteText}] ${text}: ${error}`)
    } else this.print(`connection shutting down due to error: ${error}`)
    this.error ??= error
    this.stream.abort()
    if (this.peer !== null) {
      this.peer.references--
      this.router.connections.remove(this)
    }
    this.overlay?.stop()
    this.router.connectionMaker.terminated(this, error)
  }
}

function parseFeatures(features: ReadonlyMap<string, string>): PeerSummary | string {
  for (const key of ['PeerNameFlavour', 'Name', 'NickName', 'UID', 'ConnID']) {
    if (!features.has(key)) return `field ${key} is missing`
  }
  const flavour = features.get('PeerNameFlavour')
  if (flavour !== NAME_FLAVOUR) {
    return `Peer name flavour mismatch (ours: '${NAME_FLAVOUR}', theirs: '${flavour}')`
  }
  const name = parseMac(features.get('Name')!)
  if (name === null) return `invalid peer name format: "${features.get('Name')}"`
  const shortId = Number(features.get('ShortID') ?? '0')
  const hasShortId = features.has('ShortID')
  const nickName = features.get('NickName')!
  return { name, nickName, uid: parse64(features.get('UID')), version: 0, shortId, hasShortId }
}

/** A decimal number of 64 bits. */
function parse64(text = ''): bigint {
  return /^\d{1,20}$/.test(text) ? BigInt(text) : 0n
}

export function random64(random: RandomStream): bigint {
  return BigInt.asUintN(
    64,
    (BigInt(random.int32()) << 32n) | BigInt.asUintN(32, BigInt(random.int32())),
  )
}
