import {
  STAGE_CHECKSUM,
  STAGE_CLONE,
  STAGE_COPY_IN,
  STAGE_GSO,
  STAGE_OPENVSWITCH,
  STAGE_SYSCALL_SEND,
  STAGE_UPCALL,
} from '../../cpu/stage.ts'
import type { NetDevice, RxHandler } from '../../stack/device.ts'
import { isChecksumPending, markChecksummed, segment } from '../../stack/gso.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import { ETHERNET_HEADER_BYTES, type Frame } from '../../wire/frame.ts'
import { randomMac } from '../device-factory.ts'
import { HostDevice, type LinkChange, type LinkWatcher } from '../host-device.ts'
import { LinkError } from '../link-error.ts'
import { Flow, type FlowAction, type FlowKey, type TunnelAction, type TunnelKey } from './flow.ts'
import { FlowTable } from './flow-table.ts'
import { InternalPort, LOCAL_PORT } from './internal-port.ts'
import { type Upcall, UpcallSocket } from './upcalls.ts'
import { VxlanPort } from './vxlan-port.ts'

/** A port of a datapath: a device of the host, or a tunnel. */
export class Vport implements RxHandler, LinkWatcher {
  readonly datapath: Datapath
  readonly number: number
  readonly type: 'internal' | 'netdev' | 'vxlan'
  readonly device: HostDevice

  constructor(datapath: Datapath, number: number, type: Vport['type'], device: HostDevice) {
    this.datapath = datapath
    this.number = number
    this.type = type
    this.device = device
  }

  /** netdev_frame_hook. */
  handleFrame(frame: Frame): null {
    const tunnel = this.device instanceof VxlanPort ? this.device.received : null
    this.datapath.receive(frame, this.number, tunnel)
    return null
  }

  linkChanged(_device: HostDevice, change: LinkChange): void {
    if (change === 'moved' || change === 'gone') this.datapath.removePort(this)
  }
}

/** Told of ports that come and go, as the group OVS_VPORT_MCGROUP is. */
export type PortWatcher = (port: Vport, isThere: boolean) => void

/**
 * A datapath of Open vSwitch in the kernel (net/openvswitch): ports, a table of flows that a program
 * fills, and the packets that met none of them, which it is told of. It forwards nothing by itself.
 */
export class Datapath {
  readonly name: string
  readonly flows = new FlowTable()
  /** Packets that a flow took, that none did, and of those the ones that nobody could be told of. */
  hits = 0
  missed = 0
  lost = 0
  private readonly namespace: NetNamespace
  private readonly ports: (Vport | null)[] = []
  private upcalls: UpcallSocket | null = null
  private watcher: PortWatcher | null = null

  private constructor(namespace: NetNamespace, name: string) {
    this.namespace = namespace
    this.name = name
  }

  /** `ovs-dpctl add-dp NAME`. */
  static create(namespace: NetNamespace, name: string): Datapath | LinkError {
    if (namespace.device(name) !== undefined) {
      return new LinkError('EEXIST', `${namespace.name} has a device ${name} already`)
    }
    const datapath = new Datapath(namespace, name)
    const mac = randomMac(namespace.kernel.random)
    const device = new InternalPort(namespace, name, mac, datapath)
    namespace.addDevice(device)
    datapath.ports[LOCAL_PORT] = new Vport(datapath, LOCAL_PORT, 'internal', device)
    datapaths.set(device, datapath)
    return datapath
  }

  /** The datapath of this name, as another program has left it. */
  static find(namespace: NetNamespace, name: string): Datapath | null {
    const device = namespace.device(name)
    return device === undefined ? null : (datapaths.get(device) ?? null)
  }

  port(number: number): Vport | null {
    return this.ports[number] ?? null
  }

  /** By number. */
  get vports(): readonly Vport[] {
    return this.ports.filter((port) => port !== null)
  }

  /** `ovs-dpctl add-if`. @returns the port, or why the kernel refuses. */
  addNetdev(device: NetDevice): Vport | LinkError {
    if (!(device instanceof HostDevice) || device.namespace !== this.namespace) {
      return new LinkError('ENODEV', `${device.name} is not in ${this.namespace.name}`)
    }
    if (device.rxHandler !== null) {
      return new LinkError('EBUSY', `${device.name} is in use by another device`)
    }
    return this.addPort('netdev', device)
  }

  /** A vport of type vxlan. @param udpPort to which its packets are sent. */
  addVxlan(name: string, udpPort: number): Vport | LinkError {
    const { namespace } = this
    if (namespace.device(name) !== undefined) {
      return new LinkError('EEXIST', `${namespace.name} has a device ${name} already`)
    }
    const device = new VxlanPort(namespace, name, randomMac(namespace.kernel.random), udpPort)
    namespace.addDevice(device)
    device.up = true
    return this.addPort('vxlan', device)
  }

  private addPort(type: Vport['type'], device: HostDevice): Vport {
    const free = this.ports.indexOf(null)
    const number = free < 0 ? this.ports.length : free
    const port = new Vport(this, number, type, device)
    this.ports[number] = port
    device.rxHandler = port
    device.master = this.ports[LOCAL_PORT]!.device
    device.changePromiscuity(1)
    device.watch(port)
    this.watcher?.(port, true)
    return port
  }

  /** `ovs-dpctl del-if`; a tunnel's device goes with it. */
  removePort(port: Vport): void {
    const { device, number } = port
    if (this.ports[number] !== port) return
    this.ports[number] = null
    device.rxHandler = null
    device.master = null
    device.changePromiscuity(-1)
    device.unwatch(port)
    this.watcher?.(port, false)
    if (port.type === 'vxlan') device.remove()
  }

