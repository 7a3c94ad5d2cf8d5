import { KvError } from '../../control/kv/store.ts'
import type { Program } from '../../control/program/program.ts'
import { rfc3339 } from '../../control/program/wall-clock.ts'
import type { Process } from '../../sim/process.ts'
import type { Datastore } from './datastore.ts'
import type { EndpointStore } from './endpoint-store.ts'
import { randomHex } from './identifier.ts'
import type { Ipam } from './ipam.ts'
import { networkJson } from './network-record.ts'
import type { DockerOverlayOptions } from './options.ts'
import type { OverlayDriver } from './overlay-driver.ts'

interface Parts {
  readonly program: Program
  readonly datastore: Datastore
  readonly ipam: Ipam
  readonly endpoints: EndpointStore
  readonly driver: OverlayDriver
}

/**
 * Makes a network in the store, unless there is one of the name, in the order of controller.go: its pool with
 * gateway and reserved addresses, the driver's record, the count of endpoints, the network itself. No other host
 * is told. Half of one stays when the store fails on the way.
 */
export function* createNetwork(
  { program, datastore, ipam, endpoints, driver }: Parts,
  name: string,
  options: DockerOverlayOptions,
): Process<KvError | null> {
  const found = yield* endpoints.network(name)
  if (found instanceof KvError) return found
  if (found !== null) return null
  const { subnet = null, ipRange = null } = options
  const pool = yield* ipam.requestPool(subnet, ipRange)
  if (pool instanceof KvError) return pool
  const gateway = yield* ipam.requestAddress(pool, options.gateway ?? null)
  if (gateway instanceof KvError) return gateway
  for (const address of Object.values(options.auxAddresses)) {
    const refusal = yield* ipam.requestAddress(pool, address)
    if (refusal instanceof KvError) return refusal
  }
  const id = randomHex(program.random)
  const network = { id, name, pool, gateway, isInternal: options.internal }
  const refusal =
    (yield* driver.createNetwork(network, options)) ?? (yield* endpoints.createCount(id))
  if (refusal !== null) return refusal
  const json = networkJson(network, options, rfc3339(program.wallClock))
  const written = yield* datastore.put(`network/${id}`, json, null)
  return written instanceof KvError ? written : null
}
