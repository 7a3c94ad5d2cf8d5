import { KEY_NOT_FOUND, KvError, type KvPair, type KvStore } from '../../control/kv/store.ts'
import type { Program } from '../../control/program/program.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { formatIpv4, type Ipv4Address, parseIpv4 } from '../../wire/ipv4-address.ts'

/** `kv.path`, `discovery.heartbeat`, `discovery.ttl` (daemon/discovery.go). */
const NODES = 'docker/nodes'
const HEARTBEAT = 20 * SECOND
const TTL = 60 * SECOND
/** The first registration is tried more often, for a while. */
const FIRST_RETRY = 500 * MILLISECOND
const FIRST_PATIENCE = 60 * SECOND
/** Of `--cluster-advertise`. */
const ENGINE_PORT = 2376

export interface DiscoveryListener {
  /** The nodes as they stand, in the store's order. */
  nodes(addresses: readonly Ipv4Address[]): Process
  /** A watch stands again. */
  active(): void
}

/** The daemons of a cluster find each other by keys that they renew. */
export class Discovery {
  private readonly program: Program
  private readonly kv: KvStore
  private readonly self: string
  private readonly listener: DiscoveryListener

  constructor(program: Program, kv: KvStore, address: Ipv4Address, listener: DiscoveryListener) {
    this.program = program
    this.kv = kv
    this.self = `${formatIpv4(address)}:${ENGINE_PORT}`
    this.listener = listener
  }

  *run(): Process {
    yield* this.ensureDirectory()
    this.program.spawn(this.keepRegistered())
    yield* this.follow()
  }

  private *ensureDirectory(): Process<KvError | null> {
    const found = yield* this.kv.get(NODES)
    if (found === KEY_NOT_FOUND) return yield* this.kv.put(NODES, '', { isDirectory: true })
    return found instanceof KvError ? found : null
  }

  private *keepRegistered(): Process {
    const patience = this.program.now + FIRST_PATIENCE
    while ((yield* this.register()) !== null && this.program.now < patience) {
      yield* sleep(FIRST_RETRY)
    }
    for (;;) {
      yield* sleep(HEARTBEAT)
      const error = yield* this.register()
      if (error !== null)
        this.program.log.push(`Registering as "${this.self}" in discovery failed: ${error.text}`)
    }
  }

  private *register(): Process<KvError | null> {
    return yield* this.kv.put(`${NODES}/${this.self}`, this.self, { ttl: TTL })
  }

  /** A watch that has broken is made anew after a heartbeat. */
  private *follow(): Process {
    for (;;) {
      const error = yield* this.ensureDirectory()
      if (error === null) yield* this.watch()
      yield* sleep(HEARTBEAT)
    }
  }

  private *watch(): Process {
    const watch = this.kv.watchTree(NODES)
    for (;;) {
      const pairs = yield* watch.next()
      if (pairs === null) return
      this.listener.active()
      yield* this.listener.nodes(addressesIn(pairs))
    }
  }
}

/** Of the lists that the store's client keeps: all daemons are told the same. */
const addressesOf = new WeakMap<readonly KvPair[], readonly Ipv4Address[]>()

function addressesIn(pairs: readonly KvPair[]): readonly Ipv4Address[] {
  const known = addressesOf.get(pairs)
  if (known !== undefined) return known
  const addresses = pairs.flatMap(addressOf)
  addressesOf.set(pairs, addresses)
  return addresses
}

function addressOf({ value }: KvPair): readonly Ipv4Address[] {
  const address = parseIpv4(value.split(':')[0]!)
  return address === null ? [] : [address]
}
