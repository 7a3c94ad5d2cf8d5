import { STAGE_ARP } from '../cpu/stage.ts'
import { ARP_BYTES, ARP_REPLY, ARP_REQUEST, ArpPacket } from '../wire/arp.ts'
import { ETHERTYPE_ARP, Frame } from '../wire/frame.ts'
import { type Ipv4Address, isMulticast } from '../wire/ipv4-address.ts'
import { BROADCAST_MAC, formatMac, type MacAddress, macHi, macLo } from '../wire/mac-address.ts'
import type { NetDevice } from './device.ts'
import type { NetNamespace } from './namespace.ts'
import type { Neighbour } from './neighbour.ts'

/** ARP of one namespace (net/ipv4/arp.c). */
export class Arp {
  private readonly namespace: NetNamespace
  /** How often an address was claimed by another MAC than the one known, and what was seen last. */
  conflicts = 0
  lastConflict: string | null = null

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
  }

  /** Asks for `neighbour`: by unicast while its address is in doubt, else by broadcast. */
  solicit(neighbour: Neighbour, waiting: Frame | null): void {
    const { device, address } = neighbour
    const source = this.sourceFor(device, address, waiting)
    if (source === null) return
    const unicast = neighbour.state === 'PROBE'
    const target = unicast ? neighbour.hi * 0x1000000 + neighbour.lo : BROADCAST_MAC
    this.transmit(device, ARP_REQUEST, target, source, 0, address, waiting?.trace ?? 0)
  }

  /** arp_announce 0: the packet's own source where it is ours, else the device's best address. */
  private sourceFor(
    device: NetDevice,
    target: Ipv4Address,
    waiting: Frame | null,
  ): Ipv4Address | null {
    if (waiting && this.namespace.isLocal(waiting.ipSrc)) return waiting.ipSrc
    return this.namespace.ipv4.selectSource(device, target)
  }

  /** `arping -A`: announces `address` on `device`. */
  announce(device: NetDevice, address: Ipv4Address): void {
    this.transmit(device, ARP_REQUEST, BROADCAST_MAC, address, 0, address, 0)
  }

  private transmit(
    device: NetDevice,
    operation: number,
    destination: MacAddress,
    senderIp: Ipv4Address,
    targetMac: MacAddress,
    targetIp: Ipv4Address,
    trace: number,
  ): void {
    const frame = new Frame()
    frame.dstHi = macHi(destination)
    frame.dstLo = macLo(destination)
    frame.srcHi = device.hi
    frame.srcLo = device.lo
    frame.etherType = ETHERTYPE_ARP
    frame.l3Length = ARP_BYTES
    frame.header = new ArpPacket(operation, device.mac, senderIp, targetMac, targetIp)
    frame.trace = trace
    this.namespace.kernel.ledger.originated++
    this.namespace.spend(STAGE_ARP, frame)
    device.send(frame)
  }

  receive(frame: Frame, device: NetDevice): void {
    const packet = frame.header
    this.namespace.spend(STAGE_ARP, frame)
    if (!(packet instanceof ArpPacket)) {
      this.namespace.drop(frame, 'unhandled_protocol', device)
      return
    }
    if (device.noArp || isMulticast(packet.targetIp)) {
      this.namespace.drop(frame, 'arp_ignored', device)
      return
    }
    if (packet.operation === ARP_REQUEST && this.answers(packet, device)) {
      this.answer(frame, packet, device)
      return
    }
    this.learn(frame, packet, device)
  }

  /** A question is answered as the packet would be taken: not from whom the source check refuses. */
  private answers({ senderIp, targetIp }: ArpPacket, device: NetDevice): boolean {
    const { namespace } = this
    // Sender address 0 is a duplicate address probe (RFC 5227).
    const isOurs = namespace.hasAddress(targetIp)
    if (senderIp === 0) return isOurs
    // First what is cheap: most of those who hear a question are not asked.
    if (!isOurs && !(device.proxyArp && namespace.sysctls.ipForward)) return false
    if (namespace.ipv4.sourceFault(senderIp, device) !== null) return false
    if (isOurs) return true
    const route = namespace.routes.lookup(targetIp)
    return route !== null && route.type === 'unicast' && route.device !== device
  }

  private answer(frame: Frame, packet: ArpPacket, device: NetDevice): void {
    const { namespace } = this
    if (packet.senderIp !== 0) {
      const neighbour = namespace.neighbours.lookupOrCreate(device, packet.senderIp)
      if (!neighbour) {
        namespace.drop(frame, 'neighbour_table_full', device)
        return
      }
      this.noteConflict(neighbour, packet)
      // neigh_event_ns: who asks is believed at once, whatever was known of it.
      neighbour.update(packet.senderMac, 'STALE', true)
    }
    namespace.charge('arp', frame, 'answered', device)
    namespace.kernel.ledger.consumed++
    this.transmit(
      device,
      ARP_REPLY,
      packet.senderMac,
      packet.targetIp,
      packet.senderMac,
      packet.senderIp,
      frame.trace,
    )
  }

  private learn(frame: Frame, packet: ArpPacket, device: NetDevice): void {
    const { namespace } = this
    const neighbour = namespace.neighboursIfAny?.lookup(device, packet.senderIp)
    if (!neighbour) {
      namespace.drop(frame, 'arp_ignored', device)
      return
    }
    this.noteConflict(neighbour, packet)
    const solicited = packet.operation === ARP_REPLY && !frame.isGroup
    neighbour.update(
      packet.senderMac,
      solicited ? 'REACHABLE' : 'STALE',
      isGratuitous(packet) || this.mayOverride(neighbour),
    )
    namespace.charge('arp', frame, neighbour, device)
    namespace.kernel.ledger.consumed++
  }

  /** The first of two answers wins for `locktime`. */
  private mayOverride(neighbour: Neighbour): boolean {
    const { kernel } = this.namespace
    return kernel.simulator.now > neighbour.updated + kernel.profile.neighbour.locktime
  }

  private noteConflict(neighbour: Neighbour, packet: ArpPacket): void {
    if (!neighbour.isValid) return
    if (neighbour.hi === macHi(packet.senderMac) && neighbour.lo === macLo(packet.senderMac)) return
    this.conflicts++
    this.lastConflict = `${formatMac(packet.senderMac)} claims the address of ${neighbour}`
  }
}

/** arp_is_garp: a reply must name its sender as the target's MAC address as well. */
function isGratuitous({ operation, senderIp, targetIp, senderMac, targetMac }: ArpPacket): boolean {
  return targetIp === senderIp && (operation !== ARP_REPLY || targetMac === senderMac)
}
