import type { Clock } from './session/clock.ts'
import { RestartableTimer } from './session/clock.ts'

/**
 * The time after a restart in which a speaker collects what its peers know before it tells anybody
 * anything, so that nobody is told less than before (RFC 4724 section 4.1): until all of them have
 * said their last, or for so long.
 */
export class RestartRecovery<Peer> {
  private readonly awaited = new Set<Peer>()
  private readonly timer: RestartableTimer
  private readonly wait: number
  private readonly over: () => void
  private isWaiting: boolean

  /** @param wait picoseconds; 0 = no restart. @param over called once, at the end of a recovery. */
  constructor(clock: Clock, wait: number, over: () => void) {
    this.wait = wait
    this.over = over
    this.isWaiting = wait > 0
    this.timer = new RestartableTimer(clock, () => this.end())
  }

  get isActive(): boolean {
    return this.isWaiting
  }

  begin(peers: Iterable<Peer>): void {
    if (!this.isWaiting) return
    for (const peer of peers) this.awaited.add(peer)
    if (this.awaited.size === 0) this.end()
    else this.timer.start(this.wait)
  }

  /** The peer has told everything, or never will. */
  heard(peer: Peer): void {
    if (this.awaited.delete(peer) && this.awaited.size === 0 && this.isWaiting) this.end()
  }

  private end(): void {
    this.timer.stop()
    this.isWaiting = false
    this.awaited.clear()
    this.over()
  }
}
