/** A leader's view of one follower, in the states of etcd's raft library. */
export class Progress {
  readonly peer: string
  /**
   * `probe`: where the logs agree is not known, one append at a time asks for it. `replicate`:
   * appends follow each other without waiting. `snapshot`: nothing until it has arrived.
   */
  state: 'probe' | 'replicate' | 'snapshot' = 'probe'
  match = 0
  next: number
  /** A probe is on its way. */
  paused = false
  /** The next append goes out even if it has no entries. */
  forced = true
  /** The commit index that the follower was last told. */
  toldCommit = 0
  /** The last round of heartbeats that it answered. */
  round = 0
  /** When it was last heard, in picoseconds. */
  contact: number
  heartbeatAt = 0
  commitAt = Infinity
  snapshotIndex = 0
  snapshotUntil = Infinity

  /** The last index of each append on its way, in order. */
  private inflight: number[] = []

  constructor(peer: string, next: number, contact: number) {
    this.peer = peer
    this.next = next
    this.contact = contact
  }

  get inflightCount(): number {
    return this.inflight.length
  }

  sent(last: number): void {
    if (this.state === 'probe') {
      this.paused = true
      return
    }
    this.next = last + 1
    this.inflight.push(last)
  }

  becomeProbe(): void {
    const next = this.state === 'snapshot' ? this.snapshotIndex + 1 : this.match + 1
    this.next = Math.max(next, this.match + 1)
    this.state = 'probe'
    this.paused = false
    this.inflight.length = 0
    this.snapshotUntil = Infinity
  }

  becomeSnapshot(index: number, until: number): void {
    this.state = 'snapshot'
    this.snapshotIndex = index
    this.snapshotUntil = until
    this.inflight.length = 0
  }

  /** The snapshot did not arrive: the probe finds out what the follower has instead. */
  abandonSnapshot(): void {
    this.snapshotIndex = this.match
    this.becomeProbe()
    // Or a peer that cannot be reached would be sent one after the other.
    this.paused = true
  }

  /** Its log agrees up to `index` and is durable so far; true if that is news. */
  accepted(index: number): boolean {
    const isNews = index > this.match
    this.match = Math.max(this.match, index)
    this.next = Math.max(this.next, index + 1)
    if (this.state === 'replicate') this.land(index)
    else if (this.state === 'probe' ? index >= this.match : this.match >= this.snapshotIndex) {
      this.becomeProbe()
      this.state = 'replicate'
    }
    return isNews
  }

  private land(index: number): void {
    const { inflight } = this
    let landed = 0
    while (landed < inflight.length && inflight[landed]! <= index) landed++
    if (landed > 0) inflight.splice(0, landed)
  }

  /** It has no entry like ours at `index`, but may have at `hint`; false if the answer is stale. */
  rejected(index: number, hint: number): boolean {
    if (this.state === 'snapshot') return false
    if (this.state === 'replicate') {
      if (index <= this.match) return false
      this.becomeProbe()
      return true
    }
    if (this.next - 1 !== index) return false
    this.next = Math.max(Math.min(index, hint + 1), this.match + 1)
    this.paused = false
    return true
  }
}
