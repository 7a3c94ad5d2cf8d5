import type { Frame } from '../wire/frame.ts'

/** Sees frames as they pass an interface. It must not keep or change them. */
export interface Tap {
  /** @param time picoseconds. */
  frame(time: number, frame: Frame, direction: 'in' | 'out'): void
}

/** Several taps at one place. */
class TapList implements Tap {
  readonly taps: Tap[]

  constructor(taps: Tap[]) {
    this.taps = taps
  }

  frame(time: number, frame: Frame, direction: 'in' | 'out'): void {
    for (const tap of this.taps) tap.frame(time, frame, direction)
  }
}

/** Adds a tap to a port or device that may have one already. */
export function addTap(place: { tap: Tap | null }, tap: Tap): void {
  if (place.tap === null) place.tap = tap
  else if (place.tap instanceof TapList) place.tap.taps.push(tap)
  else place.tap = new TapList([place.tap, tap])
}
