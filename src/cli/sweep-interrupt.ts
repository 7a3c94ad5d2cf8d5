import { constants } from 'node:os'
import { EXIT_SIGNAL } from './exit.ts'

type Signal = 'SIGINT' | 'SIGTERM'

/** The first Ctrl-C stops the threads; a second one ends the program at once. */
export class SweepInterrupt {
  /** What the program is to end with; 0: it was not interrupted. */
  status = 0
  private readonly handler: (signal: Signal) => void

  constructor(stop: () => Promise<void>) {
    this.handler = (signal) => {
      const status = EXIT_SIGNAL + constants.signals[signal]
      if (this.status !== 0) process.exit(status)
      this.status = status
      stop().catch(() => process.exit(status))
    }
    process.on('SIGINT', this.handler)
    process.on('SIGTERM', this.handler)
  }

  end(): void {
    process.off('SIGINT', this.handler)
    process.off('SIGTERM', this.handler)
  }
}
