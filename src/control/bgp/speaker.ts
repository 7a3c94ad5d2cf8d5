import type { RandomStream } from '../../sim/random.ts'
import {
  formatIpv4,
  type Ipv4Address,
  type Ipv4Prefix,
  contains as prefixContains,
} from '../../wire/ipv4-address.ts'
import { Neighbour, type NeighbourHost, type NeighbourPolicy } from './neighbour.ts'
import { RestartRecovery } from './restart-recovery.ts'
import { type Destination, LocRib } from './rib/loc-rib.ts'
import { type Path, prefixKey } from './rib/path.ts'
import type { Clock } from './session/clock.ts'
import type { ConnectionEnd } from './session/connection.ts'
import type { NeighbourSettings } from './session/settings.ts'
import { localAttributes } from './wire/attributes.ts'
import { bgpError, CEASE, ERROR } from './wire/error.ts'

export interface SpeakerSettings {
  readonly as: number
  readonly routerId: Ipv4Address
  /** Of a route reflector. Default: the router id. */
  readonly clusterId?: Ipv4Address
  /** Paths that share the traffic to one destination. Default 1. */
  readonly multipath?: number
  /**
   * Picoseconds that a speaker which follows one that has ended waits at most for its peers' routes, before
   * it tells kernel and peers anything (BIRD's \`graceful restart wait\`). Default 0: it follows nobody.
   */
  readonly restartWait?: number
}

/** A neighbour as the speaker's operator names it; the speaker's own names are left out. */
export type NeighbourOptions = Omit<NeighbourSettings, 'localAs' | 'routerId'> & NeighbourPolicy

/** Peers that nobody has named: whoever connects from `range` (FRR's `bgp listen range`). */
export interface ListenRange {
  readonly range: Ipv4Prefix
  /** Most such peers at a time (`bgp listen limit`). */
  readonly limit: number
  readonly options: Omit<NeighbourOptions, 'remoteAddress' | 'isPassive'>
}

/** The program around a speaker. */
export interface SpeakerUser {
  readonly clock: Clock
  readonly random: RandomStream
  /** Opens a TCP connection for the session of `neighbour`. */
  connect(neighbour: Neighbour): void
  /**
   * The kernel is to send packets for `prefix` by these next hops from now on.
   * @param nexthops ascending, each once; none = no route of BGP.
   */
  setRoute(prefix: Ipv4Prefix, nexthops: readonly Ipv4Address[]): void
  /** Has `flush` called when what has come by now has been worked on. */
  wantFlush(): void
  /** A session is established (null) or has ended. */
  stateChanged(neighbour: Neighbour, end: ConnectionEnd | null): void
  /** After a restart all routes that are to be in the kernel have been set. */
  recovered?(): void
}

/**
 * A BGP-4 speaker for IPv4 unicast: sessions, RIBs and the decisions between them, without sockets of its
 * own. A path's next hop is taken to be reachable: whoever loses a link stops the sessions over it.
 */
export class BgpSpeaker implements NeighbourHost {
  readonly clock: Clock
  readonly random: RandomStream
  readonly locRib: LocRib
  readonly clusterId: Ipv4Address
  readonly settings: SpeakerSettings
  private readonly user: SpeakerUser
  private readonly byAddress = new Map<Ipv4Address, Neighbour>()
  /** Those that have something to be told. */
  private readonly dirty = new Set<Neighbour>()
  /** Next hops in the kernel, by prefix. */
  private readonly programmed = new Map<number, readonly Ipv4Address[]>()
  /** When one of them last changed, picoseconds; null = there was none. */
  programmedAt: number | null = null
  private readonly recovery: RestartRecovery<Neighbour>
  private readonly listenRanges: {
    readonly range: ListenRange
    readonly members: Set<Neighbour>
  }[] = []

  constructor(settings: SpeakerSettings, user: SpeakerUser) {
    this.settings = settings
    this.user = user
    this.clock = user.clock
    this.random = user.random
    this.locRib = new LocRib(settings.multipath ?? 1)
    this.clusterId = settings.clusterId ?? settings.routerId
    this.recovery = new RestartRecovery(user.clock, settings.restartWait ?? 0, () =>
      this.recovered(),
    )
  }

  /** Begins all sessions. */
  start(): void {
    this.recovery.begin([...this.neighbours].filter((each) => each.restartsGracefully))
    for (const { session } of this.neighbours) session.start()
  }

  get isRecovering(): boolean {
    return this.recovery.isActive
  }

  heardAll(neighbour: Neighbour): void {
    this.recovery.heard(neighbour)
  }

  private recovered(): void {
    for (const destination of this.locRib.destinations()) this.program(destination)
    for (const neighbour of this.neighbours) this.wantFlush(neighbour)
    this.user.recovered?.()
  }