  /** `ovs-dpctl del-dp`: called when its device goes. */
  destroy(): void {
    for (const port of this.ports.slice(1)) if (port !== null) this.removePort(port)
    this.flows.clear()
    this.listen(null)
  }

  /** Who is told of misses from now on; null = nobody, and they are lost. */
  listen(socket: UpcallSocket | null): void {
    const before = this.upcalls
    this.upcalls = socket
    for (const { frame } of before?.close() ?? []) this.lose(frame)
  }

  /** Who is told of ports from now on. */
  watchPorts(watcher: PortWatcher | null): void {
    this.watcher = watcher
  }

  /** ovs_dp_process_packet. @param tunnel the outer header of what came by a tunnel. */
  receive(frame: Frame, inPort: number, tunnel: TunnelKey | null): void {
    const { namespace } = this
    namespace.spend(STAGE_OPENVSWITCH, frame)
    const flow = this.flows.lookup(frame, inPort, tunnel)
    if (flow === null) return this.miss({ frame, inPort, tunnel })
    this.hits++
    flow.packets += frame.gsoSegments || 1
    flow.bytes += frame.length
    flow.used = namespace.kernel.simulator.now
    if (frame.trace !== 0) namespace.charge('openvswitch', frame, flow, this.port(inPort)?.device)
    this.perform(frame, flow.actions)
  }

  /** ovs_dp_upcall: a unit is told segment by segment, with checksums finished. */
  private miss(upcall: Upcall): void {
    const { frame } = upcall
    const { kernel } = this.namespace
    this.missed++
    if (frame.trace !== 0) this.namespace.charge('upcall', frame, undefined, this.device)
    if (isChecksumPending(frame)) {
      this.namespace.spend(STAGE_CHECKSUM, frame)
      markChecksummed(frame)
    }
    if (frame.gsoSize === 0) return this.tell(upcall)
    const segments = segment(frame)
    kernel.spend(STAGE_GSO, segments.length, frame.length)
    kernel.ledger.split++
    kernel.ledger.segments += segments.length
    for (const each of segments) this.tell({ ...upcall, frame: each })
  }

  private tell(upcall: Upcall): void {
    const { upcalls, namespace } = this
    namespace.spend(STAGE_UPCALL, upcall.frame)
    if (upcalls?.push(upcall)) upcall.frame.orphan()
    else this.lose(upcall.frame)
  }

  private lose(frame: Frame): void {
    this.lost++
    this.namespace.drop(frame, 'openvswitch_upcall', this.device)
  }

  private get device(): HostDevice {
    return this.ports[LOCAL_PORT]!.device
  }

  /** ovs_execute_actions. Each output but the last gets a clone. */
  private perform(frame: Frame, actions: readonly FlowAction[]): void {
    const { namespace } = this
    let tunnel: TunnelAction | null = null
    const last = actions.findLastIndex(({ type }) => type === 'output')
    if (last < 0) return namespace.drop(frame, 'openvswitch_no_action', this.device)
    for (let i = 0; i <= last; i++) {
      const action = actions[i]!
      if (action.type === 'set_tunnel') {
        ;({ tunnel } = action)
        continue
      }
      if (i < last) {
        frame.shared = true
        namespace.kernel.ledger.copied++
        namespace.spend(STAGE_CLONE, frame)
      }
      this.output(frame, action.port, tunnel)
    }
  }

  /** ovs_vport_send. */
  private output(frame: Frame, number: number, tunnel: TunnelAction | null): void {
    const port = this.port(number)
    if (port === null) return this.namespace.drop(frame, 'device_down', this.device)
    const { device } = port
    const isTooLong = frame.length > device.mtu + ETHERNET_HEADER_BYTES && frame.gsoSize === 0
    if (isTooLong) return this.namespace.drop(frame, 'packet_too_big', device)
    if (port.type === 'internal') this.namespace.kernel.netifRx(frame, device)
    else if (device instanceof VxlanPort && tunnel !== null) device.sendBy(tunnel, frame)
    else device.send(frame)
  }

  /** OVS_PACKET_CMD_EXECUTE: a program sends a packet of its own, or one that it was told of. */
  execute(frame: Frame, actions: readonly FlowAction[]): void {
    const { kernel } = this.namespace
    kernel.enter()
    kernel.spend(STAGE_SYSCALL_SEND)
    kernel.spend(STAGE_COPY_IN, 1, frame.length)
    this.namespace.spend(STAGE_OPENVSWITCH, frame)
    kernel.ledger.originated++
    this.perform(frame, actions)
    kernel.leave()
  }

  /** OVS_FLOW_CMD_NEW. @returns false when there is one of this key (EEXIST). */
  addFlow(key: FlowKey, actions: readonly FlowAction[]): boolean {
    this.namespace.kernel.spend(STAGE_SYSCALL_SEND)
    return this.flows.add(new Flow(key, actions))
  }

  /** OVS_FLOW_CMD_DEL of one flow. */
  deleteFlow(flow: Flow): boolean {
    this.namespace.kernel.spend(STAGE_SYSCALL_SEND)
    return this.flows.remove(flow)
  }

  /** OVS_FLOW_CMD_SET with OVS_FLOW_ATTR_CLEAR: its counters start again. */
  clearFlow(flow: Flow): void {
    this.namespace.kernel.spend(STAGE_SYSCALL_SEND)
    flow.packets = 0
    flow.bytes = 0
    flow.used = null
  }

  /** A socket for `listen`. */
  openUpcalls(): UpcallSocket {
    return new UpcallSocket(this.namespace.kernel)
  }
}

/** By the internal device of a datapath, as the kernel finds it by name. */
const datapaths = new WeakMap<NetDevice, Datapath>()
