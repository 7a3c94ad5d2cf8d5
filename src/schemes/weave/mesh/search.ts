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

/** Numbers searches, so that the marks of an old one need no clearing. */
let lastEpoch = 0

/**
 * Widens from `start` over connections, breadth first, each round in the order of names: peers that know the same
 * topology get the same tree. @returns the mark that those who were reached bear.
 */
export function search(start: Peer, peers: PeerIndex, options: SearchOptions): number {
  const epoch = ++lastEpoch
  const { symmetric, stopAt, reached } = options
  start.mark = epoch
  let left = peers.count - 1
  let next = [start]
  // Once all are reached the rest of the search could add nothing.
  while (next.length > 0 && left > 0) {
    const round = next.sort((a, b) => a.name - b.name)
    next = []
    for (const peer of round) {
      if (peer === stopAt) return epoch
      const { record } = peer
      for (const index of record.indexes) {
        const remote = peers.at(index)
        if (remote === null || remote.mark === epoch) continue
        if (symmetric && !isSymmetric(peer, remote)) continue
        remote.mark = epoch
        left--
        next.push(remote)
        reached?.(remote, peer)
      }
    }
  }
  return epoch
}

/** Whether both ends call their connection established. */
export function isSymmetric(a: Peer, b: Peer): boolean {
  return (
    a.record.linkState(b.record.index) === ESTABLISHED_LINK &&
    b.record.linkState(a.record.index) === ESTABLISHED_LINK
  )
}

/** Marks who can be reached from `start` over any connections. @returns the mark. */
export function markReachable(start: Peer, peers: PeerIndex): number {
  return search(start, peers, { symmetric: false })
}
