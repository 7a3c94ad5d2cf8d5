import type { WorkloadRow } from '../study/result.ts'
import { enumerate, formatCount, formatRate, formatShare, formatTime, plural } from './format.ts'

const FLOWS_SHOWN = 4

/** What is told of TCP, besides what all workloads have: a text each line. */
export function tcpTexts(row: WorkloadRow, verbose: boolean): string[] {
  if (row.kind !== 'tcp') return []
  return [flowsText(row), timesText(row), heldText(row), ...flowTexts(row, verbose)]
}

function flowsText({ sent, refused, goodput, retransmits, fairness, bytes }: WorkloadRow): string {
  const parts = [plural(sent, 'flow')]
  if (refused > 0) parts.push(`of which ${formatCount(refused)} failed or broke`)
  if (goodput !== undefined) parts.push(`goodput ${formatRate(goodput)}`)
  if (bytes === 0) parts.push('nothing arrived')
  if (retransmits !== undefined) {
    const again = retransmits === 0 ? 'nothing' : plural(retransmits, 'segment')
    parts.push(`${again} sent again`)
  }
  if (sent > 1 && typeof fairness === 'number') {
    parts.push(`fairness (Jain) ${Number(fairness.toFixed(3))}`)
  }
  return parts.join(', ')
}

function timesText({ rtt, connectTime, stall }: WorkloadRow): string {
  const parts: string[] = []
  if (rtt) {
    const { min, mean, max } = rtt
    parts.push(`round trip as TCP saw it ${formatTime(min)} to ${formatTime(max)}`)
    parts.push(`mean ${formatTime(mean)}`)
  }
  if (connectTime) parts.push(`connected in ${formatTime(connectTime.p50)}`)
  if (stall !== undefined && stall > 0) {
    parts.push(`longest time without progress ${formatTime(stall)}`)
  }
  return parts.join(', ')
}

/** What held the flows, as `ss -i` would tell it. */
function heldText({ limits }: WorkloadRow): string {
  if (!limits) return ''
  const { congestionWindow, receiveWindow, sendBuffer, application } = limits
  const parts: [number, string][] = [
    [congestionWindow, 'by the congestion window or what is below TCP'],
    [receiveWindow, 'by the receive window'],
    [sendBuffer, 'by the send buffer'],
    [application, 'had nothing to send'],
  ]
  const held = parts
    .filter(([share]) => share >= 0.0005)
    .map(([share, what]) => `${formatShare(share)} ${what}`)
  return held.length === 0 ? '' : `held: ${enumerate(held)}`
}

/** All when asked for; else single flows only, for a sum of many stands above. */
function flowTexts({ flows }: WorkloadRow, verbose: boolean): string[] {
  if (flows === undefined || (!verbose && flows.length > FLOWS_SHOWN)) return []
  return flows.map((flow) => {
    const { from, to, goodput, mss, cwnd, congestion, retransmits, completionTime, error } = flow
    const parts = [`goodput ${formatRate(goodput)}`]
    if (mss !== null) parts.push(`MSS ${formatCount(mss)}`)
    if (cwnd !== null) parts.push(`${congestion ?? ''} cwnd ${formatCount(cwnd)} at the end`)
    if (retransmits > 0) parts.push(`${plural(retransmits, 'segment')} sent again`)
    if (completionTime !== null) parts.push(`all read after ${formatTime(completionTime)}`)
    if (error !== null) parts.push(`ended by ${error}`)
    const ends = flow.direction === 'reverse' ? `${to} to ${from}` : `${from} to ${to}`
    return `${ends}: ${parts.join(', ')}`
  })
}
