import { Presets, SingleBar } from 'cli-progress'
import { SECOND } from '../sim/units.ts'

/** A bar on standard error while a run goes on; nothing when that is no terminal. */
export class Progress {
  private readonly bar: SingleBar | null
  private readonly started = performance.now()

  constructor(label: string, duration: number) {
    if (process.stderr.isTTY !== true) {
      this.bar = null
      return
    }
    this.bar = new SingleBar(
      {
        format: `${label} [{bar}] {simulated} of ${(duration / SECOND).toFixed(2)} s | {rate} events/s | {left} left`,
        stream: process.stderr,
        clearOnComplete: true,
        hideCursor: true,
        barsize: 20,
      },
      Presets.legacy,
    )
    this.bar.start(duration, 0, { simulated: '0.00', rate: '-', left: '-' })
  }

  /** @param now simulated time, picoseconds. */
  update(now: number, duration: number, events: number): void {
    if (this.bar === null) return
    const elapsed = (performance.now() - this.started) / 1000
    const left = now === 0 ? '-' : `${Math.ceil((elapsed * (duration - now)) / now)} s`
    this.bar.update(Math.min(now, duration), {
      simulated: (now / SECOND).toFixed(2),
      rate: `${(events / elapsed / 1e6).toFixed(1)} M`,
      left,
    })
  }

  stop(): void {
    this.bar?.stop()
  }
}
