import { fromNanoseconds } from './duration.ts'

/** Source: consul agent/structs/structs.go, MaxLockDelay. */
const MAX_DELAY_NANOSECONDS = 60e9

/**
 * Keys that nobody may lock for a while after their holder was lost, so that it can notice. By the
 * server's own clock, in no log, and asked of the leader only. Source: consul
 * agent/consul/state/delay.go.
 */
export class LockDelays {
  private readonly until = new Map<string, number>()
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  /** `delay` in nanoseconds. */
  start(key: string, delay: number): void {
    if (delay <= 0) return
    this.dropExpired()
    this.until.delete(key)
    this.until.set(key, this.now() + fromNanoseconds(Math.min(delay, MAX_DELAY_NANOSECONDS)))
  }

  holds(key: string): boolean {
    return (this.until.get(key) ?? 0) > this.now()
  }

  /** Old ones leave as new ones come, so that the table stays as large as a minute's losses. */
  private dropExpired(): void {
    for (const [key, until] of this.until) {
      if (until > this.now()) return
      this.until.delete(key)
    }
  }
}
