import type { StoreAddress } from '../../../control/cluster/store.ts'
import { V3Client } from '../../../control/etcd/client/v3-client.ts'
import { V3Error, type V3Event, type V3KeyValue } from '../../../control/etcd/client/v3-messages.ts'
import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
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

/** Between two attempts of a watch (pkg/subnet/etcd/registry.go). */
const BACKOFF_FIRST = 100 * MILLISECOND
const BACKOFF_MAX = 5 * SECOND

const CONFIG_NOT_FOUND =
  'flannel config not found in etcd store. Did you create your config using etcdv3 API?'

export interface V3RegistryOptions {
  readonly endpoints: readonly StoreAddress[]
  /** `--etcd-prefix`. */
  readonly prefix: string
  /** Since 2026 (0.28): a watch whose revisions were compacted lists again; before, it never recovers. */
  readonly relistsAfterCompaction: boolean
}

/** flanneld's keys in etcd v3. */
export class V3Registry implements Registry {
  /** The error of a collision is not the one that is tested for, so that flanneld exits. */
  readonly retriesCollision = false
  private readonly program: Program
  private readonly client: V3Client
  private readonly prefix: string
  private readonly relists: boolean

  constructor(program: Program, { endpoints, prefix, relistsAfterCompaction }: V3RegistryOptions) {
    this.program = program
    this.client = new V3Client(program, { endpoints })
    this.prefix = prefix
    this.relists = relistsAfterCompaction
  }

  private keyOf(subnet: Ipv4Prefix): string {
    return `${this.prefix}/subnets/${subnetKey(subnet)}`
  }

  *getNetworkConfig(): Process<string | ManagerError> {
    const found = yield* this.client.get(`${this.prefix}/config`)
    if (found instanceof V3Error) return new ManagerError(found.text)
    return found.kvs[0]?.value ?? new ManagerError(CONFIG_NOT_FOUND)
  }

  *getSubnets(): Process<readonly StoredLease[] | ManagerError> {
    const listed = yield* this.list()
    return listed instanceof V3Error ? new ManagerError(listed.text) : listed.leases
  }

  private *list(): Process<{ leases: StoredLease[]; revision: number } | V3Error> {
    const found = yield* this.client.get(`${this.prefix}/subnets`, { isPrefix: true })
    if (found instanceof V3Error) return found
    const leases: StoredLease[] = []
    for (const kv of found.kvs) {
      const lease = yield* this.leaseOf(kv)
      if (lease instanceof V3Error) this.program.log.push(`Could not read ttl: ${lease.text}`)
      else if (lease === null) this.program.log.push(`Ignoring bad subnet node: ${kv.key}`)
      else leases.push(lease)
    }
    return { leases, revision: found.revision }
  }

  /** Asks for the TTL of the key's etcd lease; of a key without one the answer is -1 s. */
  private *leaseOf({ key, value, lease }: V3KeyValue): Process<StoredLease | null | V3Error> {
    const answer = yield* this.client.timeToLive(lease)
    if (answer instanceof V3Error) return answer
    return storedLease(key, value, this.in(answer.ttl))
  }

  private in(seconds: number): Expiration {
    return { clock: 'monotonic', at: this.program.now + seconds * SECOND }
  }

  *createSubnet(
    subnet: Ipv4Prefix,
    value: string,
    ttl: number,
  ): Process<Expiration | SubnetTaken | ManagerError> {
    const key = this.keyOf(subnet)
    const granted = yield* this.client.grant(Math.floor(ttl / SECOND))
    if (granted instanceof V3Error) return new ManagerError(granted.text)
    const { id: lease } = granted
    const isNew = { key, target: 'VERSION', result: 'EQUAL', value: 0 } as const
    const done = yield* this.client.txn([isNew], [{ put: key, value, options: { lease } }])
    if (!(done instanceof V3Error) && done.succeeded) return this.in(granted.ttl)
    yield* this.revoke(lease)
    if (done instanceof V3Error) return new ManagerError(done.text)
    return new SubnetTaken('subnet already exists')
  }

  private *revoke(lease: string): Process {
    const error = yield* this.client.revoke(lease)
    if (error !== null) this.program.log.push(error.text)
  }

  /** A new etcd lease and a put that compares nothing. */
  *updateSubnet(
    subnet: Ipv4Prefix,
    value: string,
    ttl: number,
  ): Process<Expiration | ManagerError> {
    const granted = yield* this.client.grant(Math.floor(ttl / SECOND))
    if (granted instanceof V3Error) return new ManagerError(granted.text)
    const { id: lease } = granted
    const done = yield* this.client.put(this.keyOf(subnet), value, { lease })
    if (!(done instanceof V3Error)) return this.in(granted.ttl)
    yield* this.revoke(lease)
    return new ManagerError(done.text)
  }

  *deleteSubnet(subnet: Ipv4Prefix): Process<ManagerError | null> {
    const done = yield* this.client.delete(this.keyOf(subnet))
    return done instanceof V3Error ? new ManagerError(done.text) : null
  }

