import { STAGE_USER_FORWARD } from '../../../cpu/stage.ts'
import type { Datapath, Vport } from '../../../host/openvswitch/datapath.ts'
import type { Flow, FlowAction, TunnelKey } from '../../../host/openvswitch/flow.ts'
import type { Upcall, UpcallSocket } from '../../../host/openvswitch/upcalls.ts'
import type { Process } from '../../../sim/process.ts'
import { sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Frame } from '../../../wire/frame.ts'
import type { OverlayConnectionParams } from '../mesh/overlay.ts'
import type { PeerName } from '../mesh/peer.ts'
import { DataThread, type DataThreads } from './data-thread.ts'
import { FastdpForwarder } from './fastdp-forwarder.ts'
import { type FlowOp, type Forwarder, type PacketKey, packetOf, VETO } from './flow-op.ts'
import type { Ipsec } from './ipsec.ts'
import { L2Bridge, ROUTER_PORT } from './l2-bridge.ts'
import type { Injector, NetworkRouter } from './network-router.ts'
import type { ForwarderEvents, NetworkOverlay } from './switch-connection.ts'
import { shortIdsOf } from './tunnel-id.ts'

/** How often flows, and addresses of the bridge, that were not used since the last time are forgotten. */
const FLOW_EXPIRY = 300 * SECOND
const MAC_EXPIRY = 600 * SECOND

/** Of an upcall or a flow, what a decision needs. */
interface MissKey {
  readonly inPort: number
  readonly tunnel: TunnelKey | null
  readonly packet: PacketKey
}

/**
 * The fast datapath: flows of the kernel's Open vSwitch, made as packets miss: weaveworks/weave,
 * router/fastdp.go. What it has put into the kernel goes on without it.
 */
export class Fastdp implements NetworkOverlay, Injector {
  readonly name = 'fastdp'
  readonly datapath: Datapath
  readonly ipsec: Ipsec | null
  readonly bridge = new L2Bridge()
  /** Packets without a flow that it has seen. */
  misses = 0
  private readonly threads: DataThreads
  private readonly router: NetworkRouter
  private readonly upcalls: UpcallSocket
  private readonly vxlan: Vport
  private readonly forwarders = new Map<PeerName, FastdpForwarder>()

  private constructor(
    threads: DataThreads,
    datapath: Datapath,
    vxlan: Vport,
    router: NetworkRouter,
    ipsec: Ipsec | null,
  ) {
    this.threads = threads
    this.datapath = datapath
    this.vxlan = vxlan
    this.router = router
    this.ipsec = ipsec
    this.upcalls = datapath.openUpcalls()
    for (const port of datapath.vports) this.addBridgePort(port)
    this.bridge.setPort(ROUTER_PORT, (packet) => router.captured(packet))
    this.listen()
  }

  /** Takes over a datapath, without what an earlier router has left in it. @returns why not. */
  static start(
    threads: DataThreads,
    datapath: Datapath,
    udpPort: number,
    router: NetworkRouter,
    ipsec: Ipsec | null,
  ): Fastdp | string {
    for (const port of datapath.vports) if (port.type === 'vxlan') datapath.removePort(port)
    datapath.flows.clear()
    const vxlan = datapath.addVxlan(`vxlan-${udpPort}`, udpPort)
    if ('errno' in vxlan) return vxlan.message
    return new Fastdp(threads, datapath, vxlan, router, ipsec)
  }

  private listen(): void {
    const { program } = this.threads
    const thread = new DataThread(this.threads, 'weaver misses', () => this.consumeMiss())
    this.upcalls.onReadable = () => thread.wake()
    this.datapath.listen(this.upcalls)
    this.datapath.watchPorts((port, isThere) => {
      if (isThere) this.addBridgePort(port)
      else this.bridge.removePort(port.number)
    })
    program.own({
      close: () => {
        this.datapath.listen(null)
        this.datapath.watchPorts(null)
      },
    })
    program.spawn(this.expireFlows())
    program.spawn(this.expireMacs())
  }

  /** Netdevs and the datapath's own device are ports of the bridge; tunnels are not. */
  private addBridgePort(port: Vport): void {
    if (port.type === 'vxlan') return
    const actions: FlowAction[] = [{ type: 'output', port: port.number }]
    const ops: readonly FlowOp[] = [{ type: 'actions', actions }]
    this.bridge.setPort(port.number, () => ops)
    // Broadcasts are for one more port.
    this.invalidate()
  }

  prepare(params: OverlayConnectionParams, events: ForwarderEvents): Forwarder {
    const { program } = this.threads
    return new FastdpForwarder(program, this, params, events)
  }

  get mtu(): number {
    return this.datapath.port(0)!.device.mtu
  }

  /** The port that leads to other peers. */
  get vxlanPort(): number {
    return this.vxlan.number
  }

