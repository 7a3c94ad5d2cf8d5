/** How slow a node thinks it is itself (Lifeguard's health score): 0 = well. */
export class Awareness {
  score = 0
  private readonly most: number

  /** @param maxMultiplier timeouts become this many times as long at most. */
  constructor(maxMultiplier: number) {
    this.most = maxMultiplier - 1
  }

  add(delta: number): void {
    this.score = Math.min(this.most, Math.max(0, this.score + delta))
  }

  scale(timeout: number): number {
    return timeout * (this.score + 1)
  }
}
