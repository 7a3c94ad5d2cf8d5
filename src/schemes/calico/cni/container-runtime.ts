import { Program } from '../../../control/program/program.ts'
import type { Host } from '../../../host/host.ts'
import { type Process, Signal, sleep, spawn } from '../../../sim/process.ts'
import type { RandomStream } from '../../../sim/random.ts'
import { SECOND } from '../../../sim/units.ts'
import { AttachError, type ContainerSpec, type Endpoint } from '../../contract.ts'
import { Ipam } from '../ipam/ipam.ts'
import type { NodeContext } from '../node-service.ts'
import { releaseOf } from '../options.ts'
import { addPod, deletePod } from './kubernetes.ts'
import { addDockerEndpoint, deleteDockerEndpoint, labelDockerEndpoint } from './libnetwork.ts'
import { IpamLock, type PluginRun } from './plugin-run.ts'
import { removeVeth } from './sandbox.ts'
import {
  type CalicoNetwork,
  endpointOf,
  keyOfWorkload,
  PluginError,
  type Workload,
} from './workload.ts'

/** kubelet tries a sandbox again after so long, and up to half of it more (backOffPeriod). */
const SANDBOX_RETRY = 10 * SECOND
const SANDBOX_JITTER = 0.5
const ID_DIGITS = 64

/** What runs Calico's plugins on a host, each time as a program of its own: kubelet, or dockerd. */
export class ContainerRuntime {
  readonly log: string[] = []
  private readonly host: Host
  private readonly context: NodeContext
  private readonly mtu: number
  private readonly random: RandomStream
  private readonly lock = new IpamLock()
  /** On disk: what was attached and not yet detached. */
  private readonly workloads = new Map<string, Workload>()
  private readonly running = new Set<Program>()
  private runs = 0

  constructor(context: NodeContext, mtu: number) {
    this.context = context
    this.host = context.host
    this.mtu = mtu
    const { random } = this.host.kernel.simulator
    this.random = random.stream(`container-runtime/${context.node}`)
  }

  /** With the power went the programs; what is on disk stays. */
  reset(): void {
    for (const program of this.running) program.kill()
    this.running.clear()
  }

  *add(network: CalicoNetwork, container: ContainerSpec): Process<Endpoint | AttachError> {
    const key = keyOfWorkload(network.name, container.name)
    const old = this.workloads.get(key)
    if (old !== undefined) yield* this.del(old)
    for (;;) {
      const result = yield* this.inProgram((run) => this.addOnce(run, network, container))
      if (!(result instanceof PluginError)) {
        this.workloads.set(key, result)
        this.labelLater(result)
        return endpointOf(result, container.namespace)
      }
      this.log.push(`${container.name}: ${result.text}`)
      if (result.isLasting) return new AttachError(result.text)
      yield* this.backOff()
    }
  }

  /** Goes on while the container runs already. */
  private labelLater(workload: Workload): void {
    const { container, network } = workload
    const { orchestrator, labelEndpoints } = network.options
    const hasLabels = labelEndpoints && Object.keys(container.labels).length > 0
    if (orchestrator !== 'libnetwork' || !hasLabels) return
    spawn(
      this.host.kernel.simulator,
      this.inProgram((run) => labelDockerEndpoint(run, workload)),
    )
  }

  private addOnce(
    run: PluginRun,
    network: CalicoNetwork,
    container: ContainerSpec,
  ): Process<Workload | PluginError> {
    const id = this.newId()
    return network.options.orchestrator === 'cni'
      ? addPod(run, network, container, id)
      : addDockerEndpoint(run, network, container, id)
  }

  private newId(): string {
    let id = ''
    while (id.length < ID_DIGITS) id += (this.random.int32() >>> 0).toString(16).padStart(8, '0')
    return id
  }

  private backOff(): Process {
    return sleep(Math.round(SANDBOX_RETRY * (1 + SANDBOX_JITTER * this.random.next())))
  }

  *remove(network: string, container: string): Process {
    const workload = this.workloads.get(keyOfWorkload(network, container))
    if (workload !== undefined) yield* this.del(workload)
  }

  /** What fails of a pod's end is tried again and again; Docker tries once. */
  private *del(workload: Workload): Process {
    const { container, network } = workload
    const error = yield* this.delOnce(workload)
    if (error !== null) {
      this.log.push(`${container.name}: ${error.text}`)
      // The container's namespace goes in any case.
      removeVeth(this.host.commands, workload.device)
    }
    if (error !== null && !error.isLasting) {
      yield* this.backOff()
      return yield* this.del(workload)
    }
    this.workloads.delete(keyOfWorkload(network.name, container.name))
  }

  private delOnce(workload: Workload): Process<PluginError | null> {
    const isPod = workload.network.options.orchestrator === 'cni'
    return this.inProgram((run) =>
      isPod ? deletePod(run, workload) : deleteDockerEndpoint(run, workload),
    )
  }

  /** One run of a plugin, which has its own connections to the datastore. */
  private *inProgram<T>(work: (run: PluginRun) => Process<T>): Process<T> {
    const { context, host, lock, mtu } = this
    const { node } = context
    const program = new Program(host.root, `calico-plugin-${this.runs++}`)
    this.running.add(program)
    const datastore = context.datastore(program)
    const ipam = new Ipam(program, datastore, node, releaseOf(context.options) === '3.33')
    const run = { program, host, node, datastore, ipam, lock, mtu }
    const result = new Signal<T>()
    program.spawn(work(run)).done.wait(program.simulator, (value) => result.settle(value as T))
    const value = yield* result.receive()
    this.running.delete(program)
    program.kill()
    return value
  }
}
