/**
 * Least of the samples of the latest stretch of time, from three of them only (lib/win_minmax.c):
 * the best, and the best of what came after the first and after the second.
 */
export class WindowedMinimum {
  private readonly window: number
  private readonly times = new Float64Array(3)
  private readonly values = new Float64Array(3)
  private isEmpty = true

  /** @param window in the unit of the times that `add` is told. */
  constructor(window: number) {
    this.window = window
  }

  /** 0 before the first sample. */
  get value(): number {
    return this.values[0]!
  }

  add(time: number, value: number): void {
    const { times, values } = this
    if (this.isEmpty || value <= values[0]! || time - times[2]! > this.window) {
      this.isEmpty = false
      times.fill(time)
      values.fill(value)
      return
    }
    if (value <= values[1]!) {
      this.set(1, time, value)
      this.set(2, time, value)
    } else if (value <= values[2]!) this.set(2, time, value)
    this.age(time, value)
  }

  /** Lets the best go when it is too old, and sees to it that the others are not all of one moment. */
  private age(time: number, value: number): void {
    const { times, values, window } = this
    const since = time - times[0]!
    if (since > window) {
      this.set(0, times[1]!, values[1]!)
      this.set(1, times[2]!, values[2]!)
      this.set(2, time, value)
      if (time - times[0]! > window) {
        this.set(0, times[1]!, values[1]!)
        this.set(1, times[2]!, values[2]!)
      }
    } else if (times[1] === times[0] && since > window / 4) {
      this.set(1, time, value)
      this.set(2, time, value)
    } else if (times[2] === times[1] && since > window / 2) this.set(2, time, value)
  }

  private set(at: number, time: number, value: number): void {
    this.times[at] = time
    this.values[at] = value
  }
}
