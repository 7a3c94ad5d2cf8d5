import { KvError, type KvPair, type KvWatch } from '../../control/kv/store.ts'
import type { Program } from '../../control/program/program.ts'
import type { Process } from '../../sim/process.ts'
import type { Datastore } from './datastore.ts'
import { type EndpointRecord, endpointJson, endpointName } from './endpoint-record.ts'
import { goJson } from './go-json.ts'
import { parseNetwork, type StoredNetwork } from './network-record.ts'

/** Networks, endpoints and their counts in the store, as libnetwork's controller handles them. */
export class EndpointStore {
  private readonly program: Program
  private readonly datastore: Datastore
  /** Of the endpoint counts of networks with a container here. */
  private readonly watches = new Map<string, KvWatch<KvPair>>()

  constructor(program: Program, datastore: Datastore) {
    this.program = program
    this.datastore = datastore
  }

  /** With every look at the networks comes one at their counts. */
  *networks(): Process<StoredNetwork[] | KvError> {
    const networks = yield* this.datastore.list('network')
    if (networks instanceof KvError) return networks
    const counts = yield* this.datastore.list('endpoint_count')
    if (counts instanceof KvError) return counts
    return networks.map(networkOf).filter((network) => network !== null)
  }

  /** @param name or id. @returns null = there is no such network. */
  *network(name: string): Process<StoredNetwork | null | KvError> {
    const networks = yield* this.networks()
    if (networks instanceof KvError) return networks
    return networks.find((each) => each.id === name || each.name === name) ?? null
  }

  /** Names of the containers on a network; its directory is made. */
  *names(network: string): Process<string[] | KvError> {
    const pairs = yield* this.datastore.list(`endpoint/${network}`)
    return pairs instanceof KvError ? pairs : pairs.map(nameOf)
  }

  *create(network: string, endpoint: EndpointRecord): Process<KvError | null> {
    const path = pathOf(network, endpoint)
    const written = yield* this.datastore.put(path, endpointJson(endpoint), null)
    return written instanceof KvError ? written : null
  }

  *update(network: string, endpoint: EndpointRecord): Process<KvError | null> {
    const written = yield* this.datastore.update(pathOf(network, endpoint), () =>
      endpointJson(endpoint),
    )
    return written instanceof KvError ? written : null
  }

  /** Also when somebody has changed it meanwhile. */
  *delete(network: string, endpoint: EndpointRecord): Process<KvError | null> {
    const path = pathOf(network, endpoint)
    for (;;) {
      const found = yield* this.datastore.get(path)
      if (found instanceof KvError) return found.kind === 'not-found' ? null : found
      const error = yield* this.datastore.delete(path, found)
      if (error === null || error.kind === 'failed') return error
    }
  }

  *createCount(network: string): Process<KvError | null> {
    const count = goJson({ Count: 0 })
    const written = yield* this.datastore.put(`endpoint_count/${network}`, count, null)
    return written instanceof KvError ? written : null
  }

  /** The pair of a network's count, and what it says. */
  *count(network: string): Process<{ readonly pair: KvPair; readonly count: number } | KvError> {
    const pair = yield* this.datastore.get(`endpoint_count/${network}`)
    if (pair instanceof KvError) return pair
    return { pair, count: (JSON.parse(pair.value) as { Count: number }).Count }
  }

  *changeCount(network: string, by: 1 | -1): Process<KvError | null> {
    const written = yield* this.datastore.update(`endpoint_count/${network}`, (value) => {
      if (value === null) return new KvError('failed', 'Key not found in store')
      const { Count } = JSON.parse(value) as { Count: number }
      return goJson({ Count: Count + by })
    })
    return written instanceof KvError ? written : null
  }

  /** From now on every change of the count makes this host read the endpoints, for their names. */
  follow(network: string): void {
    if (this.watches.has(network)) return
    const watch = this.datastore.watch(`endpoint_count/${network}`)
    this.watches.set(network, watch)
    this.program.spawn(this.readOnChange(network, watch))
  }

  private *readOnChange(network: string, watch: KvWatch<KvPair>): Process {
    while ((yield* watch.next()) !== null) yield* this.names(network)
  }

  unfollow(network: string): void {
    this.watches.get(network)?.stop()
    this.watches.delete(network)
  }

  /** Watches that have broken with the store are made anew. */
  restartWatches(): void {
    for (const [network, watch] of [...this.watches]) {
      if (!watch.hasEnded) continue
      this.watches.delete(network)
      this.follow(network)
    }
  }
}

/** Of the pairs that the store's client keeps: all daemons are told the same, 18 times in each start. */
const networkOfPair = new WeakMap<KvPair, StoredNetwork | null>()
const nameOfPair = new WeakMap<KvPair, string>()

function networkOf(pair: KvPair): StoredNetwork | null {
  const known = networkOfPair.get(pair)
  if (known !== undefined) return known
  const network = parseNetwork(pair.value)
  networkOfPair.set(pair, network)
  return network
}

function nameOf(pair: KvPair): string {
  const known = nameOfPair.get(pair)
  if (known !== undefined) return known
  const name = endpointName(pair.value)
  nameOfPair.set(pair, name)
  return name
}

function pathOf(network: string, { id }: EndpointRecord): string {
  return `endpoint/${network}/${id}`
}