  /** Destinations that it has put into the kernel. */
  get routes(): number {
    return this.programmed.size
  }

  /** All peers, in the order in which they were added. */
  get neighbours(): IterableIterator<Neighbour> {
    return this.byAddress.values()
  }

  neighbour(address: Ipv4Address): Neighbour | null {
    return this.byAddress.get(address) ?? null
  }

  /** Adds a peer; its session begins with `session.start()`. */
  addNeighbour(options: NeighbourOptions): Neighbour {
    const { as, routerId } = this.settings
    const { remoteAddress } = options
    if (this.byAddress.has(remoteAddress)) {
      throw new Error(`${formatIpv4(remoteAddress)} is a neighbour already`)
    }
    const neighbour = new Neighbour(this, { ...options, localAs: as, routerId }, options)
    this.byAddress.set(remoteAddress, neighbour)
    return neighbour
  }

  /** Takes everybody from a range of addresses for a peer. */
  listen(range: ListenRange): void {
    this.listenRanges.push({ range, members: new Set() })
  }

  /** Whoever connects from `address`; null when nobody is expected there. */
  peerAt(address: Ipv4Address): Neighbour | null {
    return this.neighbour(address) ?? this.admit(address)
  }

  private admit(address: Ipv4Address): Neighbour | null {
    const found = this.listenRanges.find(({ range }) => prefixContains(range.range, address))
    if (found === undefined || found.members.size >= found.range.limit) return null
    const { options } = found.range
    const neighbour = this.addNeighbour({ ...options, remoteAddress: address, isPassive: true })
    found.members.add(neighbour)
    neighbour.session.start()
    return neighbour
  }

  /** A peer that nobody has named is forgotten with its session, unless it left routes behind. */
  private forget(neighbour: Neighbour): void {
    for (const { members } of this.listenRanges) {
      if (!members.has(neighbour) || neighbour.received > 0) continue
      members.delete(neighbour)
      this.removeNeighbour(neighbour)
    }
  }

  removeNeighbour(neighbour: Neighbour): void {
    neighbour.session.stop(bgpError(ERROR.cease, CEASE.deconfigured))
    this.byAddress.delete(neighbour.settings.remoteAddress)
    this.dirty.delete(neighbour)
    this.recovery.heard(neighbour)
  }

  /** Ends all sessions in order. */
  shutDown(): void {
    for (const { session } of this.neighbours) session.stop(bgpError(ERROR.cease, CEASE.shutdown))
  }

  /** Advertises a destination of our own, from now on. */
  originate(prefix: Ipv4Prefix): void {
    const attributes = localAttributes(this.settings.routerId)
    this.change(this, prefix, { destination: prefix, attributes, source: null })
  }

  /** Takes an own destination back. */
  withdraw(prefix: Ipv4Prefix): void {
    this.change(this, prefix, null)
  }

  set(announcer: Neighbour, prefix: Ipv4Prefix, path: Path | null): void {
    this.change(announcer, prefix, path)
  }

  private change(announcer: object, prefix: Ipv4Prefix, path: Path | null): void {
    const destination = this.locRib.set(announcer, prefix, path)
    if (destination === null) return
    this.program(destination)
    for (const neighbour of this.neighbours) neighbour.changed(destination)
  }

  private program({ prefix, best, chosen }: Destination): void {
    if (this.isRecovering) return
    const key = prefixKey(prefix)
    const isOurs = best === null || best.source === null
    const hops = isOurs ? [] : chosen.map(({ attributes }) => attributes.nextHop)
    const nexthops = [...new Set(hops)].sort((a, b) => (a >>> 0) - (b >>> 0))
    const known = this.programmed.get(key) ?? []
    if (known.length === nexthops.length && nexthops.every((hop, i) => hop === known[i])) return
    if (nexthops.length === 0) this.programmed.delete(key)
    else this.programmed.set(key, nexthops)
    this.programmedAt = this.clock.now
    this.user.setRoute(prefix, nexthops)
  }

  connect(neighbour: Neighbour): void {
    this.user.connect(neighbour)
  }

  stateChanged(neighbour: Neighbour, end: ConnectionEnd | null): void {
    this.user.stateChanged(neighbour, end)
    if (end !== null) this.forget(neighbour)
  }

  wantFlush(neighbour: Neighbour): void {
    if (this.dirty.size === 0) this.user.wantFlush()
    this.dirty.add(neighbour)
  }

  /** Tells the peers what has changed since the last time. */
  flush(): void {
    const { dirty } = this
    const neighbours = [...dirty]
    dirty.clear()
    for (const neighbour of neighbours) neighbour.flush()
  }
}
