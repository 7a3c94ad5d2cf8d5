import { KvError } from '../../control/kv/store.ts'
import type { Program } from '../../control/program/program.ts'
import { rfc3339 } from '../../control/program/wall-clock.ts'
import type { Process } from '../../sim/process.ts'
import type { Datastore } from './datastore.ts'
import type { EndpointStore } from './endpoint-store.ts'
import { randomHex } from './identifier.ts'
import type { Ipam } from './ipam.ts'
import { networkJson, type StoredSubnet } from './network-record.ts'
import { type DockerOverlayOptions, type SubnetWish, subnetWishes } from './options.ts'
import type { OverlayDriver } from './overlay-driver.ts'

/** What makes and removes networks in the store. */
export interface NetworkParts {
  readonly program: Program
  readonly datastore: Datastore
  readonly ipam: Ipam
  readonly endpoints: EndpointStore
  readonly driver: OverlayDriver
}

/**
 * Makes a network in the store, unless there is one of the name, in the order of controller.go: its pools with
 * gateways and reserved addresses, the driver's record, the count of endpoints, the network itself. No other host
 * is told. Half of one stays when the store fails on the way.
 */
export function* createNetwork(
  { program, datastore, ipam, endpoints, driver }: NetworkParts,
  name: string,
  options: DockerOverlayOptions,
): Process<KvError | null> {
  const found = yield* endpoints.network(name)
  if (found instanceof KvError) return found
  if (found !== null) return new KvError('exists', `network with name ${name} already exists`)
  const subnets: StoredSubnet[] = []
  for (const wish of subnetWishes(options)) {
    const subnet = yield* requestSubnet(ipam, wish)
    if (subnet instanceof KvError) {
      for (const each of subnets) yield* releaseSubnet(ipam, each)
      return subnet
    }
    subnets.push(subnet)
  }
  const id = randomHex(program.random)
  const network = { id, name, subnets, isInternal: options.internal }
  const refusal =
    (yield* driver.createNetwork(network, options)) ?? (yield* endpoints.createCount(id))
  if (refusal !== null) return refusal
  const json = networkJson(network, options, rfc3339(program.wallClock))
  const written = yield* datastore.put(`network/${id}`, json, null)
  return written instanceof KvError ? written : null
}

function* requestSubnet(
  ipam: Ipam,
  { subnet, ipRange, gateway: wanted, auxAddresses }: SubnetWish,
): Process<StoredSubnet | KvError> {
  const pool = yield* ipam.requestPool(subnet, ipRange)
  if (pool instanceof KvError) return pool
  const gateway = yield* ipam.requestAddress(pool, wanted)
  if (gateway instanceof KvError) return gateway
  const reserved = Object.values(auxAddresses)
  for (const address of reserved) {
    const refusal = yield* ipam.requestAddress(pool, address)
    if (refusal instanceof KvError) return refusal
  }
  return { pool, gateway, reserved }
}

/** Gives a pool back with what the network itself had of it. */
export function* releaseSubnet(
  ipam: Ipam,
  { pool, gateway, reserved }: StoredSubnet,
): Process<KvError | null> {
  for (const address of [gateway, ...reserved]) {
    const error = yield* ipam.releaseAddress(pool, address)
    if (error !== null) return error
  }
  return yield* ipam.releasePool(pool)
}
