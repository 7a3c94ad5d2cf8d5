import { KvError } from '../../control/kv/store.ts'
import type { Process } from '../../sim/process.ts'
import { type NetworkParts, releaseSubnet } from './create-network.ts'
import { networkJsonInDelete, type StoredNetwork } from './network-record.ts'

/** How often the networks are read before the first write. */
const LOOKUPS = 4

/**
 * Removes a network from the store, in the order of network.go: it is marked, its pools are given back, it is written
 * without them, the driver gives the VNIs back, then count and network go. Refused while an endpoint is counted,
 * wherever it is and whether its host lives or not. What has begun and cannot go on leaves the rest in the store.
 */
export function* removeNetwork(parts: NetworkParts, name: string): Process<KvError | null> {
  const { endpoints } = parts
  const missing = new KvError('failed', `No such network: ${name}`)
  let network: StoredNetwork | null = null
  for (let i = 0; i < LOOKUPS; i++) {
    const found = yield* endpoints.network(name)
    // A store that does not answer has no networks.
    if (found === null || found instanceof KvError) return missing
    network = found
    if (i === 0) yield* endpoints.names(found.id)
  }
  if (network === null) return missing
  const counted = yield* endpoints.count(network.id)
  if (counted instanceof KvError) return missing
  if (counted.count > 0) {
    const text = `network ${name} id ${network.id} has active endpoints`
    return new KvError('exists', `error while removing network: ${text}`)
  }
  return yield* remove(parts, network, counted.pair)
}

function* remove(
  { datastore, driver, endpoints, ipam, program }: NetworkParts,
  network: StoredNetwork,
  counted: Parameters<NetworkParts['datastore']['delete']>[1],
): Process<KvError | null> {
  const path = `network/${network.id}`
  const mark = (hasPools: boolean) =>
    datastore.update(path, (value) => networkJsonInDelete(value ?? '{}', hasPools))
  const marked = yield* mark(true)
  if (marked instanceof KvError) {
    const text = `error marking network ${network.name} (${network.id}) for deletion: ${marked.text}`
    return new KvError(marked.kind, text)
  }
  for (const subnet of network.subnets) {
    const error = yield* releaseSubnet(ipam, subnet)
    if (error !== null) program.log.push(`Failed to release address pool: ${error.text}`)
  }
  yield* mark(false)
  endpoints.unfollow(network.id)
  const failure = yield* driver.deleteNetwork(network.id)
  if (failure !== null) {
    program.log.push(`driver error deleting network ${network.name} : ${failure.text}`)
  }
  // A container that has come meanwhile has changed the count.
  const uncounted = yield* datastore.delete(`endpoint_count/${network.id}`, counted)
  if (uncounted !== null) {
    const text = `error deleting network endpoint count from store: ${uncounted.text}`
    return new KvError(uncounted.kind, text)
  }
  const found = yield* datastore.get(path)
  if (found instanceof KvError) return found
  return yield* datastore.delete(path, found)
}
