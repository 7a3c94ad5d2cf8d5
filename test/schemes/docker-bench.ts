/** Hosts with dockerd, h1, h2 ..., and an etcd of one member on the last host. */

import { V2ClusterClient } from '../../src/control/etcd/client/v2-cluster-client.ts'
import { V2Keys } from '../../src/control/etcd/client/v2-keys.ts'
import { isV2Failure, type V2KeyNode } from '../../src/control/etcd/client/v2-messages.ts'
import { EtcdCluster } from '../../src/control/etcd/cluster.ts'
import { Program } from '../../src/control/program/program.ts'
import type { Host } from '../../src/host/host.ts'
import { AttachError, type Daemon, type Endpoint } from '../../src/schemes/contract.ts'
import { BitSequence } from '../../src/schemes/docker-overlay/bit-sequence.ts'
import { dockerOverlayScheme } from '../../src/schemes/docker-overlay/index.ts'
import { type Process, spawn } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import type { NetNamespace } from '../../src/stack/namespace.ts'
import type { Ipv4Address } from '../../src/wire/ipv4-address.ts'
import { HostsOnSwitch } from '../control/hosts-on-switch.ts'

const ETCD = {
  version: '3.4',
  heartbeat: 100 * MILLISECOND,
  election: SECOND,
  preVote: false,
  snapshotCount: 100_000,
  quota: 2 ** 31,
}

/** Most that a command may take. */
const PATIENCE = 100 * SECOND

/** A key or directory of the store. */
export interface ListedKey {
  readonly key: string
  readonly createdIndex: number
  readonly modifiedIndex: number
  /** None of a directory. */
  readonly value?: string
}

export class DockerBench {
  readonly lab: HostsOnSwitch
  readonly cluster: EtcdCluster
  private readonly engines: number
  private readonly options: object
  private readonly endpoints = new Map<string, Endpoint>()
  private readonly daemons = new Map<string, Daemon>()
  private readonly keys: V2Keys

  /** @param options of every network. */
  constructor(engines = 2, options: object = {}) {
    this.engines = engines
    this.options = options
    this.lab = new HostsOnSwitch(engines + 1)
    const host = this.lab.host(engines + 1)
    this.cluster = new EtcdCluster([{ name: 'store-1', host }], ETCD)
    this.cluster.start()
    const program = new Program(host.root, 'etcdctl')
    const endpoints = this.cluster.addressesFor()
    this.keys = new V2Keys(new V2ClusterClient(program, { endpoints }))
    this.etcdctl = program
  }

  private readonly etcdctl: Program

  host(number: number): Host {
    return this.lab.host(number)
  }

  run(duration: number): void {
    const { simulator } = this.lab
    simulator.run(simulator.now + duration)
  }

  /** Starts the daemons without a network: nobody makes the one that they are started for. */
  startDaemons(): void {
    this.startNetwork('none', null)
    this.run(25 * SECOND)
  }

  /** @param creator the number of the host on which `docker network create` is typed. */
  startNetwork(name: string, creator: number | null, options: object = {}): void {
    const { simulator } = this.lab
    const hosts = this.lab.hosts.slice(0, this.engines)
    const members = hosts.map(({ name: host, address }) => ({ host, address }))
    const first = creator === null ? { host: 'nobody', address: 0 } : members[creator - 1]!
    const spec = {
      name,
      options: dockerOverlayScheme.options.parse({ ...this.options, ...options }),
      members: [first, ...members.filter((member) => member !== first)],
      store: this.cluster,
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

  /** `docker run --name NAME --network NETWORK` on host `number`, with what it says. */
  tryRun(
    name: string,
    network: string,
    number: number,
    address: Ipv4Address | null = null,
  ): Endpoint | AttachError {
    return this.finish(this.begin(name, network, number, address))
  }

  /** The same, whose result comes later. */
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

  docker(name: string, network: string, number: number): Endpoint {
    const result = this.tryRun(name, network, number)
    if (result instanceof AttachError) throw new Error(result.message)
    this.endpoints.set(`${name} ${network}`, result)
    return result
  }

  /** Of a container that was started. */
  endpoint(name: string, network: string): Endpoint {
    return this.endpoints.get(`${name} ${network}`)!
  }

  /** `docker stop`, of one network. */
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

  /** `count` containers on each host, all at the same time. */
  startAtOnce(network: string, count: number): Endpoint[] {
    const { simulator } = this.lab
    const results: (Endpoint | AttachError)[] = []
    for (let i = 0; i < count * this.engines; i++) {
      const number = (i % this.engines) + 1
      const name = `x${i}`
      const { done } = spawn(simulator, this.begin(name, network, number))
      done.wait(simulator, (result) => results.push(result as Endpoint | AttachError))
    }
    this.run(30 * SECOND)
    return results.flatMap((result) => (result instanceof AttachError ? [] : [result]))
  }

  /** Deletes by hand what the store has of a container: its endpoint and the bit of address 3. */
  forget(name: string): void {
    const own = this.listing().filter(({ key, value = '' }) => {
      return key.includes('/endpoint/') && value.includes(`"name":"${name}"`)
    })
    const pool = this.listing().find(({ key }) => /ipam\/default\/data\/.*\/24$/.test(key))!
    const record = JSON.parse(pool.value!) as { id: string; sequence: string }
    const sequence = BitSequence.decode(record.sequence)!.with(3, false).encode()
    for (const { key } of own) this.etcdctl.spawn(this.keys.delete(key))
    this.etcdctl.spawn(this.keys.set(pool.key, JSON.stringify({ ...record, sequence })))
    this.run(100 * MILLISECOND)
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

  /** The whole store, directories too. */
  listing(): ListedKey[] {
    const { done } = this.etcdctl.spawn(this.keys.get('/docker', { recursive: true }))
    let nodes: ListedKey[] | null = null
    done.wait(this.lab.simulator, (found) => {
      // A signal hands its value over without a type.
      if (!isV2Failure(found as never)) nodes = flatten((found as { node: V2KeyNode }).node)
    })
    this.run(100 * MILLISECOND)
    if (nodes === null) throw new Error('the store does not answer')
    return nodes
  }
}

function flatten(node: V2KeyNode): ListedKey[] {
  const { key, value, createdIndex, modifiedIndex, dir } = node
  const own = { key, createdIndex, modifiedIndex, ...(dir === true ? {} : { value: value ?? '' }) }
  return [own, ...(node.nodes ?? []).flatMap(flatten)]
}
