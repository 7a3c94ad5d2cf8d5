/** Hosts with dockerd in swarm mode, h1, h2 ..., on one switch; without a store. */

import type { Host } from '../../src/host/host.ts'
import { AttachError, type Daemon, type Endpoint } from '../../src/schemes/contract.ts'
import { dockerOverlayScheme } from '../../src/schemes/docker-overlay/index.ts'
import { type Process, spawn } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import type { NetNamespace } from '../../src/stack/namespace.ts'
import type { Ipv4Address } from '../../src/wire/ipv4-address.ts'
import { HostsOnSwitch } from '../control/hosts-on-switch.ts'

/** Most that a command may take. */
const PATIENCE = 100 * SECOND

export class SwarmBench {
  readonly lab: HostsOnSwitch
  private readonly options: object
  private readonly daemons = new Map<string, Daemon>()

  /** @param options of every network. */
  constructor(hosts = 2, options: object = {}, seed = '1') {
    this.options = options
    this.lab = new HostsOnSwitch(hosts, { seed })
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

  startNetwork(name: string, options: object = {}): void {
    const { simulator, hosts } = this.lab
    const spec = {
      name,
      options: dockerOverlayScheme.options.parse({ mode: 'swarm', ...this.options, ...options }),
      members: hosts.map(({ name: host, address }) => ({ host, address })),
      store: null,
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

  /** `docker run` on host `number`, whose result comes later. */
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

  tryRun(name: string, network: string, number: number, address: Ipv4Address | null = null) {
    return this.finish(this.begin(name, network, number, address))
  }

  docker(name: string, network: string, number: number, address: Ipv4Address | null = null) {
    const result = this.tryRun(name, network, number, address)
    if (result instanceof AttachError) throw new Error(result.message)
    return result
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
