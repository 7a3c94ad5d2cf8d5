import { MICROSECOND } from '../sim/units.ts'
import type { Coalesce } from './nic-options.ts'

/** Linux's levels, each [microseconds, frames] (NET_DIM_RX_CQE_PROFILES of include/linux/dim.h). */
const LEVELS: readonly (readonly [number, number])[] = [
  [2, 256],
  [8, 128],
  [16, 64],
  [32, 64],
  [64, 64],
]
const FIRST_LEVEL = 1
/** Interrupts between two decisions. */
const WINDOW = 16
/** Load that gains by waiting: about 0.8 Gb/s, or a million frames a second. */
const BULK_BYTES_PER_MICROSECOND = 100
const BULK_FRAMES_PER_MICROSECOND = 1
/** Frames that an interrupt should find where there is bulk: a poll's worth. */
const WANTED_FRAMES = 64

/**
 * When a receive queue interrupts. Adaptive moderation works in the manner of net_dim (lib/dim): it
 * looks at the load between interrupts and goes a level up or down. net_dim tries a step and keeps it
 * if throughput grew; this one knows from the load where it wants to be.
 */
export class Moderation {
  /** From the first frame until the interrupt, picoseconds. */
  delay: number
  /** Frames that make it come at once. */
  frames: number
  private readonly isAdaptive: boolean
  private level = FIRST_LEVEL
  private interrupts = 0
  private windowStart = 0
  private seenFrames = 0
  private seenBytes = 0

  constructor(coalesce: Coalesce) {
    this.isAdaptive = coalesce === 'adaptive'
    const [usecs, frames] =
      coalesce === 'adaptive' ? LEVELS[FIRST_LEVEL]! : [coalesce.usecs, coalesce.frames]
    this.delay = Math.round(usecs * MICROSECOND)
    this.frames = frames
  }

  /** A frame has arrived. */
  count(bytes: number): void {
    this.seenFrames++
    this.seenBytes += bytes
  }

  interrupted(now: number): void {
    if (!this.isAdaptive || ++this.interrupts < WINDOW) return
    const microseconds = (now - this.windowStart) / MICROSECOND
    const wanted = wantedLevel(this.seenFrames / microseconds, this.seenBytes / microseconds)
    if (wanted > this.level) this.level++
    else if (wanted < this.level) this.level--
    const [usecs, frames] = LEVELS[this.level]!
    this.delay = usecs * MICROSECOND
    this.frames = frames
    this.interrupts = 0
    this.windowStart = now
    this.seenFrames = 0
    this.seenBytes = 0
  }
}

/** @param frameRate frames a microsecond. @param byteRate bytes a microsecond. */
function wantedLevel(frameRate: number, byteRate: number): number {
  if (frameRate < BULK_FRAMES_PER_MICROSECOND && byteRate < BULK_BYTES_PER_MICROSECOND) return 0
  const level = LEVELS.findIndex(([usecs]) => usecs * frameRate >= WANTED_FRAMES)
  return level < 0 ? LEVELS.length - 1 : level
}
