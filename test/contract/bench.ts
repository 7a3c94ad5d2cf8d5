/** A scheme on two hosts, driven by hand: containers come and go while the run goes on. */

import { stringify } from 'yaml'
import { buildWorld } from '../../src/scenario/builder.ts'
import { formatIssues } from '../../src/scenario/issues.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import type { Scenario } from '../../src/scenario/model.ts'
import type { World } from '../../src/scenario/world.ts'
import { AttachError, type Daemon, type Endpoint, type Scheme } from '../../src/schemes/contract.ts'
import { Schemes } from '../../src/schemes/registry.ts'
import { type Process, spawn } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import type { NetNamespace } from '../../src/stack/namespace.ts'
import type { Ipv4Address } from '../../src/wire/ipv4-address.ts'

/** Keys of a scenario file. */
export type Sections = Readonly<Record<string, unknown>>

/** Most that attaching or detaching may take. */
const PATIENCE = 60 * SECOND

/** One rack with the hosts h1 and h2; containers a and b on h1, c on h2. */
export function contractScenario(scheme: Scheme, options: Sections, more: Sections = {}): Scenario {
  const text = stringify({
    name: 'contract',
    fabric: { racks: 1, hostsPerRack: 2, links: '10Gbps' },
    hosts: { costs: 'none' },
    networks: { net: { scheme: scheme.name, ...options } },
    containers: [
      { name: 'a', host: 'h1' },
      { name: 'b', host: 'h1' },
      { name: 'c', host: 'h2' },
    ],
    ...more,
  })
  const loaded = loadScenario(text, 'contract.yaml', new Schemes([scheme]))
  if (!loaded.ok) throw new Error(`${formatIssues(loaded.issues)}\n${text}`)
  return loaded.scenarios[0]!
}

export class Bench {
  readonly world: World
  private readonly settle: number

  /** @param settle how long it takes until who was attached is reachable. */
  constructor(scheme: Scheme, options: Sections, more: Sections = {}, settle = 0) {
    this.settle = settle
    const scenario = contractScenario(scheme, options, more)
    this.world = buildWorld(scenario, new Schemes([scheme]))
    this.run(SECOND)
    while (this.isAttaching() && this.world.simulator.now < PATIENCE) this.run(SECOND)
    this.run(this.settle)
  }

  /** With a store behind the network its containers wait for their hosts' subnets. */
  private isAttaching(): boolean {
    const { endpoints, attachFailures } = this.world
    return attachFailures.length === 0 && [...endpoints.values()].some(({ length }) => length === 0)
  }

  run(duration: number): void {
    const { simulator } = this.world
    simulator.run(simulator.now + duration)
  }

  daemon(host: string): Daemon {
    return this.world.networks.get('net')!.daemons.get(host)!
  }

  root(host: string): NetNamespace {
    return this.world.hosts.get(host)!.root
  }

  /** The endpoint of a container of the file. */
  endpoint(container: string): Endpoint {
    const [endpoint] = this.world.endpoints.get(container)!
    if (endpoint === undefined) throw new Error(this.world.attachFailures[0]!.message)
    return endpoint
  }

  /** Attaches one more container. */
  attach(name: string, host: string, address: Ipv4Address | null = null): Endpoint | AttachError {
    const machine = this.world.hosts.get(host)!
    const namespace = machine.containers.get(name) ?? machine.addContainer(name)
    const process = this.daemon(host).attach({
      name,
      network: 'net',
      namespace,
      device: 'eth0',
      defaultRoute: true,
      address,
      mac: null,
      labels: {},
    })
    const result = this.finish(process)
    this.run(this.settle)
    return result
  }

  mustAttach(name: string, host: string, address: Ipv4Address | null = null): Endpoint {
    const result = this.attach(name, host, address)
    if (result instanceof AttachError) throw new Error(result.message)
    return result
  }

