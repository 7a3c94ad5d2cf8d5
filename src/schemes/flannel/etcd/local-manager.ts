import { Condition } from '../../../control/program/condition.ts'
import { Mailbox } from '../../../control/program/mailbox.ts'
import type { Program } from '../../../control/program/program.ts'
import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import { formatIpv4, formatPrefix, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import { encodeAttributes, type LeaseAttributes } from '../lease-record.ts'
import { type NetworkConfig, parseNetworkConfig } from '../network-config.ts'
import { type FlannelOptions, versionOf } from '../options.ts'
import { ManagerError, type Receive, type SubnetManager } from '../subnet-manager.ts'
import {
  type Expiration,
  type OwnLeaseEvent,
  type Registry,
  type StoredLease,
  SubnetTaken,
  timeUntil,
} from './registry.ts'

/** How often a host tries again that another was faster (raceRetries). */
const RACE_RETRIES = 10
/** A new subnet is one of so many that are free, the lowest ones. */
const CANDIDATES_MAX = 100

/** After a renewal that failed. */
const RENEW_RETRY = 60 * SECOND

type Attempt = Held | 'try again' | ManagerError

interface Held {
  readonly subnet: Ipv4Prefix
  readonly expiration: Expiration | null
}

/** Leases by keys of an etcd (pkg/subnet/etcd, LocalManager). */
export class LocalManager implements SubnetManager {
  private readonly program: Program
  private readonly registry: Registry
  private readonly options: FlannelOptions
  private readonly previous: Ipv4Prefix | null
  private held: Held | null = null
  private value = ''

  /** @param previous the subnet of an earlier start, as subnet.env has it. */
  constructor(
    program: Program,
    registry: Registry,
    options: FlannelOptions,
    previous: Ipv4Prefix | null,
  ) {
    this.program = program
    this.registry = registry
    this.options = options
    this.previous = previous
  }

  private log(line: string): void {
    this.program.log.push(line)
  }

  *getNetworkConfig(): Process<NetworkConfig | ManagerError> {
    const text = yield* this.registry.getNetworkConfig()
    if (text instanceof ManagerError) return text
    const config = parseNetworkConfig(text)
    return typeof config === 'string' ? new ManagerError(config) : config
  }

  storedMac(): null {
    return null
  }

  *acquireLease(attributes: LeaseAttributes): Process<Ipv4Prefix | ManagerError> {
    const config = yield* this.getNetworkConfig()
    if (config instanceof ManagerError) return config
    this.value = encodeAttributes(attributes, this.options.vni, versionOf(this.options))
    for (let i = 0; i < RACE_RETRIES; i++) {
      const attempt = yield* this.tryAcquire(config, attributes)
      if (attempt instanceof ManagerError) return attempt
      if (attempt === 'try again') continue
      this.held = attempt
      return attempt.subnet
    }
    return new ManagerError('max retries reached trying to acquire a subnet')
  }

  private *tryAcquire(config: NetworkConfig, { publicIp }: LeaseAttributes): Process<Attempt> {
    const leases = yield* this.registry.getSubnets()
    if (leases instanceof ManagerError) return leases
    const mine = leases.find(({ attributes }) => attributes.publicIp === publicIp)
    if (mine !== undefined) {
      const text = `Found lease (${formatPrefix(mine.subnet)}) for current IP (${formatIpv4(publicIp)})`
      if (isCompatible(config, mine.subnet)) {
        this.log(`${text}, reusing`)
        return yield* this.reuse(mine)
      }
      this.log(`${text} but not compatible with current config, deleting`)
      const error = yield* this.registry.deleteSubnet(mine.subnet)
      if (error !== null) return error
    }
    return yield* this.takeOther(config, leases)
  }

  private *takeOther(config: NetworkConfig, leases: readonly StoredLease[]): Process<Attempt> {
    const { previous } = this
    if (previous !== null) {
      const other = leases.find(({ subnet }) => isSame(subnet, previous))
      if (other !== undefined && this.takesBack && isCompatible(config, previous)) {
        this.log(
          `Found lease (${formatPrefix(previous)}) matching previously leased subnet, reusing`,
        )
        return yield* this.reuse(other)
      }
      if (other === undefined && isCompatible(config, previous)) {
        this.log(`Found previously leased subnet (${formatPrefix(previous)}), reusing`)
        return yield* this.create(previous)
      }
    }
    const free = this.allocate(config, leases)
    return free instanceof ManagerError ? free : yield* this.create(free)
  }

  /** Before #1505 (0.16) a subnet of subnet.env was overwritten even if it was another host's. */
  private get takesBack(): boolean {
    return versionOf(this.options) === '0.11'
  }

  /** A reservation stays one where the store tells it from a lease that ends. */
  private *reuse({ subnet, expiration }: StoredLease): Process<Attempt> {
    const ttl = expiration === null ? 0 : this.options.leaseTtl
    const until = yield* this.registry.updateSubnet(subnet, this.value, ttl)
    return until instanceof ManagerError ? until : { subnet, expiration: until }
  }

  private *create(subnet: Ipv4Prefix): Process<Attempt> {
    const { registry, options } = this
    const until = yield* registry.createSubnet(subnet, this.value, options.leaseTtl)
    if (until instanceof ManagerError) return until
    if (until instanceof SubnetTaken) {
      return registry.retriesCollision ? 'try again' : new ManagerError(until.text)
    }
    this.log(`Allocated lease (${formatPrefix(subnet)}) to current node`)
    return { subnet, expiration: until }
  }

  private allocate(
    config: NetworkConfig,
    leases: readonly StoredLease[],
  ): Ipv4Prefix | ManagerError {
    const { subnetMin, subnetMax, subnetLength: length } = config
    const range = `${formatIpv4(subnetMin)} ... ${formatIpv4(subnetMax)}`
    this.log(`Picking subnet in range ${range}`)
    const size = 2 ** (32 - length)
    const free: Ipv4Prefix[] = []
    for (let at = subnetMin >>> 0; at <= subnetMax >>> 0; at += size) {
      const subnet = { base: at | 0, length }
      if (leases.some((lease) => overlap(lease.subnet, subnet))) continue
      if (free.push(subnet) === CANDIDATES_MAX) break
    }
    if (free.length === 0) return new ManagerError('out of subnets')
    return free[this.program.random.integer(0, free.length - 1)]!
  }

  *watchLeases(receive: Receive): Process {
    yield* this.registry.watchSubnets(receive)
  }

  /** Renews in time, and ends when the lease is deleted or has expired. */
  *completeLease(): Process {
    const { program, registry } = this
    const { subnet, expiration } = this.held!
    const events = new Mailbox<OwnLeaseEvent | 'closed'>(program)
    program.spawn(this.watchOwn(subnet, events))
    let wait = this.untilRenewal(expiration)
    for (;;) {
      const event = yield* events.take(wait)
      if (event === 'closed') {
        this.log('Stopped monitoring lease')
        yield* new Condition(program).wait()
      } else if (event === null) {
        const until = yield* registry.updateSubnet(subnet, this.value, this.options.leaseTtl)
        if (until instanceof ManagerError) {
          this.log(`Error renewing lease (trying again in 1 min): ${until.text}`)
          wait = RENEW_RETRY
        } else {
          this.log('Lease renewed')
          wait = this.untilRenewal(until)
        }
      } else if (event.type === 'removed') return
      else wait = this.untilRenewal(event.expiration)
    }
  }

  private *watchOwn(subnet: Ipv4Prefix, events: Mailbox<OwnLeaseEvent | 'closed'>): Process {
    yield* this.registry.watchSubnet(subnet, (event) => events.put(event))
    events.put('closed')
  }

  private untilRenewal(expiration: Expiration | null): number {
    return Math.max(0, timeUntil(this.program, expiration) - this.options.leaseRenewMargin)
  }
}

function isCompatible(config: NetworkConfig, { base, length }: Ipv4Prefix): boolean {
  const { subnetMin, subnetMax, subnetLength } = config
  const at = base >>> 0
  return at >= subnetMin >>> 0 && at <= subnetMax >>> 0 && length === subnetLength
}

function isSame(a: Ipv4Prefix, b: Ipv4Prefix): boolean {
  return a.base === b.base && a.length === b.length
}

function overlap(a: Ipv4Prefix, b: Ipv4Prefix): boolean {
  const shift = 32 - Math.min(a.length, b.length)
  return (a.base ^ b.base) >>> shift === 0
}
