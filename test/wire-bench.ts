/** Hosts whose cables end in the test, which writes and reads every frame itself. */
import { Nic } from '../src/host/nic.ts'
import { Port, type PortOwner } from '../src/link/port.ts'
import { Ledger } from '../src/measure/ledger.ts'
import { Simulator } from '../src/sim/simulator.ts'
import { SECOND } from '../src/sim/units.ts'
import { fragmentDatagram } from '../src/stack/fragment.ts'
import { Kernel } from '../src/stack/kernel.ts'
import { KERNEL_PROFILES, type KernelProfile } from '../src/stack/kernel-profile.ts'
import { NetNamespace } from '../src/stack/namespace.ts'
import { ARP_BYTES, ARP_REPLY, ARP_REQUEST, ArpPacket } from '../src/wire/arp.ts'
import { describe } from '../src/wire/describe.ts'
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  Frame,
  PROTOCOL_ICMP,
  PROTOCOL_UDP,
} from '../src/wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_ECHO, ICMP_FRAG_NEEDED, IcmpMessage } from '../src/wire/icmp.ts'
import { ipv4, parseInterfaceAddress } from '../src/wire/ipv4-address.ts'
import { BROADCAST_MAC, type MacAddress, macHi, macLo } from '../src/wire/mac-address.ts'

/** So fast that frames cross within a nanosecond or two. */
const RATE = 8e12
const STATION_MAC = 0x020000000a00
const HOST_MAC = 0x020000000100

type Fields = Partial<Omit<Frame, 'length' | 'isFragment' | 'isBroadcast' | 'isGroup'>>

/** One end of a cable, at which the test sits. */
export class Station implements PortOwner {
  readonly name: string
  readonly mac: MacAddress
  readonly port: Port
  /** Frames that came, oldest first; `frames` empties it. */
  private heard: Frame[] = []
  private readonly bench: WireBench
  /** To whom frames go that name no destination. */
  private readonly peer: { readonly mac: MacAddress }

  constructor(bench: WireBench, port: Port, peer: { readonly mac: MacAddress }, number: number) {
    this.bench = bench
    this.peer = peer
    this.mac = STATION_MAC + number
    this.name = `wire${number}`
    this.port = new Port(bench.simulator, bench.ledger, this, 0, 'end')
    this.port.mtu = 65535
    Port.connect(port, this.port, { rate: RATE, delay: 0 })
  }

  receive(frame: Frame): void {
    this.bench.ledger.delivered++
    this.heard.push(frame.clone())
  }

  /** Sends frames and lets what they cause happen. @returns what came back, in tcpdump's manner. */
  say(...frames: readonly Frame[]): string[] {
    return this.exchange(...frames).map((frame) => describe(frame))
  }

  /** As `say`. @returns the frames themselves. */
  exchange(...frames: readonly Frame[]): Frame[] {
    for (const frame of frames) {
      if (frame.srcHi === 0 && frame.srcLo === 0) {
        frame.srcHi = macHi(this.mac)
        frame.srcLo = macLo(this.mac)
      }
      if (frame.dstHi === 0 && frame.dstLo === 0) {
        frame.dstHi = macHi(this.peer.mac)
        frame.dstLo = macLo(this.peer.mac)
      }
      this.bench.ledger.originated++
      this.port.send(frame)
    }
    this.bench.settle()
    return this.frames()
  }

  /** What came since the last look. */
  take(): string[] {
    return this.frames().map((frame) => describe(frame))
  }

  frames(): Frame[] {
    const { heard } = this
    this.heard = []
    return heard
  }

  /** An ARP packet of this station, which is told by its MAC address. */
  arp(operation: number, senderIp: string, targetIp: string, fields: ArpFields = {}): Frame {
    const isRequest = operation === ARP_REQUEST
    const { sender = this.mac, target = isRequest ? 0 : this.peer.mac } = fields
    const { to = isRequest ? BROADCAST_MAC : this.peer.mac } = fields
    return frame({
      srcHi: macHi(sender),
      srcLo: macLo(sender),
      dstHi: macHi(to),
      dstLo: macLo(to),
      etherType: ETHERTYPE_ARP,
      l3Length: ARP_BYTES,
      header: new ArpPacket(operation, sender, ipv4(senderIp), target, ipv4(targetIp)),
    })
  }

  whoHas(targetIp: string, senderIp: string, fields: ArpFields = {}): Frame {
    return this.arp(ARP_REQUEST, senderIp, targetIp, fields)
  }

  isAt(senderIp: string, targetIp: string, fields: ArpFields = {}): Frame {
    return this.arp(ARP_REPLY, senderIp, targetIp, fields)
  }
}

