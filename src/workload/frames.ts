import type { Simulator } from '../sim/simulator.ts'
import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Frame } from '../wire/frame.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { ETHERTYPE_EXPERIMENTAL, FrameStream } from './frame-stream.ts'
import { FixedMac } from './mac-source.ts'

export interface FramesOptions {
  readonly simulator: Simulator
  readonly name: string
  /** Which the frames leave by. */
  readonly device: NetDevice
  readonly source: MacAddress
  readonly destination: MacAddress
  /** Time of the first frame, picoseconds. */
  readonly at: number
  /** Frames per second. */
  readonly packetRate: number
  readonly count: number
  /** Frame bytes without FCS. Default 60. */
  readonly size?: number
}

/** Frames from one MAC address to another, below IP: probes of what switches and bridges do. */
export class Frames extends FrameStream {
  constructor(options: FramesOptions) {
    const { simulator, name, device, at, packetRate, count, size = 60 } = options
    const source = new FixedMac(options.source)
    const destination = new FixedMac(options.destination)
    super({ simulator, name, kind: 'frames', at, packetRate, count, size, sources: 1 }, [
      { device, source, destination, phase: 0 },
    ])
  }
}

/** Counts the generators' frames that reach a namespace, as a sniffer on its devices would. */
export class FrameCounter {
  /** Unicast to the device that received them. */
  own = 0
  /** Unicast to somebody else: flooded. */
  others = 0
  /** Broadcast and multicast. */
  group = 0
  bytes = 0

  constructor(namespace: NetNamespace) {
    namespace.setPacketHandler(ETHERTYPE_EXPERIMENTAL, (frame, device) => this.count(frame, device))
  }

  get total(): number {
    return this.own + this.others + this.group
  }

  private count(frame: Frame, device: NetDevice): void {
    this.bytes += frame.length
    if (frame.isGroup) this.group++
    else if (device.isOwn(frame)) this.own++
    else this.others++
  }
}
