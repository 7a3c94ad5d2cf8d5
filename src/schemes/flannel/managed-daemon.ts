import { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import { type Process, Signal, sleep } from '../../sim/process.ts'
import type { RandomStream } from '../../sim/random.ts'
import { SECOND } from '../../sim/units.ts'
import type { Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { AttachError, ContainerSpec, Daemon, Endpoint, NetworkSpec } from '../contract.ts'
import { tunnelDeviceOf } from './backend/make.ts'
import { CniPlugins } from './cni.ts'
import { Flanneld, type HostState } from './flanneld.ts'
import { type FlannelOptions, publicIpOf } from './options.ts'
import { NO_SUBNET_FILE, type SubnetFile } from './subnet-file.ts'
import type { SubnetManager } from './subnet-manager.ts'

/** kubelet tries a pod's sandbox again after so long, and up to half of it more (backOffPeriod). */
const SANDBOX_RETRY = 10 * SECOND
const SANDBOX_JITTER = 0.5

/** Who hands out the subnets, and what belongs to that beside flanneld. */
export interface ControlPlane {
  /** @param previous the subnet of an earlier start. */
  makeManager(program: Program, previous: Ipv4Prefix | null): SubnetManager
  /** The host has come up, or joins again. */
  join(): void
  /** The operator strikes the host out. @param subnet that it had last. */
  leave(subnet: Ipv4Prefix | null): Process
}

/**
 * A host whose flanneld gets its subnet from a store: the program with the supervisor that starts it
 * again, what it leaves on its host, and the CNI plugins that go by that.
 */
export class ManagedFlanneld implements Daemon, HostState {
  readonly host: Host
  private readonly network: NetworkSpec<FlannelOptions>
  private readonly controlPlane: ControlPlane
  private readonly cni: CniPlugins
  /** Of the attempts to attach containers. */
  private readonly random: RandomStream
  /** Of the programs that have ended, and of kubelet. */
  private readonly past: string[] = []
  file: SubnetFile | null = null
  private boots: number
  private hasLeft = false
  private program: Program | null = null
  /** Counts starts and ends by order: a restart that was overtaken does not happen. */
  private order = 0

  constructor(host: Host, network: NetworkSpec<FlannelOptions>, controlPlane: ControlPlane) {
    this.host = host
    this.network = network
    this.controlPlane = controlPlane
    this.cni = new CniPlugins(host, network.options.bridge)
    this.random = host.kernel.simulator.random.stream(`kubelet/${host.name}/${network.name}`)
    this.boots = host.boots
    this.boot()
    this.start()
  }

  private boot(): void {
    const { commands } = this.host
    commands.sysctl('net.ipv4.ip_forward', 1)
    // flanneld does not start without br_netfilter.
    commands.sysctl('net.bridge.bridge-nf-call-iptables', 1)
    this.controlPlane.join()
  }

  get log(): readonly string[] {
    return this.program === null ? this.past : [...this.past, ...this.program.log]
  }

  start(): void {
    this.order++
    if (this.boots !== this.host.boots) {
      this.boots = this.host.boots
      this.file = null
      this.cni.rebooted()
      this.boot()
    } else if (this.hasLeft) this.controlPlane.join()
    this.hasLeft = false
    if (this.program === null) this.launch()
  }

  private launch(): void {
    const { host, network } = this
    const { options } = network
    const program = new Program(host.root, `flanneld-${network.name}`)
    this.program = program
    program.ended.wait(program.simulator, () => this.ended(program))
    const member = network.members.find((each) => each.host === host.name)!
    const publicIp = publicIpOf(options, member)
    const flanneld = new Flanneld(
      program,
      this,
      this.controlPlane.makeManager(program, this.file?.subnet ?? null),
      { options, publicIp },
    )
    program.spawn(flanneld.run())
  }

  /** The supervisor starts it again, unless it was ended by order. */
  private ended(program: Program): void {
    this.past.push(...program.log)
    this.program = null
    const { order } = this
    program.simulator.after(this.network.options.restartAfter, {
      fire: () => {
        if (order === this.order) this.launch()
      },
    })
  }

  /** Routes and devices stay: but for the udp backend, forwarding goes on without the daemon. */
  stop(): void {
    this.crash()
  }

  crash(): void {
    this.program?.kill()
    this.order++
  }

  /** What flanneld has made is removed by hand then, but for its rules. */
  *leave(): Process<void> {
    this.stop()
    yield* this.controlPlane.leave(this.file?.subnet ?? null)
    const { root, commands } = this.host
    const tunnel = tunnelDeviceOf(this.network.options)
    if (tunnel !== null && root.device(tunnel) !== undefined) commands.link.delete(tunnel)
    this.cni.deleteBridge()
    this.file = null
    this.hasLeft = true
  }

  writeSubnetFile(file: SubnetFile): void {
    this.file = file
  }

  /** Until flanneld has its lease the sandbox fails, and is tried again. */
  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    const { boots } = this.host
    while (this.file === null) {
      const log = this.program?.log ?? this.past
      log.push(`kubelet: ${container.name}: ${NO_SUBNET_FILE}`)
      yield* sleep(Math.round(SANDBOX_RETRY * (1 + SANDBOX_JITTER * this.random.next())))
      // kubelet has gone down with its host, and the next one begins anew.
      if (boots !== this.host.boots) yield new Signal<void>()
    }
    return this.cni.add(container, this.file)
  }

  *detach(endpoint: Endpoint): Process<void> {
    this.cni.del(endpoint)
  }
}
