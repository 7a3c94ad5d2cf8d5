import type { RandomStream } from '../../sim/random.ts'
import type { Ipv4Prefix } from '../../wire/ipv4-address.ts'
import { AdjRibOut } from './rib/adj-rib-out.ts'
import { type ExportRules, exportAttributes, mayExport } from './rib/export.ts'
import { acceptAttributes, type ImportRules } from './rib/import.ts'
import type { Destination, LocRib } from './rib/loc-rib.ts'
import { type Path, type PathSource, prefixKey } from './rib/path.ts'
import { type Clock, RestartableTimer } from './session/clock.ts'
import type { ConnectionEnd } from './session/connection.ts'
import { PeerSession, type SessionUser } from './session/peer-session.ts'
import type { NeighbourSettings } from './session/settings.ts'
import type { PathAttributes } from './wire/attributes.ts'
import { encodeEndOfRib } from './wire/encode.ts'
import { isEndOfRib, type OpenMessage, type UpdateMessage } from './wire/message.ts'

/** Lets a route through, as it is or changed; null = not at all. */
export type RouteFilter = (prefix: Ipv4Prefix, attributes: PathAttributes) => PathAttributes | null

/** What the speaker adds to the session of a neighbour. */
export interface NeighbourPolicy {
  /** We are its route reflector (RFC 4456). */
  readonly isClient?: boolean
  readonly nextHopSelf?: boolean
  /** An eBGP peer gets next hops as they are (BIRD's `next hop keep`). Default: ours. */
  readonly nextHopKeep?: boolean
  readonly import?: RouteFilter
  readonly export?: RouteFilter
  /** MinRouteAdvertisementIntervalTimer, picoseconds: least time between UPDATEs. Default 0: BIRD has none. */
  readonly advertisementInterval?: number
}

/** What a neighbour needs of the speaker that it belongs to. */
export interface NeighbourHost {
  readonly clock: Clock
  readonly random: RandomStream
  readonly locRib: LocRib
  readonly clusterId: number
  /** Whether it has restarted, and still collects what its peers know. */
  readonly isRecovering: boolean
  /** The neighbour has told all it knows, or is not waited for. */
  heardAll(neighbour: Neighbour): void
  /** Puts the neighbour's path, or takes it out, and tells everybody whom that concerns. */
  set(announcer: Neighbour, prefix: Ipv4Prefix, path: Path | null): void
  /** Has `flush` called soon. */
  wantFlush(neighbour: Neighbour): void
  connect(neighbour: Neighbour): void
  stateChanged(neighbour: Neighbour, end: ConnectionEnd | null): void
}

/** A peer of the speaker: its session, what it told us (Adj-RIB-In) and what we told it (Adj-RIB-Out). */
export class Neighbour implements SessionUser {
  readonly settings: NeighbourSettings
  readonly session: PeerSession
  private readonly host: NeighbourHost
  private readonly policy: NeighbourPolicy
  private readonly importRules: ImportRules
  private readonly exportRules: ExportRules
  /** Accepted routes, by prefix. */
  private readonly adjRibIn = new Map<number, Ipv4Prefix>()
  /** Those of a session that has ended, while the peer may be restarting. */
  private readonly stale = new Map<number, Ipv4Prefix>()
  private readonly adjRibOut = new AdjRibOut()
  /** What the peer may have to be told. */
  private readonly pending = new Map<number, Ipv4Prefix>()
  private owesEndOfRib = false
  /** When its session was last established or lost, picoseconds; null = neither has been. */
  changedAt: number | null = null
  private exportFilter: RouteFilter | undefined
  /** It keeps what it knew of us, and is told nothing before the recovery is over. */
  private isDeferred = false
  private readonly intervalTimer: RestartableTimer
  private source: PathSource | null = null

  constructor(host: NeighbourHost, settings: NeighbourSettings, policy: NeighbourPolicy) {
    this.host = host
    this.settings = settings
    this.policy = policy
    const { localAs, remoteAs, routerId, localAddress } = settings
    const isInternal = localAs === remoteAs
    const { clusterId } = host
    const { isClient = false, nextHopSelf = false, nextHopKeep = false } = policy
    this.exportFilter = policy.export
    this.importRules = { localAs, routerId, clusterId, isInternal }
    this.exportRules = {
      localAs,
      localAddress,
      isInternal,
      isClient,
      clusterId,
      nextHopSelf,
      nextHopKeep,
    }
    this.session = new PeerSession(settings, host.clock, host.random, this)
    this.intervalTimer = new RestartableTimer(host.clock, () => host.wantFlush(this))
  }

  /** Routes of the peer that are in use or could be. */
  get received(): number {
    return this.adjRibIn.size
  }

  /** Routes that the peer has from us. */
  get advertised(): number {
    return this.adjRibOut.size
  }

  connect(): void {
    this.host.connect(this)
  }

