/** A clock that only goes on with events, and is never behind one that it has heard of. */
export class LamportClock {
  private counter = 0

  get time(): number {
    return this.counter
  }

  increment(): number {
    return ++this.counter
  }

  /** Another one had this time. */
  witness(time: number): void {
    this.counter = Math.max(this.counter, time + 1)
  }
}
