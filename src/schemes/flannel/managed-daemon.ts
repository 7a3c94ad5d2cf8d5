import { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import { type Process, sleep } from '../../sim/process.ts'
import type { RandomStream } from '../../sim/random.ts'
import { SECOND } from '../../sim/units.ts'
import type { Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { AttachError, ContainerSpec, Daemon, Endpoint, NetworkSpec } from '../contract.ts'
import { CniPlugins } from './cni.ts'
import { Flanneld, type HostState } from './flanneld.ts'
import { type FlannelOptions, publicIpOf } from './options.ts'
import { FORWARD_JUMP, forwardRules, MASQUERADE_JUMP, masqueradeRules } from './rules.ts'
import type { SubnetFile } from './subnet-file.ts'
import type { SubnetManager } from './subnet-manager.ts'

/** kubelet tries a pod's sandbox again after so long, and up to half of it more (backOffPeriod). */
const SANDBOX_RETRY = 10 * SECOND
const SANDBOX_JITTER = 0.5

const NO_SUBNET_FILE =
  "failed to load flannel 'subnet.env' file: open /run/flannel/subnet.env: no such file or directory"

/** @param previous the subnet of an earlier start. */
type MakeManager = (program: Program, previous: Ipv4Prefix | null) => SubnetManager

/**
 * A host whose flanneld gets its subnet from a store: the program with the supervisor that starts it
 * again, what it leaves on its host, and the CNI plugins that go by that.
 */
export class ManagedFlanneld implements Daemon, HostState {
  readonly host: Host
  private readonly network: NetworkSpec<FlannelOptions>
  private readonly makeManager: MakeManager
  private readonly cni: CniPlugins
  /** Of the attempts to attach containers. */
  private readonly random: RandomStream
  /** Of the programs that have ended, and of kubelet. */
  private readonly past: string[] = []
  private file: SubnetFile | null = null
  private rules = ''
  private program: Program | null = null
  /** Counts starts and ends by order: a restart that was overtaken does not happen. */
  private order = 0

  constructor(host: Host, network: NetworkSpec<FlannelOptions>, makeManager: MakeManager) {
    this.host = host
    this.network = network
    this.makeManager = makeManager
    this.cni = new CniPlugins(host)
    this.random = host.kernel.simulator.random.stream(`kubelet/${host.name}/${network.name}`)
    host.commands.sysctl('net.ipv4.ip_forward', 1)
    // flanneld does not start without br_netfilter.
    host.commands.sysctl('net.bridge.bridge-nf-call-iptables', 1)
    this.start()
  }

  get log(): readonly string[] {
    return this.program === null ? this.past : [...this.past, ...this.program.log]
  }

  start(): void {
    this.order++
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
      this.makeManager(program, this.file?.subnet ?? null),
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

  /** Routes and devices stay: forwarding goes on without the daemon. */
  stop(): void {
    this.crash()
  }

  crash(): void {
    this.program?.kill()
    this.order++
  }

  *leave(): Process<void> {
    this.stop()
  }

  /** Those that stand already are left alone; of another subnet they are put in place of the old. */
  setRules(network: Ipv4Prefix, subnet: Ipv4Prefix): void {
    const { iptables } = this.host.commands
    const { ipMasq } = this.network.options
    const rules = (ipMasq ? masqueradeRules(network, subnet) : '') + forwardRules(network)
    if (rules === this.rules) return
    if (this.rules !== '') {
      iptables.run(`-D ${FORWARD_JUMP}`)
      if (ipMasq) iptables.run(`-t nat -D ${MASQUERADE_JUMP}`)
    }
    iptables.restore(rules, { noflush: true })
    this.rules = rules
  }

  writeSubnetFile(file: SubnetFile): void {
    this.file = file
  }

  /** Until flanneld has its lease the sandbox fails, and is tried again. */
  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    while (this.file === null) {
      const log = this.program?.log ?? this.past
      log.push(`kubelet: ${container.name}: ${NO_SUBNET_FILE}`)
      yield* sleep(Math.round(SANDBOX_RETRY * (1 + SANDBOX_JITTER * this.random.next())))
    }
    return this.cni.add(container, this.file)
  }

  *detach(endpoint: Endpoint): Process<void> {
    this.cni.del(endpoint)
  }
}
