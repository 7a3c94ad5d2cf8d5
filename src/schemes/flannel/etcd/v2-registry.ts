import type { StoreAddress } from '../../../control/cluster/store.ts'
import { V2ClusterClient } from '../../../control/etcd/client/v2-cluster-client.ts'
import { V2Keys } from '../../../control/etcd/client/v2-keys.ts'
import {
  isV2Failure,
  V2_EVENT_INDEX_CLEARED,
  V2_KEY_NOT_FOUND,
  V2_NODE_EXISTS,
  type V2Failure,
  type V2KeyNode,
  V2KeysError,
  type V2Response,
} from '../../../control/etcd/client/v2-messages.ts'
import type { Program } from '../../../control/program/program.ts'
import { parseRfc3339 } from '../../../control/program/wall-clock.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import { decodeAttributes, parseSubnetKey, subnetKey } from '../lease-record.ts'
import { type LeaseEvent, ManagerError, type Receive } from '../subnet-manager.ts'
import {
  type Expiration,
  type OwnLeaseEvent,
  type Registry,
  type StoredLease,
  SubnetTaken,
  storedLease,
} from './registry.ts'

/** After an error of a watch (pkg/subnet/watch.go). */
const WATCH_RETRY = SECOND

/** flanneld's keys in etcd v2. */
export class V2Registry implements Registry {
  readonly retriesCollision = true
  private readonly program: Program
  private readonly keys: V2Keys
  private readonly prefix: string

  /** @param prefix `--etcd-prefix`. */
  constructor(program: Program, endpoints: readonly StoreAddress[], prefix: string) {
    this.program = program
    this.keys = new V2Keys(new V2ClusterClient(program, { endpoints }))
    this.prefix = prefix
  }

  private keyOf(subnet: Ipv4Prefix): string {
    return `${this.prefix}/subnets/${subnetKey(subnet)}`
  }

  *getNetworkConfig(): Process<string | ManagerError> {
    const found = yield* this.keys.get(`${this.prefix}/config`, { quorum: true })
    return isV2Failure(found) ? new ManagerError(found.text) : (found.node.value ?? '')
  }

  *getSubnets(): Process<readonly StoredLease[] | ManagerError> {
    const listed = yield* this.list()
    return isV2Failure(listed) ? new ManagerError(listed.text) : listed.leases
  }

  private *list(): Process<{ leases: StoredLease[]; index: number } | V2Failure> {
    const options = { recursive: true, quorum: true }
    const found = yield* this.keys.get(`${this.prefix}/subnets`, options)
    if (isV2Failure(found)) {
      if (!hasCode(found, V2_KEY_NOT_FOUND)) return found
      return { leases: [], index: found.index }
    }
    const leases: StoredLease[] = []
    for (const node of found.node.nodes ?? []) {
      const lease = storedLease(node.key, node.value ?? '', expirationOf(node))
      if (lease === null) this.program.log.push(`Ignoring bad subnet node: ${node.key}`)
      else leases.push(lease)
    }
    return { leases, index: found.index }
  }

  *createSubnet(
    subnet: Ipv4Prefix,
    value: string,
    ttl: number,
  ): Process<Expiration | null | SubnetTaken | ManagerError> {
    const done = yield* this.keys.set(this.keyOf(subnet), value, { prevExist: false, ttl })
    if (!isV2Failure(done)) return expirationOf(done.node)
    return hasCode(done, V2_NODE_EXISTS) ? new SubnetTaken(done.text) : new ManagerError(done.text)
  }

  *updateSubnet(
    subnet: Ipv4Prefix,
    value: string,
    ttl: number,
  ): Process<Expiration | null | ManagerError> {
    const done = yield* this.keys.set(this.keyOf(subnet), value, { ttl })
    return isV2Failure(done) ? new ManagerError(done.text) : expirationOf(done.node)
  }

  *deleteSubnet(subnet: Ipv4Prefix): Process<ManagerError | null> {
    const done = yield* this.keys.delete(this.keyOf(subnet))
    return isV2Failure(done) ? new ManagerError(done.text) : null
  }

  /** One long poll an event; errors are tried again from where it was. */
  *watchSubnets(receive: Receive): Process {
    let cursor: number | null = null
    for (;;) {
      const next: number | V2Failure =
        cursor === null ? yield* this.reset(receive) : yield* this.nextOfAll(cursor, receive)
      if (!isFailure(next)) cursor = next
      else if (hasCode(next, V2_EVENT_INDEX_CLEARED)) {
        this.noteCleared()
        cursor = null
      } else {
        this.program.log.push(`Watch subnets: ${next.text}`)
        yield* sleep(WATCH_RETRY)
      }
    }
  }

  private noteCleared(): void {
    this.program.log.push('Watch of subnet leases failed because etcd index outside history window')
  }

  private *reset(receive: Receive): Process<number | V2Failure> {
    const listed = yield* this.list()
    if (isV2Failure(listed)) return listed
    receive({ kind: 'snapshot', leases: listed.leases })
    return listed.index
  }

  private *nextOfAll(afterIndex: number, receive: Receive): Process<number | V2Failure> {
    const key = `${this.prefix}/subnets`
    const response = yield* this.keys.watcher(key, { afterIndex, recursive: true }).next()
    if (isV2Failure(response)) return response
    const event = eventOf(response)
    if (event !== null) receive({ kind: 'events', events: [event] })
    else
      this.program.log.push(
        `Watch subnets: ${response.action} "${response.node.key}": not a subnet`,
      )
    return response.node.modifiedIndex
  }

  *watchSubnet(subnet: Ipv4Prefix, receive: (event: OwnLeaseEvent) => void): Process {
    const key = this.keyOf(subnet)
    let cursor: number | null = null
    for (;;) {
      const response: V2Response | V2Failure =
        cursor === null
          ? yield* this.keys.get(key, { quorum: true })
          : yield* this.keys.watcher(key, { afterIndex: cursor }).next()
      if (!isV2Failure(response)) {
        receive(ownEventOf(response))
        cursor = cursor === null ? response.index : response.node.modifiedIndex
      } else if (hasCode(response, V2_EVENT_INDEX_CLEARED)) {
        this.noteCleared()
        cursor = null
      } else {
        this.program.log.push(`Subnet watch failed: ${response.text}`)
        yield* sleep(WATCH_RETRY)
      }
    }
  }
}

function isFailure(next: number | V2Failure): next is V2Failure {
  return typeof next !== 'number'
}

function hasCode(failure: V2Failure, code: number): failure is V2KeysError {
  return failure instanceof V2KeysError && failure.code === code
}

/** By the server's clock; a key without a TTL is a reservation. */
function expirationOf({ expiration }: V2KeyNode): Expiration | null {
  const at = expiration === undefined ? null : parseRfc3339(expiration)
  return at === null ? null : { clock: 'wall', at }
}

const isEnd = ({ action }: V2Response): boolean => action === 'delete' || action === 'expire'

function ownEventOf(response: V2Response): OwnLeaseEvent {
  return isEnd(response)
    ? { type: 'removed' }
    : { type: 'added', expiration: expirationOf(response.node) }
}

/** @returns null when it is none of a lease. */
function eventOf(response: V2Response): LeaseEvent | null {
  const { key, value = '' } = response.node
  const subnet = parseSubnetKey(key)
  if (subnet === null) return null
  if (isEnd(response)) return { type: 'removed', lease: { subnet, attributes: null } }
  const attributes = decodeAttributes(value)
  return attributes === null ? null : { type: 'added', lease: { subnet, attributes } }
}
