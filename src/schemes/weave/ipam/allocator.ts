import { Ticker } from '../../../control/gossip/memberlist/ticker.ts'
import type { Program } from '../../../control/program/program.ts'
import { EPOCH_MILLISECONDS } from '../../../control/program/wall-clock.ts'
import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import { formatPrefix, type Ipv4Address, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import { formatMac } from '../../../wire/mac-address.ts'
import type { GossipData, Gossiper } from '../mesh/gossip.ts'
import type { PeerName } from '../mesh/peer.ts'
import {
  type AddressRange,
  addressOf,
  describeRange,
  formatOffset,
  offsetOf,
  rangeOf,
  sizeOf,
} from './address-range.ts'
import type { AllocatorDisk } from './disk.ts'
import {
  type AllocatorState,
  decodeRange,
  encodeRange,
  encodeState,
  RING_UPDATE,
  SPACE_REQUEST,
  SPACE_REQUEST_DENIED,
} from './messages.ts'
import { Nicknames } from './nicknames.ts'
import { OwnedTable } from './owned-table.ts'
import { Paxos } from './paxos.ts'
import { PendingRequests, type RequestKind } from './pending-requests.ts'
import { readState } from './recent-states.ts'
import {
  AllocateRequest,
  type AllocatorParts,
  ClaimRequest,
  type PendingRequest,
  PrimeRequest,
} from './requests.ts'
import { DIFFERENT_RANGE, DIFFERENT_SEEDS, Ring, type RingState } from './ring.ts'
import { Space } from './space.ts'

const TICK = 5 * SECOND

/** How the first ring comes to be: `--ipalloc-init`. */
export type AllocatorInit =
  | {
      readonly mode: 'consensus' /** How many peers there will be at first. */
      readonly peers: number
    }
  | { readonly mode: 'seed'; readonly peers: readonly PeerName[] }
  | { readonly mode: 'observer' }

export interface AllocatorConfig {
  /** `--ipalloc-range`: the same on all peers, 10.32.0.0/12 by default. */
  readonly range: Ipv4Prefix
  /** `--ipalloc-default-subnet`: where to allocate when no subnet is asked for. */
  readonly defaultSubnet: Ipv4Prefix
  readonly init: AllocatorInit
  readonly disk: AllocatorDisk
}

/** What an allocator needs of its router. */
export interface AllocatorMesh {
  readonly program: Program
  readonly ourself: { readonly name: PeerName; readonly uid: bigint; readonly nickName: string }
  readonly peers: { byName(name: PeerName): object | null }
  newGossip(name: string, gossiper: Gossiper): AllocatorChannel
  onPeerRemoved(listener: (peer: { readonly name: PeerName }) => void): void
  print(text: string): void
}

export interface AllocatorChannel {
  /** @returns why it cannot be sent, or null. */
  gossipUnicast(to: PeerName, message: Uint8Array): string | null
  gossipBroadcast(update: GossipData): void
}

/** Gives containers of one host their addresses, out of ranges that the peers share: weaveworks/weave, ipam. */
export class Allocator implements Gossiper {
  readonly ring: Ring
  readonly config: AllocatorConfig
  private readonly program: Program
  private readonly router: AllocatorMesh
  private readonly channel: AllocatorChannel
  private readonly space = new Space()
  private readonly owned: OwnedTable
  private readonly nicknames = new Nicknames()
  private readonly pending = new PendingRequests()
  private readonly parts: AllocatorParts
  private paxos: Paxos | null
  private isAwaitingConsensus = false
  private isShuttingDown = false

  /** To be made before the router starts. */
  constructor(router: AllocatorMesh, config: AllocatorConfig) {
    const { ourself, program } = router
    this.router = router
    this.program = program
    this.config = config
    this.ring = new Ring(rangeOf(config.range), ourself.name)
    this.owned = new OwnedTable(program, config.disk)
    this.nicknames.merge(new Map([[ourself.name, ourself.nickName]]))
    const isObserver = config.init.mode === 'observer'
    this.paxos = isObserver ? null : new Paxos({ name: ourself.name, uid: ourself.uid })
    this.channel = router.newGossip('IPallocation', this)
    this.parts = this.makeParts()
    router.onPeerRemoved(({ name }) => {
      if (!this.ring.peerNames().has(name)) this.nicknames.delete(name)
    })
  }

  /** Takes up what is on disk, or makes the first ring if it was told with whom. */
  start(): void {
    const { init } = this.config
    const isLoaded = this.load()
    if (isLoaded && init.mode === 'seed') {
      this.print('Found persisted IPAM data, ignoring supplied IPAM seed')
    } else if (isLoaded) this.print('Initialising with persisted data')
    else if (init.mode === 'seed') {
      this.print('Initialising with supplied IPAM seed')
      this.createRing(init.peers)
    } else if (init.mode === 'consensus') this.print('Initialising via deferred consensus')
    else this.print('Initialising as observer - awaiting IPAM data from another peer')
    this.program.spawn(this.tick())
  }

  /**
   * An address for a container; the one that it has, if it has one in the subnet. Waits for as long as there is no
   * ring, or no free address. @returns the error as a string.
   */
  *allocate(
    container: string,
    subnet: Ipv4Prefix | null = null,
    isContainer = true,
  ): Process<Ipv4Address | string> {
    const block = subnet ?? this.config.defaultSubnet
    const request = new AllocateRequest(this.program, container, block, isContainer)
    this.begin(request, 'allocate')
    const outcome = yield* request.wait()
    if (outcome === null || outcome.address === null) return outcome?.error ?? 'no outcome'
    return addressOf(outcome.address)
  }

  /** An address that the user has chosen, of a subnet of that length. @returns the error, or null. */
  *claim(
    container: string,
    address: Ipv4Address,
    length: number,
    options = { isContainer: true, noErrorOnUnknown: false },
  ): Process<string | null> {
    const request = new ClaimRequest(this.program, container, offsetOf(address), length, options)
    this.begin(request, 'claim')
    const outcome = yield* request.wait()
    return outcome?.error ?? null
  }

  /** Waits until there is a ring: `weave prime`. */
  *prime(): Process {
    const request = new PrimeRequest(this.program)
    this.begin(request, 'prime')
    yield* request.wait()
  }

  /** Gives back one address. @returns the error, or null. */
  free(container: string, address: Ipv4Address): string | null {
    const offset = offsetOf(address)
    if (!this.owned.remove(container, offset)) {
      return `Free: address ${formatOffset(offset)} not found for ${container}`
    }
    this.space.release(offset)
    return null
  }

  /** Gives back all addresses of a container: it was destroyed, or detached. @returns the error, or null. */
  delete(container: string): string | null {
    const addresses = this.owned.removeAll(container)
    if (addresses.length === 0) return `Delete: no addresses for ${container}`
    for (const { address } of addresses) this.space.release(address)
    return null
  }

  /** A container has stopped: it keeps its addresses for 30 s, for it may start again. */
  containerDied(container: string): void {
    this.owned.died(container)
    this.cancelFor(container)
  }

  /** Ends what is still waiting for a container. */
  cancelFor(container: string): void {
    this.pending.cancelFor(container)
  }

  /** Drops addresses of containers that are gone since the last start. */
  pruneOwned(containers: ReadonlySet<string>): void {
    for (const address of this.owned.prune(containers)) this.space.release(address)
  }

  /** Hands all ranges to another peer and tells it once, without waiting for an answer: `weave reset`. */
  shutdown(): void {
    this.print('Shutdown')
    this.isShuttingDown = true
    this.pending.cancelAll()
    const heir = this.pickHeir()
    if (heir !== null) this.ring.transfer(this.ring.ourself, heir)
    this.space.clear()
    if (heir === null) return
    this.persistRing()
    this.channel.gossipBroadcast(this.gossip())
  }

  /** Takes over what a peer that is gone for good owned: `weave rmpeer`. @returns how many addresses. */
  takeOver(peerOrNickname: string): number {
    const peer = this.nicknames.lookUp(peerOrNickname, this.ring.peerNames())
    if (peer === null || !this.ring.transfer(peer, this.ring.ourself)) return 0
    const before = this.space.totalFree
    this.ringUpdated()
    this.channel.gossipBroadcast(this.gossip())
    return this.space.totalFree - before
  }

  /** Whether requests wait, for a ring or for free space. */
  get hasPending(): boolean {
    return !this.pending.isEmpty
  }

  onGossipUnicast(source: PeerName, message: Uint8Array): string | null {
    const content = message.subarray(1)
    if (message[0] === RING_UPDATE) return this.update(source, content)
    const range = decodeRange(content)
    if (range === null) return 'unexpected EOF'
    // Without a ring there is nothing to give; who asks will ask again.
    if (message[0] === SPACE_REQUEST) {
      if (!this.ring.isEmpty) this.donate(range, source)
    } else this.pending.deny(source, range, this.parts)
    return null
  }

  onGossipBroadcast(source: PeerName, update: Uint8Array): GossipData | string {
    return this.update(source, update) ?? this.gossip()
  }

  gossip(): GossipData {
    const data: GossipData = { encode: () => [this.encode()], merge: () => data }
    return data
  }

  /** What comes from time to time is not handed on: each peer sends its own. */
  onGossip(update: Uint8Array): string | null {
    return this.update(null, update)
  }

  private begin(request: PendingRequest, kind: RequestKind): void {
    if (this.isShuttingDown) request.cancel()
    else if (!request.attempt(this.parts)) this.pending.add(kind, request)
    this.reportFree()
  }

  private *tick(): Process {
    const ticker = new Ticker(this.program, TICK)
    for (;;) {
      yield* ticker.wait()
      // Messages may have been lost on the way.
      if (this.isAwaitingConsensus) this.propose()
      else if (this.hasPending) {
        if (this.ring.isEmpty) this.establishRing()
        else this.pending.attemptAll(this.parts)
      }
      for (const container of this.owned.expired()) this.delete(container)
      this.reportFree()
    }
  }

  /** Begins an election unless there is a ring, or one is under way. */
  private establishRing(): void {
    const { paxos } = this
    if (!this.ring.isEmpty || this.isAwaitingConsensus) return
    this.isAwaitingConsensus = true
    if (paxos !== null && this.config.init.mode === 'consensus') {
      paxos.quorum = Math.floor(this.config.init.peers / 2) + 1
    }
    this.propose()
    const peers = paxos?.consensus() ?? null
    if (peers !== null) this.createRing(peers)
  }

  private propose(): void {
    this.paxos?.propose()
    this.channel.gossipBroadcast(this.gossip())
  }

  private createRing(peers: readonly PeerName[]): void {
    this.ring.claimForPeers([...new Set(peers)].sort((a, b) => a - b))
    this.ringUpdated()
    this.channel.gossipBroadcast(this.gossip())
  }

  private ringUpdated(): void {
    // Who has a ring needs no election any more.
    if (this.isAwaitingConsensus) {
      this.isAwaitingConsensus = false
      this.paxos = null
    }
    this.persistRing()
    this.space.update(this.ring.ownedRanges())
    this.pending.attemptAll(this.parts)
  }

  private encode(): Uint8Array {
    const isEmpty = this.ring.isEmpty
    const seconds = Math.floor(this.program.wallClock / SECOND)
    return encodeState({
      now: seconds + EPOCH_MILLISECONDS / 1000,
      nicknames: this.nicknames.all,
      claims: isEmpty ? (this.paxos?.claims ?? null) : null,
      ring: isEmpty ? null : this.ring.state,
    })
  }

  /** @param sender null when it came by gossip from time to time. @returns the error that ends the connection. */
  private update(sender: PeerName | null, message: Uint8Array): string | null {
    const state = readState(message)
    if (state === null) return 'unexpected EOF'
    this.nicknames.merge(state.nicknames)
    if (state.ring !== null) return this.merge(state.ring)
    if (!this.ring.isEmpty) {
      if (sender !== null) this.sendRing(sender)
    } else if (state.claims !== null) this.elect(state.claims)
    // An observer asks for an address: it cannot begin an election itself.
    else if (this.paxos !== null && sender !== null) this.establishRing()
    this.reportFree()
    return null
  }

  private merge(ring: RingState): string | null {
    const result = this.ring.merge(ring, (ranges) => this.hasAllocations(ranges))
    if (result === DIFFERENT_SEEDS) {
      const [theirs, ours] = [ring.seeds, this.ring.seeds].map((seeds) =>
        this.nicknames.annotate(seeds),
      )
      return `IP allocation was seeded by different peers (received: ${theirs}, ours: ${ours})`
    }
    if (result === DIFFERENT_RANGE) {
      const received = describeRange(ring.range)
      const ours = formatPrefix(this.config.range)
      return `Incompatible IP allocation ranges (received: ${received}, ours: ${ours})`
    }
    if (typeof result === 'string') return result
    if (result) {
      const names = this.ring.peerNames()
      this.nicknames.keep((name) => names.has(name) || this.isKnown(name))
      this.ringUpdated()
    }
    this.reportFree()
    return null
  }

  private elect(claims: NonNullable<AllocatorState['claims']>): void {
    const { paxos } = this
    if (paxos === null || !paxos.update(claims)) return
    if (paxos.think()) this.channel.gossipBroadcast(this.gossip())
    const peers = paxos.consensus()
    if (peers !== null) this.createRing(peers)
  }

  /** Gives what it can, and tells in any case how the ring is, so that the other may ask elsewhere. */
  private donate(range: AddressRange, to: PeerName): void {
    const chunk = this.space.donate(range)
    if (chunk === null) {
      this.channel.gossipUnicast(to, encodeRange(SPACE_REQUEST_DENIED, range))
    } else {
      this.ring.grant(chunk, to)
      this.persistRing()
      this.channel.gossipBroadcast(this.gossip())
    }
    this.reportFree()
    this.sendRing(to)
  }

  private sendRing(to: PeerName): void {
    const state = this.encode()
    const message = new Uint8Array(1 + state.length)
    message[0] = RING_UPDATE
    message.set(state, 1)
    this.channel.gossipUnicast(to, message)
  }

  private hasAllocations(ranges: readonly AddressRange[]): boolean {
    return ranges.some((range) => this.space.freeCount(range) !== sizeOf(range))
  }

  private reportFree(): void {
    if (this.ring.ownedRanges().length === 0) return
    if (this.ring.reportFree((range) => this.space.freeCount(range))) this.persistRing()
  }

  private persistRing(): void {
    const { disk } = this.config
    disk.name = this.ring.ourself
    disk.ring = this.ring.state
  }

  /** @returns whether what was on disk is of use. */
  private load(): boolean {
    const { disk, range } = this.config
    const fault = disk.faultFor(this.ring.ourself, range)
    if (fault !== null || disk.ring === null) {
      this.print(fault ?? 'No valid persisted data')
      this.persistRing()
      this.owned.forget()
      return false
    }
    this.ring.restore({ ...disk.ring, range: rangeOf(range) })
    this.space.update(this.ring.ownedRanges())
    for (const address of this.owned.restore()) this.space.claim(address)
    return true
  }

  private pickHeir(): PeerName | null {
    const { ring } = this
    const isKnown = (name: PeerName): boolean => this.isKnown(name)
    const others = [...this.nicknames.all.keys()].filter((name) => name !== ring.ourself)
    return ring.heir(isKnown) ?? others.find(isKnown) ?? ring.heir(() => true) ?? others[0] ?? null
  }

  /** Whether the mesh can reach the peer at present. */
  private isKnown(name: PeerName): boolean {
    return this.router.peers.byName(name) !== null
  }

  private print(text: string): void {
    this.router.print(`[allocator ${formatMac(this.ring.ourself)}] ${text}`)
  }

  private makeParts(): AllocatorParts {
    const { owned, ring, space } = this
    return {
      ring,
      space,
      universe: this.config.range,
      ownedIn: (container, range) => owned.inRange(container, range),
      ownerOf: (address) => owned.ownerOf(address),
      addOwned: (container, address) => owned.add(container, address),
      removeOwned: (container, address) => owned.remove(container, address),
      isDead: (container) => owned.isDead(container),
      resurrect: (container) => owned.resurrect(container),
      establishRing: () => this.establishRing(),
      donors: (range) => ring.donors(range, this.program.random),
      ask: (kind, peer, range) => this.channel.gossipUnicast(peer, encodeRange(kind, range)),
      describe: (peer) => this.nicknames.describe(peer),
      print: (text) => this.print(text),
    }
  }
}
