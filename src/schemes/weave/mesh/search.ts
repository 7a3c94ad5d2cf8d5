import type { Peer } from './peer.ts'
import { ESTABLISHED_LINK } from './peer-record.ts'

/** Where a search finds the peers that a record's indexes mean. */
export interface PeerIndex {
  readonly count: number
  at(index: number): Peer | null
}

interface SearchOptions {
  /** Only connections that both ends call established. */
  readonly symmetric: boolean
  /** Ends when it comes to this peer. */
  readonly stopAt?: Peer
  /** Told of each peer when it is first reached. */
  readonly reached?: (peer: Peer, from: Peer) => void
}

/** By a peer's index, the number of the search that last reached it; a new search need not clear the marks of an old one. */
let marks = new Uint32Array(256)
let lastSearch = 0

/**
 * Widens from `start` over connections, breadth first, each round in the order of names: peers that know the same
 * topology get the same tree. Until the next search `wasReached` tells who is part of it.
 */
export function search(start: Peer, peers: PeerIndex, options: SearchOptions): void {
  const epoch = ++lastSearch
  const { symmetric, stopAt, reached } = options
  mark(start.record.index, epoch)
  let left = peers.count - 1
  let next = [start]
  // Once all are reached the rest of the search could add nothing.
  while (next.length > 0 && left > 0) {
    const round = next.length === 1 ? next : next.sort(byName)
    next = []
    for (const peer of round) {
      if (peer === stopAt) return
      const { indexes } = peer.record
      for (let i = 0; i < indexes.length; i++) {
        const index = indexes[i]!
        if (marks[index] === epoch) continue
        const remote = peers.at(index)
        if (remote === null) continue
        if (symmetric && !isSymmetric(peer, remote)) continue
        mark(index, epoch)
        left--
        next.push(remote)
        reached?.(remote, peer)
      }
    }
  }
}

/** Whether the last search reached a peer. */
export function wasReached(peer: Peer): boolean {
  return marks[peer.record.index] === lastSearch
}

function mark(index: number, epoch: number): void {
  if (index >= marks.length) {
    const grown = new Uint32Array(2 * index)
    grown.set(marks)
    marks = grown
  }
  marks[index] = epoch
}

function byName(a: Peer, b: Peer): number {
  return a.name - b.name
}

/** Whether both ends call their connection established. */
export function isSymmetric(a: Peer, b: Peer): boolean {
  return (
    a.record.linkState(b.record.index) === ESTABLISHED_LINK &&
    b.record.linkState(a.record.index) === ESTABLISHED_LINK
  )
}