/** The other end of a NIC's cable. */
export class Wire extends Station {
  readonly nic: Nic

  constructor(bench: WireBench, nic: Nic, number: number) {
    super(bench, nic.port, nic, number)
    this.nic = nic
  }
}

interface ArpFields {
  /** MAC address of the sender, in frame and packet. */
  readonly sender?: MacAddress
  /** Target MAC address in the packet. */
  readonly target?: MacAddress
  /** Destination of the frame. */
  readonly to?: MacAddress
}

export class WireBench {
  readonly simulator: Simulator
  readonly ledger = new Ledger()
  readonly kernel: Kernel
  private wires = 0

  constructor(changes: Partial<KernelProfile> = {}, seed = '1', profile = '6.18') {
    this.simulator = new Simulator(seed)
    this.kernel = this.addKernel('k', { ...KERNEL_PROFILES[profile]!, ...changes })
  }

  addKernel(name: string, profile: KernelProfile): Kernel {
    return new Kernel(this.simulator, this.ledger, name, profile)
  }

  host(name = 'host', kernel = this.kernel): NetNamespace {
    return new NetNamespace(kernel, name)
  }

  /** A NIC that is up, with an address, and the test at the end of its cable. */
  wire(host: NetNamespace, name: string, address?: string, mtu = 1500): Wire {
    const number = ++this.wires
    const nic = new Nic(host, name, mtu, HOST_MAC + number)
    nic.up = true
    host.addDevice(nic)
    if (address !== undefined) host.addAddress(nic, parseInterfaceAddress(address)!)
    return new Wire(this, nic, number)
  }

  /** The test at the end of a cable to a port of the fabric. */
  station(port: Port, peer: MacAddress): Station {
    return new Station(this, port, { mac: peer }, ++this.wires)
  }

  /** `ip neigh replace ADDRESS lladdr (the wire's) nud permanent`. */
  permanent(wire: Wire, ...addresses: readonly string[]): void {
    const { neighbours } = wire.nic.namespace
    for (const address of addresses) {
      neighbours.replace(wire.nic, ipv4(address), wire.mac, 'PERMANENT')
    }
  }

  /** Lets all happen that happens at once. */
  settle(): void {
    this.simulator.run(this.simulator.now + 1e6)
  }

  run(seconds: number): void {
    this.simulator.run(this.simulator.now + seconds * SECOND)
  }

  drops(): Record<string, number> {
    return Object.fromEntries(this.ledger.dropsByReason())
  }
}

function frame(...parts: readonly Fields[]): Frame {
  return Object.assign(new Frame(), ...parts) as Frame
}

/** An IPv4 packet without DF. */
export function packet(from: string, to: string, ...parts: readonly Fields[]): Frame {
  const head = { etherType: ETHERTYPE_IPV4, ipSrc: ipv4(from), ipDst: ipv4(to), ttl: 64 }
  return frame(head, ...parts)
}

/** A datagram of `bytes` of payload, port 4000 to 5000. */
export function udp(from: string, to: string, bytes: number, ...parts: readonly Fields[]): Frame {
  const ports = { sourcePort: 4000, destinationPort: 5000 }
  return packet(from, to, { protocol: PROTOCOL_UDP, l3Length: 28 + bytes, ...ports }, ...parts)
}

export function echo(from: string, to: string, bytes: number, ...parts: readonly Fields[]): Frame {
  const header = new IcmpMessage(ICMP_ECHO, 0, 77, 1)
  return packet(from, to, { protocol: PROTOCOL_ICMP, l3Length: 28 + bytes, header }, ...parts)
}

/** "Fragmentation needed" from `from`, about `about`. */
export function fragNeeded(from: string, about: Frame, mtu: number): Frame {
  const header = new IcmpMessage(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 0, mtu)
  const error = packet(from, '0.0.0.0', { protocol: PROTOCOL_ICMP, l3Length: 56, header })
  error.ipDst = about.ipSrc
  error.inner = about
  about.shared = true
  return error
}

/** The range [start, end) of a datagram's content as a fragment of its own. */
export function piece(whole: Frame, start: number, end: number, more = end < whole.l3Length - 20) {
  whole.shared = true
  const fragment = whole.clone()
  fragment.header = null
  fragment.inner = null
  fragment.payload = null
  fragment.fragmentOf = whole
  fragment.fragmentOffset = start
  fragment.l3Length = 20 + end - start
  fragment.moreFragments = more
  return fragment
}

/** A datagram cut for a link's MTU. */
export function pieces(whole: Frame, mtu: number): Frame[] {
  return fragmentDatagram(whole, mtu)
}
