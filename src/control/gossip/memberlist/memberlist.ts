import { type Process, sleep } from '../../../sim/process.ts'
import { Condition } from '../../program/condition.ts'
import { Datagrams } from '../../program/datagrams.ts'
import { Mailbox } from '../../program/mailbox.ts'
import type { Fibre, Program } from '../../program/program.ts'
import { StreamListener } from '../../program/stream.ts'
import type { Endpoint, NamedEndpoint } from '../wire/messages.ts'
import type { UserStream } from '../wire/stream-messages.ts'
import type { MemberlistConfig } from './config.ts'
import { META_BYTES_MAX, type MemberlistDelegate } from './delegate.ts'
import { Membership } from './membership.ts'
import { isGone, type Node } from './node-table.ts'
import { Packets } from './packets.ts'
import { Prober } from './prober.ts'
import { pushPullInterval } from './scale.ts'
import { Streams } from './streams.ts'
import type { Suspicion } from './suspicion.ts'
import { Ticker } from './ticker.ts'

/**
 * A member of a cluster that keeps its own membership: SWIM with Lifeguard's additions as
 * hashicorp/memberlist has it, over UDP and TCP of one port. Nothing is compressed or encrypted.
 */
export class Memberlist {
  private readonly program: Program
  private readonly self: NamedEndpoint
  private readonly config: MemberlistConfig
  private readonly delegate: MemberlistDelegate
  private readonly membership: Membership
  private readonly packets: Packets
  private readonly streams: Streams
  private readonly expired: Mailbox<{ readonly suspicion: Suspicion; readonly name: string }>
  private fibres: Fibre<unknown>[] = []

  private constructor(
    program: Program,
    self: NamedEndpoint,
    config: MemberlistConfig,
    delegate: MemberlistDelegate,
    socket: Datagrams,
    listener: StreamListener,
  ) {
    this.program = program
    this.self = self
    this.config = config
    this.delegate = delegate
    this.expired = new Mailbox(program)
    const membership = new Membership(program, self, config, delegate, (suspicion, name) =>
      this.expired.put({ suspicion, name }),
    )
    this.membership = membership
    this.packets = new Packets(program, socket, self, config, delegate, membership)
    this.streams = new Streams(program, listener, self, config, delegate, membership)
  }

  /** Starts as a cluster of one. @param self what others reach it by. @returns null when its port is taken. */
  static start(
    program: Program,
    self: NamedEndpoint,
    config: MemberlistConfig,
    delegate: MemberlistDelegate,
  ): Memberlist | null {
    const listener = StreamListener.open(program, self.port)
    if (listener === null) return null
    const socket = Datagrams.open(program, self.port)
    if (socket === null) {
      listener.close()
      return null
    }
    const memberlist = new Memberlist(program, self, config, delegate, socket, listener)
    memberlist.membership.announce(memberlist.meta())
    memberlist.run()
    return memberlist
  }

  private run(): void {
    const { packets, program, streams } = this
    const loops = [packets.listen(), streams.listen(), this.buryExpired()]
    loops.push(this.probe(), this.gossip(), this.pushAndPull())
    this.fibres = loops.map((loop) => program.spawn(loop))
  }

  private *probe(): Process {
    const { config, membership, packets, program, self, streams } = this
    const prober = new Prober(program, self, config, membership, packets, streams)
    const ticker = new Ticker(program, config.probeInterval)
    for (;;) {
      yield* ticker.wait()
      yield* prober.probe()
    }
  }

  private *gossip(): Process {
    const ticker = new Ticker(this.program, this.config.gossipInterval)
    for (;;) {
      yield* ticker.wait()
      this.packets.gossip()
    }
  }

  private meta(): Uint8Array {
    const meta = this.delegate.nodeMeta()
    if (meta.length > META_BYTES_MAX)
      throw new Error(`meta of ${meta.length} bytes: over the limit`)
    return meta
  }

  private *buryExpired(): Process {
    for (;;) {
      const entry = yield* this.expired.take()
      if (entry !== null) this.membership.expired(entry.suspicion, entry.name)
    }
  }

  private *pushAndPull(): Process {
    const { config, membership, program, self } = this
    // Members that started together must not all push at the same moment.
    yield* sleep(Math.floor(program.random.next() * config.pushPullInterval))
    for (;;) {
      yield* sleep(pushPullInterval(config.pushPullInterval, membership.nodes.size))
      const [peer] = membership.nodes.pick(
        1,
        ({ name, state }) => name === self.name || state !== 'alive',
      )
      if (peer !== undefined) yield* this.streams.pushPull(peer, false)
    }
  }

  /** Joins the clusters of these peers, one after the other. @returns how many of them answered. */
  *join(peers: readonly Endpoint[]): Process<number> {
    let joined = 0
    for (const peer of peers) if (yield* this.streams.pushPull(peer, true)) joined++
    return joined
  }

  /**
   * Tells the others that it leaves, and is then no longer probed by them; it works until `shutdown`.
   * @param timeout picoseconds. @returns false when the news was not sent often enough by then.
   */
  *leave(timeout: number): Process<boolean> {
    if (this.membership.hasLeft) return true
    return yield* this.spread(timeout, (finished) => this.membership.leave(finished))
  }

  /** Tells the others the meta that the delegate gives now. @returns false when time was too short. */
  *updateNode(timeout: number): Process<boolean> {
    const meta = this.meta()
    return yield* this.spread(timeout, (finished) => this.membership.announce(meta, finished))
  }

  private *spread(timeout: number, tell: (finished: () => void) => void): Process<boolean> {
    const told = new Condition(this.program)
    let isTold = false
    tell(() => {
      isTold = true
      told.notify()
    })
    if (isTold || !this.membership.anyOtherAlive) return true
    return yield* told.wait(timeout)
  }

  /** Stops: others that it did not leave find it failed. */
  shutdown(): void {
    for (const fibre of this.fibres) fibre.cancel()
    this.fibres = []
    this.packets.close()
    this.streams.close()
  }

  /** The alive and the suspected, itself among them. */
  get members(): readonly Node[] {
    return this.nodes.filter(({ state }) => !isGone(state))
  }

  /** All it knows, the dead too as long as they are gossiped to. */
  get nodes(): readonly Node[] {
    return this.membership.nodes.all
  }

  node(name: string): Node | undefined {
    return this.membership.nodes.get(name)
  }

  get localNode(): Node {
    return this.membership.nodes.get(this.self.name)!
  }

  /** How slow it thinks it is itself: 0 = well. */
  get healthScore(): number {
    return this.membership.awareness.score
  }

  /** Sends a user message by UDP, at once, to each of these. */
  sendBestEffort(to: readonly Node[], content: Uint8Array): void {
    this.packets.sendToAll(to, content)
  }

  /**
   * The same to somebody who need not be a member: without a checksum.
   * @returns whether the kernel took it.
   */
  sendToAddress(to: Endpoint, content: Uint8Array): boolean {
    return this.packets.sendTo(to, { type: 'user', content })
  }

  /** Sends a user message by TCP. @returns whether it was handed to a connection; nobody confirms it. */
  *sendReliable(to: Endpoint, message: UserStream): Process<boolean> {
    return yield* this.streams.sendUser(to, message)
  }
}
