/** What the fabric must let through: from the frames that hosts have sent into their cables. */
import { PROTOCOL_ESP } from '../../wire/esp.ts'
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  type Frame,
  PROTOCOL_ICMP,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../../wire/frame.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { CableWatch, hostAddresses } from './cable-watch.ts'
import type { Trial } from './trial.ts'

/** Where Linux begins with the ports that it chooses itself (ip_local_port_range). */
const EPHEMERAL_FIRST = 32_768

const PROTOCOL_NAMES: Readonly<Record<string, string>> = {
  [`${PROTOCOL_IPIP}`]: 'IP protocol 4 (IPIP)',
  [`${PROTOCOL_ESP}`]: 'IP protocol 50 (ESP)',
}

/** Collects kinds of packets while a trial goes on. */
export class Passage {
  private readonly kinds = new Set<string>()
  private readonly hosts: ReadonlySet<Ipv4Address>

  /** To be made when the world has been built. */
  constructor(trial: Trial) {
    this.hosts = hostAddresses(trial)
    new CableWatch(trial, (frame) => this.see(frame))
  }

  /** In order of their names. */
  get seen(): readonly string[] {
    return [...this.kinds].sort()
  }

  private see(frame: Frame): void {
    if (frame.vlan >= 0) this.kinds.add('frames with an 802.1Q tag')
    if (frame.etherType === ETHERTYPE_ARP) return
    if (frame.etherType !== ETHERTYPE_IPV4) return
    const { ipSrc, ipDst, protocol } = frame
    if (!this.hosts.has(ipSrc) || !this.hosts.has(ipDst)) {
      // Multicast is nobody's address.
      this.kinds.add('packets of containers as they are')
      return
    }
    const kind = kindOf(frame, protocol)
    if (kind !== null) this.kinds.add(kind)
  }
}

function kindOf(frame: Frame, protocol: number): string | null {
  if (protocol === PROTOCOL_ICMP) return null
  if (protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP) {
    const { destinationPort, sourcePort } = frame
    const port = destinationPort < EPHEMERAL_FIRST ? destinationPort : sourcePort
    // A fragment has no ports; its first part has told them.
    if (port === 0 || port >= EPHEMERAL_FIRST) return null
    return `${protocol === PROTOCOL_TCP ? 'TCP' : 'UDP'} ${port}`
  }
  return PROTOCOL_NAMES[`${protocol}`] ?? `IP protocol ${protocol}`
}
