import { SECOND } from '../sim/units.ts'

/** Picoseconds, start included and end not. */
export interface Window {
  readonly start: number
  readonly end: number
}

/** The part of a window that has passed. */
export function elapsed(window: Window, now: number): Window {
  return { start: window.start, end: Math.max(window.start, Math.min(window.end, now)) }
}

/** `amount` a second, 0 for an empty window. */
export function perSecond(amount: number, { start, end }: Window): number {
  return end > start ? amount / ((end - start) / SECOND) : 0
}
