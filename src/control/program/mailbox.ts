import type { Process } from '../../sim/process.ts'
import { Condition } from './condition.ts'
import type { Program } from './program.ts'

/** Messages from one process to another, in order. */
export class Mailbox<T extends NonNullable<unknown>> {
  private readonly arrived: Condition
  private messages: T[] = []
  private head = 0

  constructor(program: Program) {
    this.arrived = new Condition(program)
  }

  get length(): number {
    return this.messages.length - this.head
  }

  put(message: T): void {
    this.messages.push(message)
    this.arrived.notify()
  }

  /** @returns the oldest message without waiting; null when there is none. */
  poll(): T | null {
    const message = this.messages[this.head]
    if (message === undefined) return null
    this.head++
    if (this.head === this.messages.length) {
      this.messages.length = 0
      this.head = 0
    }
    return message
  }

  /** Waits for a message. @param timeout picoseconds. @returns null when the time is over. */
  *take(timeout = Infinity): Process<T | null> {
    for (;;) {
      const message = this.poll()
      if (message !== null) return message
      // Several may wait for one message: who comes late waits on, for its whole time again.
      if (!(yield this.arrived.until(timeout))) return null
    }
  }
}
