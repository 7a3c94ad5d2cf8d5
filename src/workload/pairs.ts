import type { DatagramSender, PmtuDiscovery } from '../stack/datagram.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { UdpSocket } from '../stack/udp-socket.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'

/** Who sends to whom. */
export interface Pair {
  readonly from: NetNamespace
  /** Who listens; null where nobody does, as behind an address outside the model. */
  readonly to: NetNamespace | null
  readonly destination: Ipv4Address
}

/** IP options of a generator's sockets, as ping's -M, -t and -Q set them. */
export interface DatagramOptions {
  /** Default `want`. */
  readonly dontFragment?: PmtuDiscovery
  /** Default: the kernel's. */
  readonly ttl?: number
  readonly tos?: number
}

export function configure(socket: DatagramSender, options: DatagramOptions): void {
  socket.pmtuDiscovery = options.dontFragment ?? 'want'
  socket.tos = options.tos ?? 0
  if (options.ttl !== undefined) socket.ttl = options.ttl
}

/**
 * A server's socket on `port`, or on the next free one above: several workloads may share a server
 * and must not count each other's packets. @returns null when there is none.
 */
export function listen(namespace: NetNamespace, port: number): UdpSocket | null {
  for (let candidate = port; candidate <= 0xffff; candidate++) {
    const socket = namespace.sockets.openUdp(candidate)
    if (socket !== null) return socket
  }
  return null
}
