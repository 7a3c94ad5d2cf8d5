import type { Simulator } from '../sim/simulator.ts'
import type { NetDevice } from '../stack/device.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { type FrameSenderSpec, FrameStream } from './frame-stream.ts'
import { FixedMac, RandomMacs, SequentialMacs } from './mac-source.ts'
import { phaseOf } from './pace.ts'

export interface MacofOptions {
  readonly simulator: Simulator
  readonly name: string
  /** Which frames leave by: a sender each. */
  readonly devices: readonly NetDevice[]
  /** Null: a random one for each frame, as dsniff's macof does it. */
  readonly destination: MacAddress | null
  /** Time of the first frame, picoseconds. */
  readonly at: number
  /** Frames per second of each sender. */
  readonly packetRate: number
  /** Frames of each sender. */
  readonly count: number
  /** Different source addresses of each sender, used in turn; null: every frame has a new one. */
  readonly macs: number | null
  /** `sequential`: numbered from 02:00:00:00:00:00 on, over all senders. Default random. */
  readonly order?: 'random' | 'sequential'
  /** Frame bytes without FCS. Default 60. */
  readonly size?: number
}

/**
 * Frames from ever new MAC addresses, against the MAC tables on their way. Sources are unicast and
 * locally administered: dsniff's macof draws group addresses too, which no switch learns.
 */
export class Macof extends FrameStream {
  constructor(options: MacofOptions) {
    const { simulator, name, at, packetRate, count, size = 60, macs } = options
    const sources = macs ?? count
    super(
      { simulator, name, kind: 'macof', at, packetRate, count, size, sources },
      sendersOf(options, sources),
    )
  }
}

function sendersOf(options: MacofOptions, sources: number): FrameSenderSpec[] {
  const { simulator, name, devices, destination, count, packetRate, order } = options
  const random = simulator.random.stream(`workload/${name}`)
  return devices.map((device, index) => ({
    device,
    source:
      order === 'sequential'
        ? new SequentialMacs(index * sources, sources)
        : new RandomMacs(random, sources),
    destination: destination === null ? new RandomMacs(random, count) : new FixedMac(destination),
    phase: phaseOf(index, packetRate, random),
  }))
}
