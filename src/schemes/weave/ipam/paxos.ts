import type { PeerName } from '../mesh/peer.ts'

/**
 * Who takes part. The uid is of one start of a peer: an acceptor may not forget what it promised, so that who has
 * forgotten must be somebody else.
 */
export interface PaxosNode {
  readonly name: PeerName
  readonly uid: bigint
}

export interface Proposal {
  /** From 1 on; 0 is none, and before all others. */
  readonly round: number
  readonly proposer: PaxosNode
}

/** Peers with whom the ring is made, and the proposal that they were first part of. */
export interface AcceptedValue {
  readonly peers: readonly PeerName[]
  readonly origin: Proposal
}

/** What a node has promised and accepted. */
export interface Claims {
  readonly node: PaxosNode
  /** It accepts no proposal before this one. */
  readonly promise: Proposal
  readonly accepted: Proposal
  readonly value: AcceptedValue
}

const NOBODY: PaxosNode = { name: 0, uid: 0n }
const NO_PROPOSAL: Proposal = { round: 0, proposer: NOBODY }
const NO_VALUE: AcceptedValue = { peers: [], origin: NO_PROPOSAL }

/** One round of basic Paxos over gossip, in which every peer has every role: weaveworks/weave, ipam/paxos. */
export class Paxos {
  private readonly node: PaxosNode
  private readonly known = new Map<string, Claims>()
  /** `claims`, as long as nothing changes. */
  private list: readonly Claims[] | null = null
  /** What was taken in last. */
  private latest: readonly Claims[] | null = null
  /** How many must agree; 0 before it has been set. */
  quorum = 0

  constructor(node: PaxosNode) {
    this.node = node
  }

  /** What is gossiped: what all are known to claim. */
  get claims(): readonly Claims[] {
    this.list ??= [...this.known.values()]
    return this.list
  }

  /** Takes in what another node knows. @returns whether it is new. */
  update(claims: readonly Claims[]): boolean {
    // All neighbours tell of one election; nothing is ever forgotten of it.
    if (claims === this.latest) return false
    this.latest = claims
    let isNew = false
    for (const theirs of claims) {
      const key = keyOf(theirs.node)
      const ours = this.known.get(key)
      const merged = ours === undefined ? theirs : mergeClaims(ours, theirs)
      if (merged === ours) continue
      this.known.set(key, merged)
      isNew = true
    }
    if (isNew) this.list = null
    return isNew
  }

  /** Prepares a proposal that goes before all others. */
  propose(): void {
    let round = 0
    for (const { promise, accepted } of this.known.values()) {
      round = Math.max(round, promise.round, accepted.round)
    }
    this.set({ ...this.ours, promise: { round: round + 1, proposer: this.node } })
    if (this.quorum === 1) this.think()
  }

  /** Promises, asks to accept, and accepts, by what is known. @returns whether our claims have changed. */
  think(): boolean {
    const before = this.ours
    let ours = before
    for (const { promise } of this.known.values()) {
      if (precedes(ours.promise, promise)) ours = { ...ours, promise }
    }
    ours = this.acceptOwn(ours)
    for (const { accepted, value } of this.known.values()) {
      if (!isSame(accepted, ours.promise)) continue
      ours = { ...ours, accepted, value }
      break
    }
    const { promise, accepted, value } = before
    const isUnchanged =
      isSame(ours.promise, promise) &&
      isSame(ours.accepted, accepted) &&
      isSame(ours.value.origin, value.origin)
    if (isUnchanged) return false
    this.set(ours)
    return true
  }

  /** The peers that a quorum has accepted; null before. */
  consensus(): readonly PeerName[] | null {
    if (this.quorum === 0) return null
    const counts = new Map<string, number>()
    for (const { accepted, value } of this.known.values()) {
      if (accepted.round === 0) continue
      const key = `${value.origin.round}/${keyOf(value.origin.proposer)}`
      const count = (counts.get(key) ?? 0) + 1
      counts.set(key, count)
      if (count >= this.quorum) return value.peers
    }
    return null
  }

  private get ours(): Claims {
    const none = { promise: NO_PROPOSAL, accepted: NO_PROPOSAL, value: NO_VALUE }
    return this.known.get(keyOf(this.node)) ?? { node: this.node, ...none }
  }

  private set(claims: Claims): void {
    this.known.set(keyOf(this.node), claims)
    this.list = null
  }

  /** Our own proposal, if a quorum has promised it and it is what we promised last. */
  private acceptOwn(ours: Claims): Claims {
    if (keyOf(ours.promise.proposer) !== keyOf(this.node)) return ours
    let count = 0
    let accepted = NO_PROPOSAL
    let value = NO_VALUE
    for (const claims of this.known.values()) {
      if (!isSame(claims.promise, ours.promise)) continue
      count++
      if (!precedes(accepted, claims.accepted)) continue
      accepted = claims.accepted
      value = claims.value
    }
    if (count < this.quorum) return ours
    const peers = [...this.known.values()].map(({ node }) => node.name)
    if (accepted.round === 0) value = { peers, origin: ours.promise }
    return { ...ours, accepted: ours.promise, value }
  }
}

function mergeClaims(ours: Claims, theirs: Claims): Claims {
  let merged = ours
  if (precedes(ours.promise, theirs.promise)) merged = { ...merged, promise: theirs.promise }
  if (precedes(ours.accepted, theirs.accepted)) {
    merged = { ...merged, accepted: theirs.accepted, value: theirs.value }
  }
  return merged
}

/** To write a uid takes long, and each is asked for with each message. */
const keys = new WeakMap<PaxosNode, string>()

function keyOf(node: PaxosNode): string {
  let key = keys.get(node)
  if (key === undefined) {
    key = `${node.name}/${node.uid}`
    keys.set(node, key)
  }
  return key
}

function precedes(a: Proposal, b: Proposal): boolean {
  if (a.round !== b.round) return a.round < b.round
  if (a.proposer.name !== b.proposer.name) return a.proposer.name < b.proposer.name
  return a.proposer.uid < b.proposer.uid
}

function isSame(a: Proposal, b: Proposal): boolean {
  const { name, uid } = a.proposer
  return a.round === b.round && name === b.proposer.name && uid === b.proposer.uid
}