  get isRestarting(): boolean {
    return this.host.isRecovering
  }

  /** Whether the session takes part in graceful restarts. */
  get restartsGracefully(): boolean {
    return this.settings.gracefulRestart.mode !== 'off'
  }

  /** Another filter from now on: the peer is told what that changes, and the session stays. */
  setExport(filter: RouteFilter): void {
    this.exportFilter = filter
    if (this.session.state === 'Established') this.sendAll()
  }

  established({ routerId, capabilities }: OpenMessage): void {
    this.changedAt = this.host.clock.now
    const { gracefulRestart } = capabilities
    // Who has restarted itself waits for us, and has nothing that we could wait for.
    const isReady = gracefulRestart !== null && !gracefulRestart.hasRestarted
    this.isDeferred = isReady && this.settings.gracefulRestart.mode === 'on'
    if (!isReady) this.host.heardAll(this)
    const { isInternal, isClient } = this.exportRules
    this.source = { address: this.settings.remoteAddress, routerId, isInternal, isClient }
    this.owesEndOfRib = true
    this.sendAll()
    this.host.stateChanged(this, null)
  }

  private sendAll(): void {
    for (const { prefix } of this.host.locRib.destinations()) {
      this.pending.set(prefixKey(prefix), prefix)
    }
    this.host.wantFlush(this)
  }

  refresh(): void {
    this.flush()
    this.adjRibOut.clear()
    this.sendAll()
  }

  update(update: UpdateMessage): void {
    if (isEndOfRib(update)) {
      this.restartOver()
      return this.host.heardAll(this)
    }
    for (const prefix of update.withdrawn) this.remove(prefix)
    const { attributes, announced } = update
    const accepted = attributes === null ? null : acceptAttributes(attributes, this.importRules)
    for (const prefix of announced) {
      const filtered = accepted === null ? null : this.filter(prefix, accepted)
      if (filtered === null) this.remove(prefix)
      else this.put({ destination: prefix, attributes: filtered, source: this.source })
    }
  }

  private filter(prefix: Ipv4Prefix, attributes: PathAttributes): PathAttributes | null {
    const { import: filter } = this.policy
    return filter === undefined ? attributes : filter(prefix, attributes)
  }

  private put(path: Path): void {
    const key = prefixKey(path.destination)
    this.stale.delete(key)
    this.adjRibIn.set(key, path.destination)
    this.host.set(this, path.destination, path)
  }

  private remove(prefix: Ipv4Prefix): void {
    const key = prefixKey(prefix)
    this.stale.delete(key)
    if (this.adjRibIn.delete(key)) this.host.set(this, prefix, null)
  }

  down(end: ConnectionEnd, keepsRoutes: boolean): void {
    this.changedAt = this.host.clock.now
    // A second restart before the first was over: what it left is too old now.
    this.restartOver()
    for (const [key, prefix] of this.adjRibIn) this.stale.set(key, prefix)
    this.adjRibOut.clear()
    this.pending.clear()
    this.intervalTimer.stop()
    if (!keepsRoutes) this.restartOver()
    this.host.stateChanged(this, end)
  }

  restartOver(): void {
    for (const prefix of [...this.stale.values()]) this.remove(prefix)
  }

  /** The choice for a destination has changed. */
  changed({ prefix }: Destination): void {
    if (this.session.state !== 'Established') return
    this.pending.set(prefixKey(prefix), prefix)
    this.host.wantFlush(this)
  }

  /** Tells the peer what is pending, unless it was told something a moment ago. */
  flush(): void {
    if (this.session.state !== 'Established' || this.intervalTimer.isRunning) return
    if (this.isDeferred && this.host.isRecovering) return
    const { pending } = this
    const changes = [...pending.values()].map((prefix) => ({
      prefix,
      attributes: this.exported(this.host.locRib.get(prefixKey(prefix))?.best ?? null),
    }))
    pending.clear()
    const updates = this.adjRibOut.updates(changes)
    for (const update of updates) this.session.send(update)
    if (this.owesEndOfRib) this.sendEndOfRib()
    const { advertisementInterval = 0 } = this.policy
    if (updates.length > 0 && advertisementInterval > 0) {
      this.intervalTimer.start(advertisementInterval)
    }
  }

  private sendEndOfRib(): void {
    this.owesEndOfRib = false
    if (this.session.remote?.capabilities.gracefulRestart) this.session.send(encodeEndOfRib())
  }

  private exported(path: Path | null): PathAttributes | null {
    if (path === null || (path.source !== null && path.source === this.source)) return null
    if (!mayExport(path, this.exportRules)) return null
    const { exportFilter: filter } = this
    const { destination, attributes } = path
    const filtered = filter === undefined ? attributes : filter(destination, attributes)
    return filtered === null ? null : exportAttributes(path, filtered, this.exportRules)
  }
}
