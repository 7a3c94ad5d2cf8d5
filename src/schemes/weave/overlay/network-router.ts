import type { Program } from '../../../control/program/program.ts'
import type { FlowAction } from '../../../host/openvswitch/flow.ts'
import type { Frame } from '../../../wire/frame.ts'
import { formatMac, type MacAddress } from '../../../wire/mac-address.ts'
import type { OverlayConnection } from '../mesh/overlay.ts'
import type { Peer, PeerName } from '../mesh/peer.ts'
import { DISCARD, DISCARD_LOST, type FlowOp, type ForwardKey, type PacketKey } from './flow-op.ts'
import { MacCache } from './mac-cache.ts'
import { SwitchConnection } from './switch-connection.ts'

/** Of the mesh, what forwarding asks for. */
export interface MeshView {
  readonly ourself: Peer
  readonly peers: {
    byName(name: PeerName): Peer | null
    byShortId(id: number): Peer | null
  }
  readonly routes: {
    unicast(to: PeerName): PeerName | null
    broadcast(origin: PeerName): readonly PeerName[]
  }
  connectionTo(
    name: PeerName,
  ): { readonly remote: Peer; readonly overlayConnection: OverlayConnection } | null
}

/** Where frames for containers of this host go, and what of theirs is captured comes from. */
export interface Injector {
  inject(packet: PacketKey): readonly FlowOp[]
  /** Has the kernel do what it can do. */
  execute(frame: Frame, actions: readonly FlowAction[]): void
}

const SPANNING_TREE: MacAddress = 0x0180c2000000

/** Which frame goes to which peer: weaveworks/weave, router/network_router.go. */
export class NetworkRouter {
  readonly macs = new MacCache()
  /** Set before the first frame comes. */
  mesh: MeshView | null = null
  injector: Injector | null = null
  /** Called when a MAC address has moved from peer to peer. */
  onMacMoved: () => void = () => {}
  private readonly program: Program

  constructor(program: Program) {
    this.program = program
  }

  /** A frame of one of our containers has left the bridge. */
  captured(packet: PacketKey): readonly FlowOp[] {
    const { mesh } = this
    if (mesh === null) return [DISCARD]
    const { ourself } = mesh
    const { source, destination } = packet
    const news = this.macs.add(source, ourself, false, this.program.now)
    if (typeof news === 'object') {
      const macs = `(${formatMac(source)}) to (${formatMac(destination)})`
      this.program.log.push(
        `Captured frame from MAC ${macs} associated with another peer ${news.conflict}`,
      )
      return [DISCARD]
    }
    if (destination === SPANNING_TREE) return [DISCARD]
    const to = this.macs.lookup(destination)
    if (to === ourself) return [DISCARD]
    if (to === null) return this.relayBroadcast(mesh, ourself, packet)
    return [this.relay(mesh, { from: ourself, to, packet })]
  }

  /** A frame has come from another peer, for us or for one behind us. */
  forwarded(key: ForwardKey): readonly FlowOp[] {
    const { mesh, injector } = this
    if (mesh === null || injector === null) return [DISCARD]
    if (key.to !== mesh.ourself) return [this.relay(mesh, key)]
    this.learn(key)
    const injected = injector.inject(key.packet)
    if (this.macs.lookup(key.packet.destination) === mesh.ourself) return injected
    return [...injected, ...this.relayBroadcast(mesh, key.from, key.packet)]
  }

  /** Does with one frame in user space what was decided: FlowOp.Process. */
  process(frame: Frame, ops: readonly FlowOp[]): void {
    let isUsed = false
    for (const op of ops) {
      if (op.type !== 'actions' && op.type !== 'process') continue
      const copy = isUsed ? frame.clone() : frame
      isUsed = true
      if (op.type === 'actions') this.injector?.execute(copy, op.actions)
      else op.process(copy, op.isBroadcast ?? false)
    }
    if (!isUsed)
      this.drop(
        frame,
        ops.some((op) => op.type === 'discard' && op.isError),
      )
  }

  /** Books a frame that ends in user space. @param isError whether somebody wanted it. */
  drop(frame: Frame, isError: boolean): void {
    const { namespace } = this.program
    namespace.kernel.ledger.originated++
    namespace.drop(frame, isError ? 'program_drop' : 'program_filter', null)
  }

  private learn({ from, packet }: ForwardKey): void {
    const news = this.macs.add(packet.source, from, true, this.program.now)
    if (news === 'known') return
    const mac = formatMac(packet.source)
    const before = news === 'new' ? '' : ` (was at ${news.conflict})`
    this.program.log.push(`Discovered remote MAC ${mac} at ${from}${before}`)
    if (news !== 'new') this.onMacMoved()
  }

  private relay(mesh: MeshView, key: ForwardKey): FlowOp {
    const hop = mesh.routes.unicast(key.to.name)
    if (hop === null) {
      this.program.log.push(`Received packet for unknown destination: ${key.to}`)
      return DISCARD_LOST
    }
    const connection = mesh.connectionTo(hop)
    if (connection === null) {
      this.program.log.push(`Unable to find connection to relay peer ${formatMac(hop)}`)
      return DISCARD_LOST
    }
    return pathOf(connection.overlayConnection).forward(key)
  }

  /** On along the tree that begins at `from`. */
  private relayBroadcast(mesh: MeshView, from: Peer, packet: PacketKey): readonly FlowOp[] {
    const ops: FlowOp[] = []
    for (const name of mesh.routes.broadcast(from.name)) {
      const connection = mesh.connectionTo(name)
      if (connection === null) continue
      const { remote, overlayConnection } = connection
      const op = pathOf(overlayConnection).forward({ from, to: remote, packet })
      ops.push(op.type === 'process' ? { ...op, isBroadcast: true } : op)
    }
    return ops.length === 0 ? [DISCARD] : ops
  }
}

function pathOf(connection: OverlayConnection): SwitchConnection {
  if (connection instanceof SwitchConnection) return connection
  throw new TypeError('the data path of a connection is a switch of overlays')
}
