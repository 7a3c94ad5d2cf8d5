import type { MacTable } from '../link/mac-table.ts'
import type { Port } from '../link/port.ts'
import { RateLimiter } from '../link/rate-limiter.ts'
import type { Simulator } from '../sim/simulator.ts'
import { type Frame, MIN_FRAME_BYTES, WIRE_OVERHEAD_BYTES } from '../wire/frame.ts'
import { PortSecurity, type PortSecurityOptions } from './port-security.ts'
import { PortVlans, type VlanMode } from './port-vlans.ts'

/** Why a frame goes to every port; what storm control and the flood counters tell apart. */
export type FloodKind = 'broadcast' | 'multicast' | 'unknownUnicast'

/** Storm control: frames per second that a port takes of a kind; more are dropped. */
export type StormControlOptions = Partial<Record<FloodKind, number>>

export interface SwitchPortOptions {
  readonly vlans?: VlanMode
  readonly security?: PortSecurityOptions
  readonly stormControl?: StormControlOptions
  /** Sends a frame back through the port it came from if its destination is there (802.1Qbg). */
  readonly hairpin?: boolean
}

/** What a port was given to send because the switch flooded. */
class FloodCount {
  frames = 0
  /** With padding, FCS, preamble and gap: the time on the link that they ask for. */
  wireBytes = 0
}

/** What may come at once before the rate holds, in seconds' worth of frames; assumed. */
const STORM_BURST_SECONDS = 0.1

/** What a switch keeps of one of its ports. */
export class SwitchPort {
  readonly port: Port
  /** Set by the spanning tree; a port that does not forward neither learns nor sends. */
  forwarding = true
  readonly hairpin: boolean
  /** Null in a switch without VLANs, which takes tags for payload. */
  vlans: PortVlans | null
  readonly security: PortSecurity | null
  readonly broadcast = new FloodCount()
  readonly multicast = new FloodCount()
  readonly unknownUnicast = new FloodCount()
  private readonly storm: Partial<Record<FloodKind, RateLimiter>>

  constructor(simulator: Simulator, table: MacTable, port: Port, options: SwitchPortOptions) {
    this.port = port
    this.hairpin = options.hairpin ?? false
    this.vlans = options.vlans === undefined ? null : new PortVlans(options.vlans)
    this.security =
      options.security === undefined
        ? null
        : new PortSecurity(simulator, table, port.index, options.security)
    const { broadcast, multicast, unknownUnicast } = options.stormControl ?? {}
    this.storm = {
      ...(broadcast === undefined ? {} : { broadcast: stormLimiter(broadcast) }),
      ...(multicast === undefined ? {} : { multicast: stormLimiter(multicast) }),
      ...(unknownUnicast === undefined ? {} : { unknownUnicast: stormLimiter(unknownUnicast) }),
    }
  }

  /** Whether nothing but learning and forwarding happens here. */
  get isPlain(): boolean {
    const stormless = Object.keys(this.storm).length === 0
    return this.forwarding && !this.hairpin && !this.vlans && !this.security && stormless
  }

  /** Whether a frame may be sent here: the link is there and nothing has closed the port. */
  get isOpen(): boolean {
    const { port } = this
    return (
      this.forwarding &&
      port.isUp &&
      port.peer !== null &&
      (this.security === null || !this.security.isDisabled)
    )
  }

  /** The tag with which a frame leaves; a port without VLANs passes frames as they are. */
  egressTag(frame: Frame, vlan: number): number {
    return this.vlans === null ? frame.vlan : this.vlans.egressTag(vlan, frame.vlan)
  }

  /** Whether storm control lets a frame of this kind in. */
  takes(kind: FloodKind, now: number): boolean {
    const limiter = this.storm[kind]
    return limiter === undefined || limiter.take(now)
  }
}

/** Bytes of a frame on the wire. @param length without padding and FCS. */
export function wireBytesOf(length: number): number {
  return (length < MIN_FRAME_BYTES ? MIN_FRAME_BYTES : length) + WIRE_OVERHEAD_BYTES
}

function stormLimiter(rate: number): RateLimiter {
  return new RateLimiter(rate, Math.max(1, Math.floor(rate * STORM_BURST_SECONDS)))
}
