import { Lab } from '../lab/lab.ts'

/**
 * Kernel timers of 5 s are rounded up to 64 jiffies: one such tick came at this time of the captures
 * (a neighbour's DELAY ended in macvlan's df1472). A boot that ticks then ticks as the lab's kernel did
 * in all of its captures, which were made one after the other. The CPUs of that kernel saw a tick up to
 * a jiffy apart: this is the middle of what they saw.
 */
const TICK = 54.759e12
const TICK_TOLERANCE = 0.3e9
const TICK_JIFFIES = 64

/** A seed of which the boot ticks as the lab's did. */
export function seedOfBoot(): string {
  for (let number = 1; number < 10_000; number++) {
    const { simulator, kernel } = new Lab({ seed: String(number), at: TICK - TICK_TOLERANCE })
    const before = Math.floor(kernel.timers.jiffies / TICK_JIFFIES)
    simulator.run(TICK + TICK_TOLERANCE)
    if (Math.floor(kernel.timers.jiffies / TICK_JIFFIES) > before) return String(number)
  }
  throw new Error('no seed ticks as the lab did')
}
