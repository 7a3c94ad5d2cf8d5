import { Port, type PortOwner } from '../link/port.ts'
import type { Ledger } from '../measure/ledger.ts'
import type { Simulator } from '../sim/simulator.ts'
import { ARP_BYTES, ARP_REPLY, ARP_REQUEST, ArpPacket } from '../wire/arp.ts'
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, Frame } from '../wire/frame.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { formatMac, type MacAddress, macHi, macLo, macOf } from '../wire/mac-address.ts'

interface Station {
  readonly mac: MacAddress
  readonly address: Ipv4Address
  /** Port on which the station is reached. */
  readonly port: Port
  /** Whether the station's own cable ends here, so that its source is checked here. */
  readonly attached: boolean
}

/**
 * A cloud's virtual network: it knows every NIC by configuration, answers ARP itself, carries neither
 * broadcast nor frames to MACs that it does not know, and drops packets whose source MAC or address
 * is not the sending NIC's.
 */
export class CloudSwitch implements PortOwner {
  readonly name: string
  readonly ports: Port[] = []
  private readonly simulator: Simulator
  private readonly ledger: Ledger
  private readonly latency: number
  private readonly byMac = new Map<MacAddress, Station>()
  private readonly byAddress = new Map<Ipv4Address, Station>()
  private readonly byPort = new Map<Port, Station>()

  constructor(simulator: Simulator, ledger: Ledger, name: string, latency: number) {
    this.simulator = simulator
    this.ledger = ledger
    this.name = name
    this.latency = latency
  }

  addPort(name = `p${this.ports.length + 1}`): Port {
    const port = new Port(this.simulator, this.ledger, this, this.ports.length, name)
    port.receiveLatency = this.latency
    this.ports.push(port)
    return port
  }

  /** Tells the fabric of a NIC and the port towards it. */
  addStation(mac: MacAddress, address: Ipv4Address, port: Port, attached: boolean): void {
    const station: Station = { mac, address, port, attached }
    this.byMac.set(mac, station)
    this.byAddress.set(address, station)
    if (attached) this.byPort.set(port, station)
  }

  receive(frame: Frame, port: Port): void {
    const sender = this.byPort.get(port)
    if (sender !== undefined && !this.isGenuine(frame, sender)) {
      this.ledger.drop(frame, 'source_check', port.label, `NIC ${formatMac(sender.mac)}`)
      return
    }
    if (frame.etherType === ETHERTYPE_ARP && frame.isGroup) return this.answerArp(frame, port)
    const target = this.byMac.get(macOf(frame.dstHi, frame.dstLo))
    if (target === undefined) {
      this.ledger.drop(frame, 'unknown_mac', port.label, 'no NIC of this network')
      return
    }
    if (frame.trace !== 0) {
      const row = `NIC ${formatMac(target.mac)} behind ${target.port.name}`
      this.ledger.tracer?.stage(frame, 'switch', port.label, row)
    }
    target.port.send(frame)
  }

  private isGenuine(frame: Frame, sender: Station): boolean {
    if (macOf(frame.srcHi, frame.srcLo) !== sender.mac) return false
    if (frame.etherType === ETHERTYPE_IPV4) return frame.ipSrc === sender.address
    // Nobody may speak for another's address; 0.0.0.0 is how one asks whether an address is free.
    const { header } = frame
    if (!(header instanceof ArpPacket) || header.senderMac !== sender.mac) return false
    return header.senderIp === sender.address || header.senderIp === 0
  }

  private answerArp(request: Frame, port: Port): void {
    const asked = request.header
    const known =
      asked instanceof ArpPacket && asked.operation === ARP_REQUEST
        ? this.byAddress.get(asked.targetIp)
        : undefined
    if (known === undefined || !(asked instanceof ArpPacket)) {
      this.ledger.drop(request, 'unknown_mac', port.label, 'no broadcast; no NIC has this address')
      return
    }
    this.ledger.consumed++
    const reply = new Frame()
    reply.dstHi = request.srcHi
    reply.dstLo = request.srcLo
    reply.srcHi = macHi(known.mac)
    reply.srcLo = macLo(known.mac)
    reply.etherType = ETHERTYPE_ARP
    reply.l3Length = ARP_BYTES
    reply.header = new ArpPacket(
      ARP_REPLY,
      known.mac,
      known.address,
      asked.senderMac,
      asked.senderIp,
    )
    reply.trace = request.trace
    this.ledger.originated++
    port.send(reply)
  }
}
