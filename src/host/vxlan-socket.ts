import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Frame } from '../wire/frame.ts'
import type { Vxlan } from './vxlan.ts'

/** The VNI is valid, and no other flag: Linux refuses what RFC 7348 says to ignore. */
const FLAGS = 0x08

/** The UDP socket of one port in one namespace, which all VXLAN devices made there share. */
export class VxlanSocket {
  readonly port: number
  private readonly namespace: NetNamespace
  private readonly devices = new Map<number, Vxlan>()

  private constructor(namespace: NetNamespace, port: number) {
    this.namespace = namespace
    this.port = port
  }

  /** The socket of (namespace, port), made at its first device; each namespace has its own. */
  static of(namespace: NetNamespace, port: number): VxlanSocket {
    let byPort = sockets.get(namespace)
    if (byPort === undefined) {
      byPort = new Map()
      sockets.set(namespace, byPort)
    }
    let socket = byPort.get(port)
    if (socket === undefined) {
      socket = new VxlanSocket(namespace, port)
      byPort.set(port, socket)
    }
    return socket
  }

  device(vni: number): Vxlan | undefined {
    return this.devices.get(vni)
  }

  add(vni: number, device: Vxlan): void {
    if (this.devices.size === 0) {
      this.namespace.sockets.bindKernelUdp(this.port, (frame, input) => this.receive(frame, input))
    }
    this.devices.set(vni, device)
  }

  remove(vni: number): void {
    this.devices.delete(vni)
    if (this.devices.size > 0) return
    this.namespace.sockets.releaseKernelUdp(this.port)
    sockets.get(this.namespace)?.delete(this.port)
  }

  /** vxlan_rcv. */
  private receive(outer: Frame, input: NetDevice): void {
    const { inner } = outer
    if (inner === null || outer.vxlanFlags !== FLAGS) {
      return this.namespace.drop(outer, 'vxlan_invalid_header', input)
    }
    const device = this.devices.get(outer.vni)
    if (device === undefined) {
      const row = outer.trace === 0 ? undefined : `vni ${outer.vni}`
      return this.namespace.drop(outer, 'vxlan_vni_not_found', input, row)
    }
    device.receiveEncapsulated(outer, inner)
  }
}

/** The kernel's per-namespace data (net_generic), which goes when the namespace does. */
const sockets = new WeakMap<NetNamespace, Map<number, VxlanSocket>>()
