import type { RttRange, TcpFlowResult, TcpLimits, TcpVolume } from './tcp-results.ts'

/** What several flows carried together. */
export function volumeOf(flows: readonly TcpVolume[]): TcpVolume {
  let bytes = 0
  let goodput = 0
  let offered = 0
  let retransmits = 0
  for (const flow of flows) {
    bytes += flow.bytes
    goodput += flow.goodput
    offered += flow.offered
    retransmits += flow.retransmits
  }
  return { bytes, goodput, offered, retransmits }
}

/** Jain's fairness index: 1 when all have the same, 1/n when one has everything; null of nothing. */
export function jain(shares: readonly number[]): number | null {
  let sum = 0
  let squares = 0
  for (const share of shares) {
    sum += share
    squares += share * share
  }
  return squares === 0 ? null : (sum * sum) / (shares.length * squares)
}

/** Extremes of all flows, and the mean of their means. */
export function rttOf(flows: readonly TcpFlowResult[]): RttRange | null {
  const known = flows.map(({ rtt }) => rtt).filter((rtt) => rtt !== null)
  if (known.length === 0) return null
  return {
    min: known.reduce((least, { min }) => Math.min(least, min), Infinity),
    mean: known.reduce((sum, { mean }) => sum + mean, 0) / known.length,
    max: known.reduce((most, { max }) => Math.max(most, max), 0),
  }
}

/** The mean of the flows that are known. */
export function limitsOf(flows: readonly TcpFlowResult[]): TcpLimits | null {
  const known = flows.map(({ limits }) => limits).filter((limits) => limits !== null)
  if (known.length === 0) return null
  const mean = (pick: (limits: TcpLimits) => number) =>
    known.reduce((sum, limits) => sum + pick(limits), 0) / known.length
  return {
    congestionWindow: mean((limits) => limits.congestionWindow),
    receiveWindow: mean((limits) => limits.receiveWindow),
    sendBuffer: mean((limits) => limits.sendBuffer),
    application: mean((limits) => limits.application),
  }
}
