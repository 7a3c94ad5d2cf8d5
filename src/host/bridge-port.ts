import type { NetDevice, RxHandler } from '../stack/device.ts'
import type { Frame } from '../wire/frame.ts'
import { GROUP_BIT_HI } from '../wire/mac-address.ts'
import type { Bridge } from './bridge.ts'
import { filterPrerouting } from './bridge-netfilter.ts'
import type { HostDevice, LinkChange, LinkWatcher } from './host-device.ts'
import { dropTooBig, fits } from './scrub.ts'

/** 01:80:c2:00:00:0X, of which X = 0 is spanning tree's and X = 1 a MAC pause. */
const LINK_LOCAL_HI = 0x0180c2
const LINK_LOCAL_LAST = 0x0f
const PAUSE = 0x01

/** A device as a port of a bridge, with what `bridge link set` sets (net/bridge/br_private.h). */
export class BridgePort implements RxHandler, LinkWatcher {
  readonly bridge: Bridge
  readonly device: HostDevice
  /** 1 to 1023: as the bridge's table names the port. */
  readonly number: number
  hairpin = false
  learning = true
  /** Whether frames to unknown unicast addresses go here. */
  flood = true
  /** Isolated ports do not talk to each other. */
  isolated = false

  constructor(bridge: Bridge, device: HostDevice, number: number) {
    this.bridge = bridge
    this.device = device
    this.number = number
  }

  /** br_dev_queue_push_xmit. */
  push(frame: Frame): void {
    if (fits(frame, this.device)) this.device.send(frame)
    else dropTooBig(frame, this.device)
  }

  /** should_deliver. */
  admits(input: BridgePort | null): boolean {
    if (!this.device.up) return false
    if (input === null) return true
    return (this.hairpin || input !== this) && !(input.isolated && this.isolated)
  }

  /** br_handle_frame. */
  handleFrame(frame: Frame, device: NetDevice): Frame | null {
    const { bridge } = this
    const { namespace } = device
    if ((frame.srcHi & GROUP_BIT_HI) !== 0 || (frame.srcHi | frame.srcLo) === 0) {
      namespace.drop(frame, 'invalid_source_mac', device)
      return null
    }
    if (frame.dstHi === LINK_LOCAL_HI && frame.dstLo > 0 && frame.dstLo <= LINK_LOCAL_LAST) {
      return this.handleLinkLocal(frame, device)
    }
    if (!bridge.up) {
      namespace.drop(frame, 'bridge_port_state', device)
      return null
    }
    if (!namespace.sysctls.bridgeNfCallIptables || namespace.filter === null) {
      bridge.receiveFrom(this, frame)
      return null
    }
    const passed = filterPrerouting(bridge, frame, this)
    if (passed === null) return null
    const { ipv4 } = namespace
    ipv4.prerouted = passed
    bridge.receiveFrom(this, passed)
    ipv4.prerouted = null
    return null
  }

  /** Never forwarded; the port's own stack gets it. With spanning tree off, X = 0 is forwarded. */
  private handleLinkLocal(frame: Frame, device: NetDevice): Frame | null {
    if (frame.dstLo === PAUSE) {
      device.namespace.drop(frame, 'reserved_multicast', device)
      return null
    }
    this.bridge.learn(this, frame)
    return frame
  }

  linkChanged(_device: HostDevice, change: LinkChange): void {
    this.bridge.portChanged(this, change)
  }

  /** Part of `ip -d link` of the device. */
  details(): Record<string, unknown> {
    return {
      state: this.device.up && this.bridge.up ? 'forwarding' : 'disabled',
      hairpin: this.hairpin,
      learning: this.learning,
      flood: this.flood,
      no: `0x${this.number.toString(16)}`,
      isolated: this.isolated,
    }
  }
}
