import type { Core, Releasable } from '../cpu/core.ts'
import { Port, type PortOwner } from '../link/port.ts'
import type { Holder } from '../measure/ledger.ts'
import { ALL_OFFLOADS, withFeatures } from '../stack/device-features.ts'
import { markChecksummed } from '../stack/gso.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { flowHash, rssHash } from '../wire/flow-hash.ts'
import { ETHERNET_HEADER_BYTES, type Frame, VLAN_TAG_BYTES } from '../wire/frame.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { HostDevice } from './host-device.ts'
import { MAX_QUEUES, type NicOptions, RX_RING } from './nic-options.ts'
import { RxQueue } from './rx-queue.ts'
import { scrub } from './scrub.ts'
import { TxQueue } from './tx-queue.ts'
import { UnicastFilter } from './unicast-filter.ts'

/** What the link's end knows as its owner: its name is the host's, so that the place reads host/eth0. */
class WireSide implements PortOwner {
  private readonly nic: Nic

  constructor(nic: Nic) {
    this.nic = nic
  }

  get name(): string {
    return this.nic.namespace.name
  }

  receive(frame: Frame): void {
    this.nic.receiveFromWire(frame)
  }
}

/** The way from a receive queue to another core's backlog (RPS). */
class Steering implements Releasable {
  private readonly nic: Nic
  private readonly core: Core

  constructor(nic: Nic, core: Core) {
    this.nic = nic
    this.core = core
  }

  release(frame: Frame): void {
    this.core.backlog.push(frame, this.nic)
  }
}

/**
 * A physical network card: one port, a unicast filter, offloads, and nothing that Linux would call a
 * kind. On a machine with cores it has receive queues with interrupts; else what arrives is received
 * at once.
 */
export class Nic extends HostDevice implements Holder {
  readonly kind = ''
  readonly port: Port
  /** One or more on a machine with cores, none else. */
  readonly queues: readonly RxQueue[]
  readonly filter: UnicastFilter
  private readonly txQueue: TxQueue
  private readonly hashesUdpPorts: boolean
  /** By core; empty without RPS. */
  private readonly steering: readonly Steering[]

  constructor(
    namespace: NetNamespace,
    name: string,
    mtu: number,
    mac: MacAddress,
    options: NicOptions = {},
  ) {
    super(namespace, name, mtu, mac)
    const { kernel } = namespace
    if (options.features !== undefined) this.features = withFeatures(ALL_OFFLOADS, options.features)
    this.filter = new UnicastFilter(options.filterEntries)
    this.port = new Port(kernel.simulator, kernel.ledger, new WireSide(this), 0, name)
    this.port.mtu = mtu
    this.txQueue = new TxQueue(kernel, this.port, options.txQueue)
    this.hashesUdpPorts = options.rss !== 'addresses'
    this.queues = this.makeQueues(options)
    const cores = kernel.machine?.cores ?? []
    this.steering = options.rps ? cores.map((core) => new Steering(this, core)) : []
    if (this.queues.length > 0) kernel.ledger.addHolder(this)
  }

  private makeQueues(options: NicOptions): RxQueue[] {
    const { machine } = this.namespace.kernel
    if (machine === null) return []
    const { cores } = machine
    const { queues = cores.length, rxRing = RX_RING, coalesce = 'adaptive' } = options
    return Array.from({ length: Math.min(queues, MAX_QUEUES) }, (_, i) => {
      return new RxQueue(this, cores[i % cores.length]!, rxRing, coalesce)
    })
  }

  protected transmit(frame: Frame): void {
    // The MTU is a plain field that a host may set directly: the port follows at the next frame.
    if (this.port.mtu !== this.mtu) this.port.mtu = this.mtu
    if (frame.gsoSize !== 0) this.txPackets += frame.gsoSegments - 1
    this.txQueue.transmit(scrub(frame, true))
  }

  /** A frame has arrived whole: the card's filter, then a receive queue, or the stack at once. */
  receiveFromWire(frame: Frame): void {
    const { namespace } = this
    if (!frame.isGroup && !this.accepts(frame)) return namespace.drop(frame, 'nic_filter', this)
    if (frame.length > this.mtu + ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES) {
      return namespace.drop(frame, 'frame_too_long', this)
    }
    const { queues } = this
    if (queues.length > 0) {
      markChecksummed(frame)
      const hash = rssHash(frame, namespace.kernel.hashSecret, this.hashesUdpPorts)
      queues[hash % queues.length]!.push(frame)
      return
    }
    const { kernel } = namespace
    kernel.enter()
    this.receive(frame)
    kernel.leave()
  }

  /** A receive queue hands a packet or unit to the stack, on another core where RPS says so. */
  steer(frame: Frame, core: Core): void {
    if (frame.gsoSize !== 0) this.rxPackets += frame.gsoSegments - 1
    const { steering } = this
    if (steering.length === 0) return this.receive(frame)
    const hash = flowHash(frame, this.namespace.kernel.hashSecret)
    const target = hash % steering.length
    if (target === core.index) core.backlog.push(frame, this)
    else core.defer(steering[target]!, frame)
  }

  private accepts(frame: Frame): boolean {
    return this.isOwn(frame) || this.isPromiscuous || this.filter.holds(frame.dstHi, frame.dstLo)
  }

  get isPromiscuous(): boolean {
    return this.promiscuity > 0 || this.filter.isOverfull
  }

  /** Times that an address did not fit the filter, so that the card turned promiscuous. */
  get filterOverflows(): number {
    return this.filter.overflows
  }

  override addUnicast(mac: MacAddress): void {
    this.filter.add(mac)
  }

  override removeUnicast(mac: MacAddress): void {
    this.filter.remove(mac)
  }

  heldFrames(): number {
    let held = 0
    for (const queue of this.queues) held += queue.heldFrames()
    return held
  }
}
