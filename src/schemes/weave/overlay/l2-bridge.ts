import type { MacAddress } from '../../../wire/mac-address.ts'
import { type FlowOp, type PacketKey, VETO } from './flow-op.ts'

/** The router itself as a port of the bridge. */
export const ROUTER_PORT = -1
const GROUP_BIT = 2 ** 40

/** What is done with a frame that goes out by a port. */
export type PortSender = (packet: PacketKey) => readonly FlowOp[]

/**
 * The bridge that the router is, in user space, between the ports of its datapath and itself:
 * weaveworks/weave, router/fastdp.go. An address stays at the port where it was first seen, until
 * it has not been seen anew for a whole interval of expiry.
 */
export class L2Bridge {
  private readonly ports = new Map<number, PortSender>()
  private readonly addresses = new Map<MacAddress, PortSender>()
  private seen = new Set<MacAddress>()

  setPort(port: number, sender: PortSender): void {
    this.ports.set(port, sender)
  }

  removePort(port: number): void {
    this.ports.delete(port)
  }

  /** A frame has come in at a port. */
  bridge(ingress: number, packet: PacketKey): readonly FlowOp[] {
    const { source, destination } = packet
    const from = this.ports.get(ingress)
    if (!this.addresses.has(source) && from !== undefined) {
      this.addresses.set(source, from)
      this.seen.add(source)
    }
    const known = this.addresses.get(destination)
    const match: FlowOp = { type: 'match', packet }
    if (known !== undefined) return [match, ...known(packet)]
    // A flow for an unknown address would hide where the address is when that becomes known.
    const isGroup = Math.floor(destination / GROUP_BIT) % 2 === 1
    const ops: FlowOp[] = [isGroup ? match : VETO]
    for (const [port, sender] of this.ports) if (port !== ingress) ops.push(...sender(packet))
    return ops
  }

  /** Forgets what was not learned since the last time. */
  expire(): void {
    for (const mac of this.addresses.keys()) if (!this.seen.has(mac)) this.addresses.delete(mac)
    this.seen = new Set()
  }
}
