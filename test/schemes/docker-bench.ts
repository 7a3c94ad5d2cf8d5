/** Hosts with dockerd, h1, h2 ..., and an etcd of one member on the last host. */

import { V2ClusterClient } from '../../src/control/etcd/client/v2-cluster-client.ts'
import { V2Keys } from '../../src/control/etcd/client/v2-keys.ts'
import { isV2Failure, type V2KeyNode } from '../../src/control/etcd/client/v2-messages.ts'
import { EtcdCluster } from '../../src/control/etcd/cluster.ts'
import { Program } from '../../src/control/program/program.ts'
import { AttachError, type Endpoint } from '../../src/schemes/contract.ts'
import { BitSequence } from '../../src/schemes/docker-overlay/bit-sequence.ts'
import { spawn } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { HostsOnSwitch } from '../control/hosts-on-switch.ts'
import { EngineBench } from './engine-bench.ts'

const ETCD = {
  version: '3.4',
  heartbeat: 100 * MILLISECOND,
  election: SECOND,
  preVote: false,
  snapshotCount: 100_000,
  quota: 2 ** 31,
}

/** A key or directory of the store. */
export interface ListedKey {
  readonly key: string
  readonly createdIndex: number
  readonly modifiedIndex: number
  /** None of a directory. */
  readonly value?: string
}

export class DockerBench extends EngineBench {
  readonly cluster: EtcdCluster
  private readonly keys: V2Keys
  private readonly etcdctl: Program

  /** @param options of every network. */
  constructor(engines = 2, options: object = {}) {
    super(new HostsOnSwitch(engines + 1), engines, options)
    const host = this.lab.host(engines + 1)
    this.cluster = new EtcdCluster([{ name: 'store-1', host }], ETCD)
    this.cluster.start()
    const program = new Program(host.root, 'etcdctl')
    const endpoints = this.cluster.addressesFor()
    this.keys = new V2Keys(new V2ClusterClient(program, { endpoints }))
    this.etcdctl = program
  }

  /** Starts the daemons without a network: nobody makes the one that they are started for. */
  startDaemons(): void {
    this.startNetwork('none', null)
    this.run(25 * SECOND)
  }

  /** @param creator the number of the host on which `docker network create` is typed. */
  startNetwork(name: string, creator: number | null, options: object = {}): void {
    this.startOn(name, options, creator, this.cluster)
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
