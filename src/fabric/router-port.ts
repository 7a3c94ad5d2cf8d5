import type { Port, PortOwner } from '../link/port.ts'
import type { RateLimiter } from '../link/rate-limiter.ts'
import { NetDevice } from '../stack/device.ts'
import { ALL_OFFLOADS, withFeatures } from '../stack/device-features.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ETHERTYPE_IPV4, type Frame, PROTOCOL_TCP } from '../wire/frame.ts'
import type { MacAddress } from '../wire/mac-address.ts'

/** What the router's own TCP sends is cut in its CPU. One object for all ports. */
const NO_SEGMENTATION = withFeatures(ALL_OFFLOADS, { tso: false, tunnelTso: false })

/**
 * A routed port. Transit traffic is forwarded by the hardware; what the router itself must look at
 * (ARP, its own addresses, expired TTLs) goes to its CPU by a path of limited rate. BGP has a class of its
 * own there, as in the control-plane policing of real ones, which it does not fill.
 */
export class RouterPort extends NetDevice implements PortOwner {
  readonly kind = ''
  port: Port | null = null
  private readonly punt: RateLimiter

  constructor(
    namespace: NetNamespace,
    name: string,
    mtu: number,
    mac: MacAddress,
    punt: RateLimiter,
  ) {
    super(namespace, name, mtu, mac)
    this.punt = punt
    this.up = true
    this.features = NO_SEGMENTATION
  }

  protected transmit(frame: Frame): void {
    frame.mark = 0
    frame.conntrack = null
    this.port!.send(frame)
  }

  override receive(frame: Frame): void {
    const { namespace } = this
    const { kernel } = namespace
    if (!frame.isGroup && !this.isOwn(frame)) {
      kernel.ledger.drop(frame, 'nic_filter', this.label)
      return
    }
    if (this.isPunted(frame) && !this.punt.take(kernel.simulator.now)) {
      kernel.ledger.drop(frame, 'punt_rate', this.label)
      return
    }
    kernel.enter()
    super.receive(frame)
    kernel.leave()
  }

  private isPunted(frame: Frame): boolean {
    if (frame.etherType !== ETHERTYPE_IPV4 || frame.isGroup) return true
    if (isBgp(frame)) return false
    return frame.ttl <= 1 || this.namespace.isLocal(frame.ipDst)
  }
}

const BGP_PORT = 179

function isBgp(frame: Frame): boolean {
  if (frame.protocol !== PROTOCOL_TCP || frame.ttl <= 1) return false
  return frame.sourcePort === BGP_PORT || frame.destinationPort === BGP_PORT
}
