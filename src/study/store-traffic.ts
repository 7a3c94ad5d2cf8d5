import type { StoreCluster, StorePorts } from '../control/cluster/store.ts'
import { addTap, type Tap } from '../measure/tap.ts'
import {
  ETHERTYPE_IPV4,
  type Frame,
  MIN_FRAME_BYTES,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  WIRE_OVERHEAD_BYTES,
} from '../wire/frame.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { cableOf } from './cables.ts'

export interface Traffic {
  frames: number
  /** With padding, FCS, preamble and gap. */
  bytes: number
}

/** What crossed the cables of a store's members, by who talked: a frame between two members counts once. */
export class StoreTraffic {
  /** With clients, and with agents that hand on what their clients ask. */
  readonly clients: Traffic = { frames: 0, bytes: 0 }
  /** Raft: members with each other. */
  readonly peers: Traffic = { frames: 0, bytes: 0 }
  readonly gossip: Traffic = { frames: 0, bytes: 0 }
  private readonly ports: StorePorts
  private readonly members: ReadonlySet<Ipv4Address>

  constructor({ ports, members }: StoreCluster) {
    this.ports = ports
    this.members = new Set(members.map(({ host }) => host.address))
    for (const { host } of members) addTap(cableOf(host), this.tap())
  }

  private tap(): Tap {
    return {
      frame: (_time, frame, direction) => {
        // What a member has sent was counted as it left.
        if (direction === 'in' && this.members.has(frame.ipSrc)) return
        this.count(frame)
      },
    }
  }

  private count(frame: Frame): void {
    const traffic = this.trafficOf(frame)
    if (traffic === null) return
    traffic.frames++
    traffic.bytes += Math.max(frame.length, MIN_FRAME_BYTES) + WIRE_OVERHEAD_BYTES
  }

  private trafficOf(frame: Frame): Traffic | null {
    const { etherType, protocol, sourcePort, destinationPort, ipSrc, ipDst } = frame
    if (etherType !== ETHERTYPE_IPV4) return null
    const isOf = (ports: readonly number[]) =>
      ports.includes(destinationPort) || ports.includes(sourcePort)
    const isTcp = protocol === PROTOCOL_TCP
    if (!isTcp && protocol !== PROTOCOL_UDP) return null
    if (isOf(this.ports.gossip)) return this.gossip
    if (!isTcp) return null
    if (isOf(this.ports.clients)) return this.clients
    if (!isOf(this.ports.peers)) return null
    const { members } = this
    return members.has(ipSrc) && members.has(ipDst) ? this.peers : this.clients
  }
}
