import type { Frame } from '../wire/frame.ts'

/** Sees frames as they pass an interface. It must not keep or change them. */
export interface Tap {
  /** @param time picoseconds. */
  frame(time: number, frame: Frame, direction: 'in' | 'out'): void
}
