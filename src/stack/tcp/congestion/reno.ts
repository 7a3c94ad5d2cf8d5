import {
  additiveIncrease,
  type CongestionControl,
  type CongestionState,
  isInSlowStart,
  slowStart,
} from './congestion-control.ts'

/** NewReno's window (RFC 5681): slow start, one segment a round trip, half after a loss. */
export class Reno implements CongestionControl {
  readonly name = 'reno'
  private readonly state: CongestionState

  constructor(state: CongestionState) {
    this.state = state
  }

  init(): void {
    // Everything it needs stands in the connection.
  }

  ssthresh(): number {
    return Math.max(Math.floor(this.state.cwnd / 2), 2)
  }

  congAvoid(acked: number): void {
    const { state } = this
    if (!state.isCwndLimited) return
    const left = isInSlowStart(state) ? slowStart(state, acked) : acked
    if (left > 0) additiveIncrease(state, state.cwnd, left)
  }

  undoCwnd(): number {
    return Math.max(this.state.cwnd, this.state.priorCwnd)
  }

  onRtt(): void {
    // It does not look at delays.
  }

  onLoss(): void {
    // The connection itself sets the window to one segment.
  }

  onTransmitStart(): void {
    // Nothing in it depends on time.
  }
}
