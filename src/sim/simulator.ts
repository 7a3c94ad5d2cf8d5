import { EventQueue, type EventTarget } from './event-queue.ts'
import { RandomStreams } from './random.ts'

/**
 * The clock and the events. Whoever needs time or chance is handed a simulator; nothing in the model
 * asks the machine. Events at one instant run in the order in which they were scheduled.
 */
export class Simulator {
  /** Picoseconds since the start of the run. */
  now = 0
  /** Events fired so far. */
  events = 0
  readonly random: RandomStreams
  private readonly queue = new EventQueue()
  /** Even; an event of a reserved place has the odd number after it. */
  private sequence = 0
  private stopping = false

  readonly seed: string

  constructor(seed: string) {
    this.seed = seed
    this.random = new RandomStreams(seed)
  }

  /** Calls `target.fire(argument)` at `time` (picoseconds, not in the past). */
  at(time: number, target: EventTarget, argument = 0): void {
    if (!(time >= this.now)) {
      throw new RangeError(`cannot schedule at ${time} ps: the clock stands at ${this.now} ps`)
    }
    this.queue.push(time, (this.sequence += 2), target, argument)
  }

  after(delay: number, target: EventTarget, argument = 0): void {
    this.at(this.now + delay, target, argument)
  }

  /** Calls `action` at `time`: for set-up and control planes, not for the packet path. */
  callAt(time: number, action: () => void): void {
    this.at(time, { fire: action })
  }

  /**
   * Reserves a place among the events of one instant. A link takes it when a frame is sent, and uses
   * it when the frame becomes the first of its ring, so that ties run as if all had been queued.
   */
  takeSequence(): number {
    return (this.sequence += 2) + 1
  }

  atSequence(time: number, sequence: number, target: EventTarget, argument = 0): void {
    this.queue.push(time, sequence, target, argument)
  }

  /**
   * Runs every event up to and including `until`, then sets the clock to `until`.
   * With `maxEvents` it returns early, so that a caller can show progress or be interrupted.
   * @returns whether `until` was reached.
   */
  run(until: number, maxEvents = Infinity): boolean {
    const { queue } = this
    this.stopping = false
    const enough = this.events + maxEvents
    while (this.events < enough) {
      const target = queue.pop(until)
      if (target === null) {
        if (until !== Infinity) this.now = Math.max(this.now, until)
        return true
      }
      this.now = queue.poppedTime
      this.events++
      // Links make most events. They have this call to themselves, so that the engine sees one class here.
      if ((queue.poppedSequence & 1) === 1) target.fire(queue.poppedArgument)
      else this.fireOther(target, queue.poppedArgument)
      if (this.stopping) return true
    }
    return false
  }

  private fireOther(target: EventTarget, argument: number): void {
    target.fire(argument)
  }

  /** Makes `run` return after the current event. */
  stop(): void {
    this.stopping = true
  }

  /** Time of the next event, or Infinity when nothing is pending. */
  nextTime(): number {
    return this.queue.peekTime()
  }
}
