import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { formatIpv4 } from '../../wire/ipv4-address.ts'
import { formatMac, type MacAddress } from '../../wire/mac-address.ts'

/** The outer header of a tunnelled packet, as a flow key has it (OVS_KEY_ATTR_TUNNEL). */
export interface TunnelKey {
  /** 24 bits for VXLAN. */
  readonly id: number
  readonly source: Ipv4Address
  readonly destination: Ipv4Address
}

/** What a packet is matched by; all other fields are wildcards. */
export interface FlowKey {
  /** Number of the port at which it comes in. */
  readonly inPort: number
  /** Null for packets from a port that is no tunnel. */
  readonly tunnel: TunnelKey | null
  /** Null for flows of all addresses. */
  readonly ethernet: EthernetKey | null
}

/** OVS_KEY_ATTR_ETHERNET. */
export interface EthernetKey {
  readonly source: MacAddress
  readonly destination: MacAddress
}

/** Of `set_tunnel`: the outer packet of what is output to a tunnel port. */
export interface TunnelAction extends TunnelKey {
  readonly ttl: number
  readonly tos: number
  readonly dontFragment: boolean
  /** Whether the outer UDP header carries a checksum. */
  readonly checksum: boolean
}

/** Done one after the other; a packet may be output several times. */
export type FlowAction =
  | { readonly type: 'output'; readonly port: number }
  | { readonly type: 'set_tunnel'; readonly tunnel: TunnelAction }

/** An entry of a datapath's flow table, with its counters since it was made or cleared. */
export class Flow {
  readonly key: FlowKey
  readonly actions: readonly FlowAction[]
  packets = 0
  bytes = 0
  /** Picoseconds; null = no packet yet. */
  used: number | null = null
  /** Next in the table's bucket. */
  next: Flow | null = null

  constructor(key: FlowKey, actions: readonly FlowAction[]) {
    this.key = key
    this.actions = actions
  }

  /** As `ovs-dpctl dump-flows` has it, with what is matched only. */
  toString(): string {
    const { inPort, tunnel, ethernet } = this.key
    const outer =
      tunnel === null
        ? ''
        : `tunnel(tun_id=0x${tunnel.id.toString(16)},src=${formatIpv4(tunnel.source)},` +
          `dst=${formatIpv4(tunnel.destination)}),`
    const macs =
      ethernet === null
        ? ''
        : `,eth(src=${formatMac(ethernet.source)},dst=${formatMac(ethernet.destination)})`
    return `${outer}in_port(${inPort})${macs}, actions:${actionsText(this.actions)}`
  }
}

function actionsText(actions: readonly FlowAction[]): string {
  if (actions.length === 0) return 'drop'
  return actions.map((action) => actionText(action)).join(',')
}

function actionText(action: FlowAction): string {
  if (action.type === 'output') return String(action.port)
  const { id, source, destination, ttl, dontFragment, checksum } = action.tunnel
  const flags = [...(dontFragment ? ['df'] : []), ...(checksum ? ['csum'] : [])].join('|')
  const addresses = `src=${formatIpv4(source)},dst=${formatIpv4(destination)}`
  return `set(tunnel(tun_id=0x${id.toString(16)},${addresses},ttl=${ttl},flags(${flags})))`
}
