import { STAGE_USER_FORWARD } from '../../../cpu/stage.ts'
import { PacketRing } from '../../../host/packet-ring.ts'
import type { NetDevice } from '../../../stack/device.ts'
import type { Frame } from '../../../wire/frame.ts'
import { DataThread, type DataThreads } from './data-thread.ts'
import { type FlowOp, type PacketKey, packetOf } from './flow-op.ts'
import type { Injector, NetworkRouter } from './network-router.ts'

/** `--bufsz`, 8 MiB. */
const RING_BYTES = 8 * 2 ** 20

/** Captures and injects without a datapath, by a packet socket: weaveworks/weave, router/pcap.go. */
export class Pcap implements Injector {
  private readonly threads: DataThreads
  private readonly router: NetworkRouter
  private readonly ring: PacketRing
  private readonly injection: readonly FlowOp[]

  constructor(threads: DataThreads, device: NetDevice, router: NetworkRouter) {
    this.threads = threads
    this.router = router
    this.ring = new PacketRing(device, RING_BYTES)
    this.injection = [{ type: 'process', process: (frame) => this.ring.send(frame) }]
    const thread = new DataThread(threads, 'weaver pcap', () => this.capture())
    this.ring.onReadable = () => thread.wake()
    threads.program.own(this.ring)
  }

  private capture(): boolean {
    const frame = this.ring.receive()
    if (frame === null) return false
    const { namespace } = this.threads.program
    namespace.spend(STAGE_USER_FORWARD, frame)
    if (frame.trace !== 0) namespace.charge('user_forward', frame, 'weaver')
    this.router.process(frame, this.router.captured(packetOf(frame)))
    return true
  }

  inject(_packet: PacketKey): readonly FlowOp[] {
    return this.injection
  }

  /** There is no datapath that could. */
  execute(frame: Frame): void {
    this.router.drop(frame, true)
  }
}