  detach(endpoint: Endpoint, host: string): void {
    this.finish(this.daemon(host).detach(endpoint))
    this.run(this.settle)
  }

  finish<T>(process: Process<T>): T {
    const { simulator } = this.world
    const { done } = spawn(simulator, process)
    let result: { value: T } | null = null
    done.wait(simulator, (value) => {
      result = { value: value as T }
    })
    const end = simulator.now + PATIENCE
    while (result === null && simulator.now < end) this.run(SECOND / 100)
    if (result === null) throw new Error('the daemon did not come to an end')
    return (result as { value: T }).value
  }

  /** Runs to a time since the beginning, picoseconds. */
  runTo(time: number): void {
    const { simulator } = this.world
    if (time > simulator.now) simulator.run(time)
  }

  /** As `mustAttach`, but where it is refused it is tried again for a while. */
  mustAttachWithin(patience: number, name: string, host: string): Endpoint {
    const end = this.world.simulator.now + patience
    for (;;) {
      const result = this.attach(name, host)
      if (!(result instanceof AttachError)) return result
      if (this.world.simulator.now > end) throw new Error(result.message)
      this.run(5 * SECOND)
    }
  }

  /** Whether one of three pings is answered. */
  reaches(from: NetNamespace, to: Ipv4Address): boolean {
    return [1, 2, 3].some(() => this.pingOf(from, to, 84, SECOND) === 'answered')
  }

  /** Whether an endpoint that may still be on its way is reached at last. */
  reachesWithin(patience: number, from: NetNamespace, to: () => Endpoint | undefined): boolean {
    const end = this.world.simulator.now + patience
    while (this.world.simulator.now < end) {
      const target = to()
      if (target === undefined) this.run(SECOND)
      else if (this.pingOf(from, target.address, 84, 2 * SECOND) === 'answered') return true
    }
    return false
  }

  /** Sends a datagram. @returns payload bytes that arrived; -1 when none did. */
  sendUdp(from: NetNamespace, to: Endpoint, bytes: number): number {
    const server = to.namespace.sockets.openUdp()!
    const client = from.sockets.openUdp()!
    let arrived = -1
    server.onReceive = ({ l3Length }) => {
      arrived = l3Length - 28
    }
    client.sendTo(to.address, server.port, bytes)
    this.run(SECOND)
    server.close()
    client.close()
    return arrived
  }

  /** Opens a connection, writes and closes. @returns bytes that were read at the other end. */
  sendTcp(from: NetNamespace, to: Endpoint, bytes: number): number {
    const listener = to.namespace.sockets.listenTcp()!
    const client = from.sockets.openTcp()
    let read = 0
    let left = bytes
    listener.onAccept = () => {
      const server = listener.accept()!
      server.onReadable = () => {
        read += server.read(Infinity)
      }
    }
    const write = () => {
      left -= client.write(left)
      if (left === 0) client.shutdown()
    }
    client.onConnect = write
    client.onWritable = write
    client.connect(to.address, listener.port)
    this.run(5 * SECOND)
    client.abort()
    listener.close()
    return read
  }

  /** One echo request, and whether it was answered within five seconds. */
  ping(from: NetNamespace, to: Ipv4Address): boolean {
    return this.pingOf(from, to, 84) === 'answered'
  }

  /** An echo request of `length` bytes at the IP layer that may not be cut, and its fate after a while. */
  pingOf(
    from: NetNamespace,
    to: Ipv4Address,
    length: number,
    wait = 5 * SECOND,
  ): 'answered' | 'lost' | 'refused' {
    const socket = from.sockets.openEcho()
    socket.pmtuDiscovery = 'do'
    let isAnswered = false
    socket.onReply = () => {
      isAnswered = true
    }
    const error = socket.request(to, 1, length - 28)
    this.run(wait)
    socket.close()
    if (error !== null) return 'refused'
    return isAnswered ? 'answered' : 'lost'
  }
}