  /** The short id that we have now; others choose when two have the same. */
  get localShortId(): number {
    return this.router.mesh?.ourself.shortId ?? 0
  }

  addForwarder(peer: PeerName, forwarder: FastdpForwarder): void {
    this.forwarders.set(peer, forwarder)
  }

  removeForwarder(peer: PeerName, forwarder: FastdpForwarder): void {
    if (this.forwarders.get(peer) === forwarder) this.forwarders.delete(peer)
  }

  execute(frame: Frame, actions: readonly FlowAction[]): void {
    this.datapath.execute(frame, actions)
  }

  inject(packet: PacketKey): readonly FlowOp[] {
    return this.bridge.bridge(ROUTER_PORT, packet)
  }

  invalidate(): void {
    for (const flow of this.datapath.flows.entries()) this.datapath.deleteFlow(flow)
  }

  stop(): void {
    this.ipsec?.flush()
  }

  private consumeMiss(): boolean {
    const upcall = this.upcalls.receive()
    if (upcall === null) return false
    this.misses++
    const { namespace } = this.threads.program
    namespace.spend(STAGE_USER_FORWARD, upcall.frame)
    if (upcall.frame.trace !== 0) namespace.charge('user_forward', upcall.frame, 'weaver')
    const { frame, inPort, tunnel } = upcall
    this.send(this.decide({ inPort, tunnel, packet: packetOf(frame) }), upcall)
    return this.upcalls.length > 0
  }

  /** What is to be done with packets of this key; also learns from it. */
  private decide({ inPort, tunnel, packet }: MissKey): readonly FlowOp[] {
    if (tunnel === null) return this.bridge.bridge(inPort, packet)
    const peers = this.router.mesh?.peers
    const ids = shortIdsOf(tunnel.id)
    const from = peers?.byShortId(ids.from) ?? null
    const to = peers?.byShortId(ids.to) ?? null
    if (from === null || to === null) return [VETO]
    if (packet.source === 0 && packet.destination === 0) {
      const process = (frame: Frame) => this.forwarders.get(from.name)?.receiveHeartbeat(frame)
      return [{ type: 'process', process }]
    }
    return this.router.forwarded({ from, to, packet })
  }

  /** Does with a packet what was decided, and has the kernel do so with the next ones if it can. */
  private send(ops: readonly FlowOp[], { frame, inPort, tunnel }: Upcall): void {
    const actions: FlowAction[] = []
    let ethernet: PacketKey | null = null
    let isVetoed = false
    let isProcessed = false
    for (const op of ops) {
      if (op.type === 'actions') actions.push(...op.actions)
      else if (op.type === 'match') ethernet = op.packet
      else if (op.type === 'veto') isVetoed = true
      else if (op.type === 'process') {
        op.process(frame, false)
        isProcessed = true
      }
    }
    if (this.isHairpin(actions, inPort, tunnel)) return this.drop(frame, ops)
    if (actions.length > 0) {
      this.datapath.execute(isProcessed ? frame.clone() : frame, actions)
    } else if (!isProcessed) this.drop(frame, ops)
    if (!isVetoed && !isProcessed) this.datapath.addFlow({ inPort, tunnel, ethernet }, actions)
  }

  private drop(frame: Frame, ops: readonly FlowOp[]): void {
    const isError = ops.some((op) => op.type === 'veto' || (op.type === 'discard' && op.isError))
    this.router.drop(frame, isError)
  }

  /** Whether packets would go back where they came from, by a bridge port in hairpin mode. */
  private isHairpin(
    actions: readonly FlowAction[],
    inPort: number,
    tunnel: TunnelKey | null,
  ): boolean {
    return actions.some((action) => {
      if (action.type === 'output') return action.port === inPort && tunnel === null
      const { id, source, destination } = action.tunnel
      return (
        tunnel !== null &&
        id === tunnel.id &&
        source === tunnel.destination &&
        destination === tunnel.source
      )
    })
  }

  private *expireFlows(): Process {
    for (;;) {
      yield* sleep(FLOW_EXPIRY)
      for (const flow of this.datapath.flows.entries()) this.expireFlow(flow)
    }
  }

  /** What was used counts as seen again: the bridge and the table of addresses learn from it. */
  private expireFlow(flow: Flow): void {
    if (flow.used === null) {
      this.datapath.deleteFlow(flow)
      return
    }
    const { inPort, tunnel, ethernet } = flow.key
    const packet = ethernet ?? { source: 0, destination: 0 }
    this.decide({ inPort, tunnel, packet })
    this.datapath.clearFlow(flow)
  }

  private *expireMacs(): Process {
    for (;;) {
      yield* sleep(MAC_EXPIRY)
      this.bridge.expire()
    }
  }
}