  *watchSubnets(receive: Receive): Process {
    const listed = yield* this.list()
    if (listed instanceof V3Error) {
      const text = `failed to retrieve subnet leases: ${listed.text}`
      this.program.log.push(`could not watch leases: ${text}`)
      return
    }
    receive({ kind: 'snapshot', leases: listed.leases })
    yield* this.follow(`${this.prefix}/subnets`, listed.revision + 1, {
      take: (events) => this.tell(events, receive),
      relist: () => this.relist(receive),
    })
  }

  private *tell(events: readonly V3Event[], receive: Receive): Process {
    for (const event of events) {
      const parsed = yield* this.eventOf(event)
      if (parsed !== null) receive({ kind: 'events', events: [parsed] })
    }
  }

  private *eventOf({ type, kv }: V3Event): Process<LeaseEvent | null> {
    const subnet = parseSubnetKey(kv.key)
    const attributes = type === 'DELETE' ? null : decodeAttributes(kv.value)
    const isBad = subnet === null || (type === 'PUT' && attributes === null)
    if (isBad) {
      this.program.log.push(`error parsing etcd event: ${type} "${kv.key}": not a subnet, skipping`)
      return null
    }
    if (type === 'DELETE') return { type: 'removed', lease: { subnet, attributes } }
    // As flanneld: the answer is of no use here, but without one the event is lost.
    const ttl = yield* this.client.timeToLive(kv.lease)
    return ttl instanceof V3Error ? null : { type: 'added', lease: { subnet, attributes } }
  }

  private *relist(receive: Receive): Process<number | V3Error> {
    const listed = yield* this.list()
    if (listed instanceof V3Error) return listed
    receive({ kind: 'snapshot', leases: listed.leases })
    return listed.revision + 1
  }

  *watchSubnet(subnet: Ipv4Prefix, receive: (event: OwnLeaseEvent) => void): Process {
    const key = this.keyOf(subnet)
    const own = yield* this.readOwn(key)
    if (own instanceof V3Error || own.expiration === null) {
      const text = own instanceof V3Error ? own.text : 'etcdserver: key not found'
      this.program.log.push(`Subnet watch failed: ${text}`)
      return
    }
    receive({ type: 'added', expiration: own.expiration })
    yield* this.follow(key, own.revision + 1, {
      take: (events) => this.tellOwn(events, receive),
      relist: () => this.rereadOwn(key, receive),
    })
  }

  /** `expiration` is null when the key is gone. */
  private *readOwn(
    key: string,
  ): Process<{ expiration: Expiration | null; revision: number } | V3Error> {
    const found = yield* this.client.get(key)
    if (found instanceof V3Error) return found
    const { revision } = found
    const [kv] = found.kvs
    if (kv === undefined) return { expiration: null, revision }
    const ttl = yield* this.client.timeToLive(kv.lease)
    return ttl instanceof V3Error ? ttl : { expiration: this.in(ttl.ttl), revision }
  }

  /** What a compacted watch did not tell of: the lease may have gone meanwhile. */
  private *rereadOwn(
    key: string,
    receive: (event: OwnLeaseEvent) => void,
  ): Process<number | V3Error> {
    const own = yield* this.readOwn(key)
    if (own instanceof V3Error) return own
    const { expiration, revision } = own
    receive(expiration === null ? { type: 'removed' } : { type: 'added', expiration })
    return revision + 1
  }

  private *tellOwn(events: readonly V3Event[], receive: (event: OwnLeaseEvent) => void): Process {
    for (const { type, kv } of events) {
      if (type === 'DELETE') {
        receive({ type: 'removed' })
        continue
      }
      const ttl = yield* this.client.timeToLive(kv.lease)
      if (!(ttl instanceof V3Error)) receive({ type: 'added', expiration: this.in(ttl.ttl) })
    }
  }

  /** Follows a prefix from a revision on, for ever. */
  private *follow(key: string, since: number, follower: Follower): Process {
    let next = since
    let backoff = BACKOFF_FIRST
    for (;;) {
      const watcher = this.client.watch(key, { isPrefix: true, revision: next })
      let batch = yield* watcher.next()
      for (; !(batch instanceof V3Error); batch = yield* watcher.next()) {
        if (batch === null) continue
        backoff = BACKOFF_FIRST
        next = batch.revision + 1
        yield* follower.take(batch.events)
      }
      const again = yield* this.resume(key, batch, next, follower)
      if (again === null) {
        yield* sleep(backoff)
        backoff = Math.min(backoff * 2, BACKOFF_MAX)
      } else next = again
    }
  }

  /** @returns the revision to go on from at once; null when it is to be tried again as it was. */
  private *resume(
    key: string,
    error: V3Error,
    next: number,
    { relist }: Follower,
  ): Process<number | null> {
    const { log } = this.program
    const { text, compactRevision } = error
    if (compactRevision === 0 || !this.relists) {
      log.push(`etcd watch channel for ${key} closed (${text}), reconnecting from rev ${next}...`)
      return null
    }
    log.push(
      `etcd watch for ${key} fell behind compaction horizon (compact rev ${compactRevision}), re-listing and resuming`,
    )
    const again = yield* relist()
    if (!(again instanceof V3Error)) return again
    log.push(`failed to re-list subnets after compaction: ${again.text}`)
    return null
  }
}

/** What is done with the changes that a watch tells, and when it has missed some. */
interface Follower {
  take(events: readonly V3Event[]): Process
  /** @returns the revision to go on from. */
  relist(): Process<number | V3Error>
}
