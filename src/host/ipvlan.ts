import { STAGE_MACVLAN } from '../cpu/stage.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ETHERTYPE_IPV4, type Frame } from '../wire/frame.ts'
import { formatMac, type MacAddress } from '../wire/mac-address.ts'
import { HostDevice } from './host-device.ts'
import type { IpvlanPort } from './ipvlan-port.ts'
import { dropTooBig, fits, scrub } from './scrub.ts'

/** `l3s` is l3 in which what comes in passes the rules of the host. */
export type IpvlanMode = 'l2' | 'l3' | 'l3s'
/** How children of one parent see each other. */
export type IpvlanFlag = 'bridge' | 'private' | 'vepa'

/**
 * A device with addresses of its own and its parent's MAC (drivers/net/ipvlan). Finding a child costs
 * what finding a macvlan does: nobody has measured it apart.
 */
export class Ipvlan extends HostDevice {
  readonly kind = 'ipvlan'
  readonly port: IpvlanPort

  constructor(namespace: NetNamespace, name: string, mtu: number, port: IpvlanPort) {
    super(namespace, name, mtu, port.lower.mac)
    this.port = port
    port.add(this)
  }

  /** The device on whose wire it sends. */
  get lower(): HostDevice {
    return this.port.lower
  }

  override get maxMtu(): number {
    return this.lower.mtu
  }

  /** The kernel refuses: the address is the parent's. */
  override setMac(_mac: MacAddress): void {}

  /** The parent's address has changed. */
  followMac(): void {
    super.setMac(this.lower.mac)
  }

  /** ipvlan_queue_xmit. */
  protected transmit(frame: Frame): void {
    this.namespace.spend(STAGE_MACVLAN, frame)
    if (this.port.mode === 'l2') this.transmitL2(frame)
    else this.transmitL3(frame)
  }

  private transmitL2(frame: Frame): void {
    const { port, lower } = this
    if (port.flag !== 'vepa' && this.isOwn(frame)) {
      const sibling = port.lookup(frame)
      if (sibling !== null) this.hand(frame, sibling)
      else forward(frame, this, lower)
    } else if (frame.isGroup) port.enqueue(scrub(frame, true), this)
    else lower.send(frame)
  }

  /** What is for no sibling is routed by the host's table, as if the host had made it. */
  private transmitL3(frame: Frame): void {
    const { port, lower } = this
    const sibling = port.flag === 'vepa' ? null : port.lookup(frame)
    if (sibling !== null) return this.hand(frame, sibling)
    const { namespace } = lower
    if (frame.etherType !== ETHERTYPE_IPV4) {
      return this.namespace.drop(frame, 'unhandled_protocol', this)
    }
    const route = namespace.routes.lookupFlow(frame)
    const isOut = route?.type === 'unicast' && route.device === lower
    if (!isOut && route?.type !== 'local') {
      return namespace.drop(frame, 'no_route', this, route ?? 'no route')
    }
    namespace.ipv4.sendEncapsulated(scrub(frame, true))
  }

  private hand(frame: Frame, sibling: Ipvlan): void {
    if (this.port.flag === 'private') this.namespace.drop(frame, 'ipvlan_private', this)
    else forward(frame, this, sibling)
  }

  protected override release(): void {
    this.port.remove(this)
  }

  override details(): Record<string, unknown> {
    return { mode: this.port.mode, flags: this.port.flag }
  }

  /** The row that decided, for traces. */
  override toString(): string {
    const { mode } = this.port
    return `${formatMac(this.mac)} dev ${this.label} ipvlan mode ${mode}`
  }
}

/** dev_forward_skb: what one device of the machine sent comes in by another. */
function forward(frame: Frame, from: Ipvlan, to: HostDevice): void {
  if (!to.up) return to.namespace.drop(frame, 'device_down', to)
  if (!fits(frame, to)) return dropTooBig(frame, to)
  const received = scrub(frame, to.namespace !== from.namespace)
  if (received.trace !== 0) from.namespace.charge('ipvlan', received, to, from)
  to.namespace.kernel.netifRx(to.isOwn(received) ? received : addressedTo(received, to), to)
}

/** In mode l3 nobody is asked for a MAC address: the header has the device's own twice. */
function addressedTo(frame: Frame, { hi, lo }: HostDevice): Frame {
  const copy = frame.writable()
  copy.dstHi = hi
  copy.dstLo = lo
  return copy
}
