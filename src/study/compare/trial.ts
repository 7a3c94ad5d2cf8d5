import type { World } from '../../scenario/world.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkSpec,
} from '../../schemes/contract.ts'
import { type Process, spawn } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { Cell, CellValue } from './cell.ts'

/** Most that attaching or detaching may take. */
const PATIENCE = 60 * SECOND

/** What daemons have to tell each other of a container, after it got on its network. */
const SETTLE = 10 * SECOND

/** A run in which probes are sent one after the other, at instants of one's own. */
export class Trial {
  readonly key: string
  readonly world: World

  constructor(key: string, world: World) {
    this.key = key
    this.world = world
  }

  /** Picoseconds. */
  get now(): number {
    return this.world.simulator.now
  }

  run(duration: number): void {
    this.world.simulator.run(this.now + duration)
  }

  /** Runs until all containers of the scenario are on their networks or were refused, and known there. */
  settle(): void {
    const isAttaching = () => {
      const { scenario, endpoints, attachFailures } = this.world
      const wanted = scenario.containers.reduce((sum, { networks }) => sum + networks.length, 0)
      const had = [...endpoints.values()].reduce((sum, { length }) => sum + length, 0)
      return had + attachFailures.length < wanted
    }
    const end = this.now + PATIENCE
    while (isAttaching() && this.now < end) this.run(SECOND)
    this.run(SETTLE)
  }

  /** An answer that was seen now. */
  cell(section: string, row: string, value: CellValue, text: string, probe: string): Cell {
    const evidence = { scenario: this.key, probe, instant: this.now }
    return { section, row, value, text, evidence }
  }

  /** Of a container of the scenario; undefined when it has none. */
  endpoint(container: string, network?: string): Endpoint | undefined {
    const all = this.world.endpoints.get(container) ?? []
    return all.find((endpoint) => network === undefined || endpoint.network === network)
  }

  daemon(host: string, network: string): Daemon {
    return this.world.networks.get(network)!.daemons.get(host)!
  }

  root(host: string): NetNamespace {
    return this.world.hosts.get(host)!.root
  }

  /** One container more. @returns also when the daemon did not come to an end in `patience`. */
  attach(
    container: { name: string; host: string; network: string; address?: Ipv4Address | null },
    patience: number = PATIENCE,
  ): Endpoint | AttachError {
    const { name, host, network, address = null } = container
    const machine = this.world.hosts.get(host)!
    const spec: ContainerSpec = {
      name,
      network,
      namespace: machine.containers.get(name) ?? machine.addContainer(name),
      device: 'eth0',
      defaultRoute: true,
      address,
      mac: null,
      labels: {},
    }
    const result = this.finish(this.daemon(host, network).attach(spec), patience)
    if (result === null) return new AttachError(`no answer within ${patience / SECOND} s`)
    return result.value
  }

  /** A host comes to a network while it runs; the daemons of the others have not been told of it. */
  join(host: string, network: string): void {
    const { hosts, networks, simulator, store } = this.world
    const { model, scheme, daemons } = networks.get(network)!
    const names = [...hosts.keys()].filter((name) => daemons.has(name) || name === host)
    const spec: NetworkSpec = {
      name: network,
      options: model.options,
      members: names.map((name) => ({ host: name, address: hosts.get(name)!.address })),
      store,
      random: simulator.random.stream(`network/${network}/${host}`),
    }
    daemons.set(host, scheme.startHost(hosts.get(host)!, spec))
  }

  detach(endpoint: Endpoint, host: string): void {
    this.finish(this.daemon(host, endpoint.network).detach(endpoint), PATIENCE)
  }

  /** Runs until a process has ended. @returns null when it did not. */
  private finish<T>(process: Process<T>, patience: number): { value: T } | null {
    const { simulator } = this.world
    let result: { value: T } | null = null
    spawn(simulator, process).done.wait(simulator, (value) => {
      result = { value: value as T }
    })
    const end = this.now + patience
    while (result === null && this.now < end) this.run(10 * MILLISECOND)
    return result
  }

  /** Whether one of three echo requests, a second apart, is answered. */
  reaches(from: NetNamespace, to: Ipv4Address): boolean {
    return this.reachesAll([{ from, to }])[0]!
  }

  /** As `reaches`, for many pairs at the same time. */
  reachesAll(
    pairs: readonly { readonly from: NetNamespace; readonly to: Ipv4Address }[],
  ): readonly boolean[] {
    const answered = pairs.map(() => false)
    const sockets = pairs.map(({ from }, i) => {
      const socket = from.sockets.openEcho()
      socket.onReply = () => {
        answered[i] = true
      }
      return socket
    })
    for (let sequence = 1; sequence <= 3; sequence++) {
      pairs.forEach(({ to }, i) => {
        if (!answered[i]) sockets[i]!.request(to, sequence, 56)
      })
      this.run(SECOND)
    }
    for (const socket of sockets) socket.close()
    return answered
  }
}
