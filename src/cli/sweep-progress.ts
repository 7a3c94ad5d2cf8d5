import { Presets, SingleBar } from 'cli-progress'

/** A bar of points or runs on standard error, with the time left; nothing when that is no terminal. */
export class SweepProgress {
  private readonly bar: SingleBar | null
  private readonly started = performance.now()
  private readonly total: number
  private readonly first: number
  private readonly clock: NodeJS.Timeout | null
  private finished: number

  /**
   * @param what is counted. @param first how many were finished before.
   * @param total with these; of a search at most.
   */
  constructor(label: string, what: 'points' | 'runs', first: number, total: number) {
    this.total = total
    this.first = first
    this.finished = first
    const isTerminal = process.stderr.isTTY === true
    this.bar = isTerminal ? newBar(label, what) : null
    this.bar?.start(total, first, this.words())
    // Runs may take minutes each: the time left goes down in between.
    this.clock = this.bar === null ? null : setInterval(() => this.draw(), 1000)
  }

  update(finished: number): void {
    this.finished = finished
    this.draw()
  }

  stop(): void {
    if (this.clock !== null) clearInterval(this.clock)
    this.bar?.stop()
  }

  private draw(): void {
    this.bar?.update(Math.min(this.finished, this.total), this.words())
  }

  private words(): { readonly rate: string; readonly left: string } {
    const seconds = (performance.now() - this.started) / 1000
    const done = this.finished - this.first
    if (done === 0) return { rate: '-', left: '-' }
    // Since the last run ended some time has passed, of which the next needs less.
    const left = Math.max(0, ((this.total - this.finished) * seconds) / done)
    return { rate: (done / seconds).toPrecision(2), left: duration(left) }
  }
}

function newBar(label: string, what: string): SingleBar {
  return new SingleBar(
    {
      format: `${label} [{bar}] {value} of {total} ${what} | {rate} a second | {left} left`,
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
      barsize: 20,
    },
    Presets.legacy,
  )
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`
  return seconds < 7200 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}
