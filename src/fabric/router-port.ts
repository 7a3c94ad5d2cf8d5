import type { Port, PortOwner } from '../link/port.ts'
import type { RateLimiter } from '../link/rate-limiter.ts'
import { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ETHERTYPE_IPV4, type Frame } from '../wire/frame.ts'
import type { MacAddress } from '../wire/mac-address.ts'

/**
 * A routed port. Transit traffic is forwarded by the hardware; what the router itself must look at
 * (ARP, its own addresses, expired TTLs) goes to its CPU by a path of limited rate.
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
    return frame.ttl <= 1 || this.namespace.isLocal(frame.ipDst)
  }
}
