import type { CostProfile } from '../src/cpu/cost-profile.ts'
import { Machine } from '../src/cpu/machine.ts'
import { Commands } from '../src/host/commands.ts'
import { HostDevice } from '../src/host/host-device.ts'
import { LinkError } from '../src/host/link-error.ts'
import { Ledger } from '../src/measure/ledger.ts'
import { Simulator } from '../src/sim/simulator.ts'
import { SECOND } from '../src/sim/units.ts'
import type { NetDevice } from '../src/stack/device.ts'
import { Kernel } from '../src/stack/kernel.ts'
import { KERNEL_PROFILES } from '../src/stack/kernel-profile.ts'
import { NetNamespace } from '../src/stack/namespace.ts'
import { describe } from '../src/wire/describe.ts'
import { Frame } from '../src/wire/frame.ts'
import { ipv4 } from '../src/wire/ipv4-address.ts'
import { type MacAddress, macHi, macLo } from '../src/wire/mac-address.ts'

/** What a tap saw, oldest first. */
export interface Seen {
  readonly direction: 'in' | 'out'
  readonly frame: Frame
  readonly text: string
}

export interface PingOptions {
  /** ICMP payload, bytes. */
  readonly bytes?: number
  readonly dontFragment?: boolean
  readonly tos?: number
  readonly ttl?: number
}

/** Several kernels in one run, for tests that let devices talk to each other. */
export class DeviceBench {
  readonly simulator: Simulator
  readonly ledger = new Ledger()
  readonly kernel: Kernel
  private readonly profile: string

  /** @param costs of the first kernel's machine of two cores; without them work takes no time. */
  constructor(profile = '6.18', seed = 'devices', costs?: CostProfile) {
    this.profile = profile
    this.simulator = new Simulator(seed)
    this.kernel = this.addKernel('k', costs)
  }

  addKernel(name: string, costs?: CostProfile): Kernel {
    const { simulator, ledger } = this
    const machine = costs === undefined ? null : new Machine(simulator, ledger, name, 2, costs)
    return new Kernel(simulator, ledger, name, KERNEL_PROFILES[this.profile]!, machine)
  }

  namespace(name: string, kernel = this.kernel): NetNamespace {
    return new NetNamespace(kernel, name)
  }

  /** A veth pair whose ends are up, with an address each where one is given. */
  join(
    a: NetNamespace,
    b: NetNamespace,
    options: { a?: string; b?: string; name?: string; peer?: string; mtu?: number } = {},
  ): [HostDevice, HostDevice] {
    const { name = 'eth0', peer = 'eth0', mtu = 1500 } = options
    const commands = new Commands(a)
    commands.link.add({ type: 'veth', name, mtu, peer: { name: peer, namespace: b } })
    const ends: [HostDevice, HostDevice] = [hostDevice(a, name), hostDevice(b, peer)]
    for (const end of ends) end.setUp(true)
    if (options.a !== undefined) commands.addr.add(options.a, name)
    if (options.b !== undefined) new Commands(b).addr.add(options.b, peer)
    return ends
  }

  /** Keeps every frame that passes a device. */
  record(device: NetDevice): Seen[] {
    const seen: Seen[] = []
    device.tap = {
      frame: (_time, frame, direction) => {
        seen.push({ direction, frame: frame.clone(), text: describe(frame) })
      },
    }
    return seen
  }

  /** `ping -c1`: runs on for `seconds`. @returns whether the reply came, or the MTU of an error. */
  ping(from: NetNamespace, to: string, options: PingOptions = {}, seconds = 5): true | string {
    const socket = from.sockets.openEcho()
    socket.pmtuDiscovery = options.dontFragment === false ? 'dont' : 'do'
    socket.tos = options.tos ?? 0
    socket.ttl = options.ttl ?? 64
    let answer: true | string = 'no reply'
    socket.onReply = () => {
      answer = true
    }
    socket.onError = (error) => {
      answer = error.code === 4 ? `mtu ${error.mtu}` : `error ${error.type}/${error.code}`
    }
    const refusal = socket.request(ipv4(to), 1, options.bytes ?? 56)
    if (refusal !== null) return refusal
    this.run(seconds)
    socket.close()
    return answer
  }

  /** A broadcast or unicast frame of EtherType 0x88b5, as a load generator would write it. */
  inject(device: NetDevice, source: MacAddress, destination: MacAddress, bytes = 60): void {
    const frame = new Frame()
    frame.srcHi = macHi(source)
    frame.srcLo = macLo(source)
    frame.dstHi = macHi(destination)
    frame.dstLo = macLo(destination)
    frame.etherType = 0x88b5
    frame.l3Length = bytes - 14
    this.send(device, frame)
  }

  /** Hands a frame made by the test to a driver. */
  send(device: NetDevice, frame: Frame): void {
    const { kernel } = device.namespace
    this.ledger.originated++
    kernel.enter()
    device.send(frame)
    kernel.leave()
  }

  run(seconds = 1): void {
    this.simulator.run(this.simulator.now + seconds * SECOND)
  }

  /** Drops so far, by reason. */
  drops(): Record<string, number> {
    return Object.fromEntries(this.ledger.dropsByReason())
  }
}

export function hostDevice(namespace: NetNamespace, name: string): HostDevice {
  const device = namespace.device(name)
  if (device instanceof HostDevice) return device
  throw new Error(`${namespace.name} has no device ${name}`)
}

/** For devices and ports that a test's set-up needs. */
export function made<T>(result: T | LinkError): T {
  if (result instanceof LinkError) throw new Error(`${result}`)
  return result
}
