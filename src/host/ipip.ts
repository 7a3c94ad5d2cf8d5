import type { NetNamespace } from '../stack/namespace.ts'
import { PROTOCOL_IPIP } from '../wire/frame.ts'
import { type IpEncapsulation, IpTunnel, type IpTunnelOptions } from './ip-tunnel.ts'

const IPIP: IpEncapsulation = { protocol: PROTOCOL_IPIP, header: null }

/** An IPv4-in-IPv4 tunnel (net/ipv4/ipip.c, RFC 2003): tunl0, or one end of a pair. */
export class Ipip extends IpTunnel {
  readonly kind = 'ipip'

  constructor(
    namespace: NetNamespace,
    name: string,
    mtu: number,
    underlay: NetNamespace,
    options: IpTunnelOptions,
  ) {
    super(namespace, name, mtu, IPIP, options, underlay)
  }

  override details(): Record<string, unknown> {
    return { proto: 'ipip', ...super.details() }
  }
}
