import { SECOND } from '../../../sim/units.ts'
import {
  additiveIncrease,
  type CongestionControl,
  type CongestionState,
  isInSlowStart,
  jiffiesOf,
  slowStart,
} from './congestion-control.ts'
import { cubicRoot } from './cubic-root.ts'
import { HyStart } from './hystart.ts'

/** Fractions are parts of this (BICTCP_BETA_SCALE). */
const SCALE = 1024
/** What a loss leaves of the window, about 0.7. */
const BETA = 717
/** CUBIC's clock: ticks of 1/1024 s (BICTCP_HZ). */
const TICKS_PER_SECOND = 1024
/** C, about 0.4 segments a cubic second, in parts of 1024 (bic_scale 41, of tenths). */
const C = 410
/** 2^40: C's parts times cubic ticks of a cubic second. */
const CUBE = SCALE * TICKS_PER_SECOND * TICKS_PER_SECOND * TICKS_PER_SECOND
/** Cubic ticks a segment: what K is the cube root of. */
const CUBE_FACTOR = Math.floor(CUBE / C)
/** Eighths of a window that must be acknowledged before Reno's would grow by one (beta_scale). */
const RENO_EIGHTHS = Math.floor(Math.floor((8 * (SCALE + BETA)) / 3) / (SCALE - BETA))
const NONE = -1

/**
 * CUBIC (RFC 9438) with the integer arithmetic of Linux's tcp_cubic.c: after a loss the window grows
 * along C (t - K)^3 + Wmax, at least as fast as Reno's, at most by half a round trip.
 */
export class Cubic implements CongestionControl {
  readonly name = 'cubic'
  private readonly state: CongestionState
  private readonly hystart: HyStart
  /** ACKed segments for one segment of growth. */
  private every = 0
  /** Wmax, segments; 0 before the first loss. */
  private latestMax = 0
  private latestCwnd = 0
  /** Jiffy of the latest computation. */
  private latestTime = 0
  /** Window at the curve's inflection, and ticks from the epoch's start to it. */
  private origin = 0
  private k = 0
  /** Least round trip since slow start began, picoseconds; 0 = none yet. */
  private leastDelay = 0
  /** Jiffy at which the curve begins; NONE after a loss. */
  private epoch = NONE
  /** What Reno's window would be, and the segments acknowledged towards its growth. */
  private renoCwnd = 0
  private renoAcked = 0

  constructor(state: CongestionState) {
    this.state = state
    this.hystart = new HyStart(state)
  }

  init(): void {
    this.every = 0
    this.latestMax = 0
    this.latestCwnd = 0
    this.latestTime = 0
    this.leastDelay = 0
    this.epoch = NONE
    this.hystart.restart()
  }

  ssthresh(): number {
    const { cwnd } = this.state
    this.epoch = NONE
    // Fast convergence: who loses below the last maximum makes room for newer flows.
    const isShrinking = cwnd < this.latestMax
    this.latestMax = isShrinking ? Math.floor((cwnd * (SCALE + BETA)) / (2 * SCALE)) : cwnd
    return Math.max(Math.floor((cwnd * BETA) / SCALE), 2)
  }

  congAvoid(acked: number): void {
    const { state } = this
    if (!state.isCwndLimited) return
    const left = isInSlowStart(state) ? slowStart(state, acked) : acked
    if (left === 0) return
    this.update(state.cwnd, left)
    additiveIncrease(state, this.every, left)
  }

  undoCwnd(): number {
    return Math.max(this.state.cwnd, this.state.priorCwnd)
  }

  onRtt(rtt: number): void {
    const { state } = this
    // Right after a recovery the samples are of the queue that caused it.
    if (this.epoch !== NONE && jiffiesOf(state) - this.epoch < state.hz) return
    if (this.leastDelay === 0 || rtt < this.leastDelay) this.leastDelay = Math.max(rtt, 1)
    if (isInSlowStart(state)) this.hystart.onRtt(rtt, this.leastDelay)
  }

  onLoss(): void {
    this.init()
  }

  onTransmitStart(): void {
    const { state } = this
    if (this.epoch === NONE) return
    // Time without data does not count on the curve.
    const now = jiffiesOf(state)
    const idle = now - Math.floor((state.lastSent * state.hz) / SECOND)
    if (idle > 0) this.epoch = Math.min(this.epoch + idle, now)
  }

  /** Sets `every` (bictcp_update). */
  private update(cwnd: number, acked: number): void {
    const now = jiffiesOf(this.state)
    const { hz } = this.state
    this.renoAcked += acked
    if (this.latestCwnd === cwnd && now - this.latestTime <= Math.floor(hz / 32)) return
    // Once a jiffy is enough for the curve.
    if (this.epoch === NONE || now !== this.latestTime) {
      this.latestCwnd = cwnd
      this.latestTime = now
      if (this.epoch === NONE) this.beginEpoch(cwnd, acked, now)
      this.every = this.curveStep(cwnd, now)
    }
    this.every = Math.max(Math.min(this.every, this.renoStep(cwnd)), 2)
  }

  private beginEpoch(cwnd: number, acked: number, now: number): void {
    this.epoch = now
    this.renoAcked = acked
    this.renoCwnd = cwnd
    const missing = this.latestMax - cwnd
    this.k = missing > 0 ? cubicRoot(CUBE_FACTOR * missing) : 0
    this.origin = missing > 0 ? this.latestMax : cwnd
  }

  /** ACKed segments for one of growth that lead to where the curve is a round trip from now. */
  private curveStep(cwnd: number, now: number): number {
    const { hz } = this.state
    const ahead = Math.ceil((this.leastDelay * hz) / SECOND)
    const ticks = Math.floor(((now - this.epoch + ahead) * TICKS_PER_SECOND) / hz)
    const distance = ticks < this.k ? this.k - ticks : ticks - this.k
    // Exact up to 27 s from the inflection; beyond, to one part in 2^52.
    const delta = Math.floor((C * distance * distance * distance) / CUBE)
    const target = ticks < this.k ? this.origin - delta : this.origin + delta
    const every = target > cwnd ? Math.floor(cwnd / (target - cwnd)) : 100 * cwnd
    // Before any loss the path is unknown, and the curve too careful.
    return this.latestMax === 0 ? Math.min(every, 20) : every
  }

  /** ACKed segments for one of growth that keep up with Reno (tcp_friendliness). */
  private renoStep(cwnd: number): number {
    const needed = Math.max(Math.floor((cwnd * RENO_EIGHTHS) / 8), 1)
    if (this.renoAcked >= needed) {
      const steps = Math.floor(this.renoAcked / needed)
      this.renoAcked -= steps * needed
      this.renoCwnd += steps
    }
    return this.renoCwnd > cwnd ? Math.floor(cwnd / (this.renoCwnd - cwnd)) : Infinity
  }
}
