/** Hosts with dockerd, h1, h2 ..., on one switch, whatever the mode. */

import type { StoreCluster } from '../../src/control/cluster/store.ts'
import type { Host } from '../../src/host/host.ts'
import { AttachError, type Daemon, type Endpoint } from '../../src/schemes/contract.ts'
import { dockerOverlayScheme } from '../../src/schemes/docker-overlay/index.ts'
import { type Process, spawn } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import type { NetNamespace } from '../../src/stack/namespace.ts'
import type { Ipv4Address } from '../../src/wire/ipv4-address.ts'
import type { HostsOnSwitch } from '../control/hosts-on-switch.ts'

/** Most that a command may take. */
const PATIENCE = 100 * SECOND

export class EngineBench {
  readonly lab: HostsOnSwitch
  protected readonly engines: number
  private readonly options: object
  private readonly endpoints = new Map<string, Endpoint>()
  private readonly daemons = new Map<string, Daemon>()

  /** @param engines the first so many hosts have one. @param options of every network. */
  protected constructor(lab: HostsOnSwitch, engines: number, options: object) {
    this.lab = lab
    this.engines = engines
    this.options = options
  }

  host(number: number): Host {
    return this.lab.host(number)
  }

  run(duration: number): void {
    const { simulator } = this.lab
    simulator.run(simulator.now + duration)
  }

  get seconds(): number {
    return this.lab.simulator.now / SECOND
  }

  /** @param creator the number of the host that is first among the members; null = none of them is. */
  protected startOn(
    name: string,
    options: object,
    creator: number | null,
    store: StoreCluster | null,
  ): void {
    const { simulator } = this.lab
    const hosts = this.lab.hosts.slice(0, this.engines)
    const members = hosts.map(({ name: host, address }) => ({ host, address }))
    const first = creator === null ? { host: 'nobody', address: 0 } : members[creator - 1]!
    const spec = {
      name,
      options: dockerOverlayScheme.options.parse({ ...this.options, ...options }),
      members: [first, ...members.filter((member) => member !== first)],
      store,
      random: simulator.random.stream(`network/${name}`),
    }
    for (const host of hosts) {
      this.daemons.set(`${name} ${host.name}`, dockerOverlayScheme.startHost(host, spec))
    }
    this.run(SECOND)
  }

  daemon(network: string, number: number): Daemon {
    return this.daemons.get(`${network} h${number}`)!
  }

  namespace(name: string, number: number): NetNamespace {
    const host = this.host(number)
    return host.containers.get(name) ?? host.addContainer(name)
  }

  /** `docker run --name NAME --network NETWORK` on host `number`, whose result comes later. */
  begin(
    name: string,
    network: string,
    number: number,
    address: Ipv4Address | null = null,
  ): Process<Endpoint | AttachError> {
    return this.daemon(network, number).attach({
      name,
      network,
      namespace: this.namespace(name, number),
      device: 'eth0',
      defaultRoute: true,
      address,
      mac: null,
      labels: {},
    })
  }

  /** The same, with what it says. */
  tryRun(name: string, network: string, number: number, address: Ipv4Address | null = null) {
    return this.finish(this.begin(name, network, number, address))
  }

  docker(name: string, network: string, number: number, address: Ipv4Address | null = null) {
    const result = this.tryRun(name, network, number, address)
    if (result instanceof AttachError) throw new Error(result.message)
    this.endpoints.set(`${name} ${network}`, result)
    return result
  }

  /** Of a container that was started. */
  endpoint(name: string, network: string): Endpoint {
    return this.endpoints.get(`${name} ${network}`)!
  }

  /** `docker rm -f`, of one network. */
  remove(endpoint: Endpoint, number: number): void {
    this.finish(this.daemon(endpoint.network, number).detach(endpoint))
  }

  finish<T>(process: Process<T>): T {
    const { simulator } = this.lab
    const { done } = spawn(simulator, process)
    let result: { value: T } | null = null
    done.wait(simulator, (value) => {
      result = { value: value as T }
    })
    const end = simulator.now + PATIENCE
    while (result === null && simulator.now < end) this.run(10 * MILLISECOND)
    if (result === null) throw new Error('the command did not come to an end')
    return (result as { value: T }).value
  }

  /** Whether an echo request is answered within `patience`, picoseconds. */
  ping(from: NetNamespace, to: Ipv4Address, patience = 5 * SECOND): boolean {
    const socket = from.sockets.openEcho()
    let isAnswered = false
    socket.onReply = () => {
      isAnswered = true
    }
    socket.request(to, 1, 56)
    this.run(patience)
    socket.close()
    return isAnswered
  }

  /** Namespaces of networks on a host. */
  sandboxes(number: number): NetNamespace[] {
    const { containers } = this.host(number)
    return [...containers.values()].filter(({ name }) => name.includes('.1-'))
  }
}
