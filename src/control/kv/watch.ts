import type { Process } from '../../sim/process.ts'
import { Mailbox } from '../program/mailbox.ts'
import type { Fibre, Program } from '../program/program.ts'
import type { KvWatch } from './store.ts'

/** A watch that a process feeds; when the process ends, so does the watch. */
export class FedWatch<T extends object> implements KvWatch<T> {
  private readonly mailbox: Mailbox<T | 'end'>
  private readonly fibre: Fibre<void>
  private isOver = false

  /** @param feed hands each value to `send`. */
  constructor(program: Program, feed: (send: (value: T) => void) => Process) {
    this.mailbox = new Mailbox(program)
    this.fibre = program.spawn(this.run(feed))
  }

  private *run(feed: (send: (value: T) => void) => Process): Process {
    yield* feed((value) => this.mailbox.put(value))
    this.mailbox.put('end')
  }

  get hasEnded(): boolean {
    return this.isOver
  }

  *next(timeout = Infinity): Process<T | null> {
    if (this.isOver) return null
    const message = yield* this.mailbox.take(timeout)
    if (message !== 'end') return message
    this.isOver = true
    return null
  }

  stop(): void {
    this.isOver = true
    this.fibre.cancel()
    this.mailbox.put('end')
  }
}
