import { Condition } from '../../../control/program/condition.ts'
import type { Program } from '../../../control/program/program.ts'
import type { FlowAction } from '../../../host/openvswitch/flow.ts'
import type { Process } from '../../../sim/process.ts'
import { encode } from '../../../wire/encode.ts'
import { ETHERNET_HEADER_BYTES, Frame } from '../../../wire/frame.ts'
import type { OverlayConnectionParams } from '../mesh/overlay.ts'
import type { Fastdp } from './fastdp.ts'
import type { FlowOp, Forwarder, ForwardKey } from './flow-op.ts'
import { FAST_HEARTBEAT, HEARTBEAT_TIMEOUT, SLOW_HEARTBEAT } from './heartbeat.ts'
import type { ForwarderEvents } from './switch-connection.ts'
import { tunnelIdOf } from './tunnel-id.ts'

const TAG_HEARTBEAT_ACK = 0
const TAG_INIT_SA_REMOTE = 1
const UID_BYTES = 8
const LENGTH_BYTES = 2
const TTL = 64

/**
 * The fast datapath to one peer: weaveworks/weave, router/fastdp.go, fastDatapathForwarder. That our
 * heartbeats arrive, as long as packets may be, the peer says once, by the control connection; that
 * the peer's arrive is seen here, and while they do not, the path is unhealthy.
 */
export class FastdpForwarder implements Forwarder {
  readonly name = 'fastdp'
  private readonly program: Program
  private readonly fastdp: Fastdp
  private readonly params: OverlayConnectionParams
  private readonly events: ForwarderEvents
  private readonly changed: Condition
  private interval = FAST_HEARTBEAT
  /** Infinity: not to be sent. */
  private heartbeatAt = Infinity
  private timeoutAt = Infinity
  private isConfirmed = false
  private isStopped = false
  private isHealthy = true
  private isEstablished = false
  private hasAcked = false
  /** Whether what we send can be encrypted. */
  private hasOutboundSa = false
  /** By tunnel id: a broadcast of each container of a host goes the same way. */
  private readonly actions = new Map<number, readonly FlowAction[]>()

  constructor(
    program: Program,
    fastdp: Fastdp,
    params: OverlayConnectionParams,
    events: ForwarderEvents,
  ) {
    this.program = program
    this.fastdp = fastdp
    this.params = params
    this.events = events
    this.changed = new Condition(program)
  }

  get mtu(): number {
    return this.fastdp.mtu
  }

  private get isEncrypted(): boolean {
    return this.fastdp.ipsec !== null && this.params.sessionKey !== null
  }

  confirm(): void {
    const { program, params } = this
    this.fastdp.addForwarder(params.remotePeer.name, this)
    this.isConfirmed = true
    if (this.isEncrypted) {
      const message = this.fastdp.ipsec!.initLocal(params)
      this.events.sendControlMessage(TAG_INIT_SA_REMOTE, message)
    }
    if (!this.isEncrypted || this.hasOutboundSa) this.heartbeatAt = program.now
    this.timeoutAt = program.now + HEARTBEAT_TIMEOUT
    program.spawn(this.run())
  }

  private *run(): Process {
    while (!this.isStopped) {
      const { now } = this.program
      if (now >= this.heartbeatAt) {
        this.sendHeartbeat()
        this.heartbeatAt = now + this.interval
      } else if (now >= this.timeoutAt) this.missedHeartbeats()
      else yield* this.changed.wait(Math.min(this.heartbeatAt, this.timeoutAt) - now)
    }
  }

  /** Sent even while the path is unhealthy, for the peer to notice when it is not any more. */
  private sendHeartbeat(): void {
    const { fastdp, params } = this
    const actions = this.actionsTo(tunnelIdOf(fastdp.localShortId, params.remotePeer.shortId))
    fastdp.datapath.execute(heartbeatFrame(params.connectionUid, fastdp.mtu), actions)
  }

  private missedHeartbeats(): void {
    this.timeoutAt = Infinity
    this.events.healthy(false)
    this.isHealthy = false
    this.slowDown()
  }

  private slowDown(): void {
    if (this.interval === SLOW_HEARTBEAT) return
    this.interval = SLOW_HEARTBEAT
    if (this.heartbeatAt === Infinity) return
    this.heartbeatAt = this.program.now + SLOW_HEARTBEAT
    this.changed.notify()
  }

  /** A frame without addresses has come by the tunnel of this peer. */
  receiveHeartbeat(frame: Frame): void {
    const bytes = encode(frame)
    if (bytes.length < ETHERNET_HEADER_BYTES + UID_BYTES + LENGTH_BYTES) return
    const view = new DataView(bytes.buffer)
    const { connectionUid } = this.params
    if (view.getBigUint64(ETHERNET_HEADER_BYTES) !== connectionUid) return
    if (view.getUint16(ETHERNET_HEADER_BYTES + UID_BYTES) !== bytes.length) return
    if (!this.hasAcked) {
      this.hasAcked = true
      this.events.sendControlMessage(TAG_HEARTBEAT_ACK, new Uint8Array(0))
    }
    if (!this.isConfirmed) return
    this.timeoutAt = this.program.now + HEARTBEAT_TIMEOUT
    this.changed.notify()
    if (this.isHealthy) return
    this.isHealthy = true
    this.events.healthy(true)
  }

  controlMessage(tag: number, content: Uint8Array): void {
    if (tag === TAG_HEARTBEAT_ACK) this.acknowledged()
    else if (tag === TAG_INIT_SA_REMOTE) this.initRemote(content)
  }

  private acknowledged(): void {
    if (!this.isEstablished) {
      this.isEstablished = true
      this.events.established()
    }
    this.slowDown()
  }

  private initRemote(content: Uint8Array): void {
    if (this.isStopped || !this.isEncrypted) return
    this.fastdp.ipsec!.initRemote(this.params, content)
    this.hasOutboundSa = true
    if (!this.isConfirmed) return
    this.heartbeatAt = this.program.now
    this.changed.notify()
  }

  forward({ from, to }: ForwardKey): FlowOp {
    return { type: 'actions', actions: this.actionsTo(tunnelIdOf(from.shortId, to.shortId)) }
  }

  private actionsTo(id: number): readonly FlowAction[] {
    let actions = this.actions.get(id)
    if (actions === undefined) {
      actions = this.makeActions(id)
      this.actions.set(id, actions)
    }
    return actions
  }

  private makeActions(id: number): readonly FlowAction[] {
    const { localAddress: source, remoteAddress: destination } = this.params
    const outer = { ttl: TTL, tos: 0, dontFragment: true, checksum: false }
    return [
      { type: 'set_tunnel', tunnel: { id, source, destination, ...outer } },
      { type: 'output', port: this.fastdp.vxlanPort },
    ]
  }

  /** Its flows stay until they expire. */
  stop(): void {
    if (this.isStopped) return
    this.isStopped = true
    this.fastdp.removeForwarder(this.params.remotePeer.name, this)
    if (this.isEncrypted) this.fastdp.ipsec!.destroy(this.params)
    this.changed.notify()
  }
}

/** As long as the longest packet, so that it proves the whole MTU. */
function heartbeatFrame(uid: bigint, mtu: number): Frame {
  const content = new Uint8Array(UID_BYTES + LENGTH_BYTES)
  const view = new DataView(content.buffer)
  view.setBigUint64(0, uid)
  view.setUint16(UID_BYTES, ETHERNET_HEADER_BYTES + mtu)
  const frame = new Frame()
  frame.l3Length = mtu
  frame.payload = content
  return frame
}
