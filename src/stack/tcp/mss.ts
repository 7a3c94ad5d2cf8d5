import { IPV4_HEADER_BYTES } from '../../wire/frame.ts'
import type { Connection } from './connection.ts'
import { MSS_DEFAULT, MSS_SEND_MIN, TCP_HEADER_BYTES } from './constants.ts'
import { headerBytesNow } from './options.ts'
import { pathMtu } from './path.ts'

/** tcp_probe_interval and tcp_probe_threshold. */
const PROBE_THRESHOLD = 8

/** Content of a segment that an MTU leaves room for (tcp_mtu_to_mss). */
function mtuToMss(tcp: Connection, mtu: number): number {
  const mss = Math.min(mtu - IPV4_HEADER_BYTES - TCP_HEADER_BYTES, tcp.mssClamp)
  return Math.max(mss, MSS_SEND_MIN) - (tcp.headerBytes - TCP_HEADER_BYTES)
}

/** tcp_mss_to_mtu. */
export function mssToMtu(tcp: Connection, mss: number): number {
  return mss + tcp.headerBytes + IPV4_HEADER_BYTES
}

/** Nothing larger than half of the peer's largest window, or it could never fill it (tcp_bound_to_half_wnd). */
export function boundToHalfWindow(tcp: Connection, bytes: number): number {
  const { maxWindow } = tcp
  const limit = maxWindow > MSS_DEFAULT ? Math.floor(maxWindow / 2) : maxWindow
  return limit > 0 && bytes > limit ? Math.max(limit, 68 - tcp.headerBytes) : bytes
}

/** Sizes segments for the path's MTU (tcp_sync_mss). */
export function syncMss(tcp: Connection, mtu: number): number {
  if (tcp.searchHigh > mtu) tcp.searchHigh = mtu
  let mss = boundToHalfWindow(tcp, mtuToMss(tcp, mtu))
  tcp.pmtu = mtu
  if (tcp.isMtuProbing) mss = Math.min(mss, mtuToMss(tcp, tcp.searchLow))
  tcp.mss = mss
  return mss
}

/** Content of a full segment that leaves now (tcp_current_mss). */
export function currentMss(tcp: Connection): number {
  const mtu = pathMtu(tcp)
  const mss = mtu === tcp.pmtu ? tcp.mss : syncMss(tcp, mtu)
  // SACK blocks take their room.
  return mss - (headerBytesNow(tcp) - tcp.headerBytes)
}

/** The connection begins: between which MTUs a probe would search (tcp_mtup_init). */
export function initializeMtuProbing(tcp: Connection): void {
  const { parameters } = tcp
  tcp.isMtuProbing = parameters.mtuProbing === 2
  tcp.searchHigh = tcp.mssClamp + TCP_HEADER_BYTES + IPV4_HEADER_BYTES
  tcp.searchLow = mssToMtu(tcp, parameters.baseMss)
  tcp.probeSize = 0
  tcp.probeStamp = tcp.jiffies
}

/** Several timeouts in a row: the path may swallow what is too long for it (tcp_mtu_probing). */
export function suspectBlackHole(tcp: Connection): void {
  const { parameters } = tcp
  if (parameters.mtuProbing === 0) return
  if (!tcp.isMtuProbing) {
    tcp.isMtuProbing = true
    tcp.probeStamp = tcp.jiffies
  } else {
    const half = Math.floor(mtuToMss(tcp, tcp.searchLow) / 2)
    const mss = Math.max(Math.min(parameters.baseMss, half), parameters.mtuProbeFloor, MSS_SEND_MIN)
    tcp.searchLow = mssToMtu(tcp, mss)
  }
  syncMss(tcp, tcp.pmtu)
}

/** Content of the next probe, halfway between what works and what may (tcp_mtu_probe); 0 = none due. */
export function nextProbeSize(tcp: Connection): number {
  const { searchHigh, searchLow } = tcp
  const size = mtuToMss(tcp, (searchHigh + searchLow) >> 1)
  if (size <= mtuToMss(tcp, searchHigh) && searchHigh - searchLow >= PROBE_THRESHOLD) return size
  reprobe(tcp)
  return 0
}

/** After ten minutes the path may have become better (tcp_mtu_check_reprobe). */
function reprobe(tcp: Connection): void {
  tcp.probeSize = 0
  tcp.searchHigh = tcp.mssClamp + TCP_HEADER_BYTES + IPV4_HEADER_BYTES
  tcp.searchLow = mssToMtu(tcp, currentMss(tcp))
  tcp.probeStamp = tcp.jiffies
}

/** The probe has arrived: the window keeps its bytes, in fewer segments (tcp_mtup_probe_success). */
export function probeSucceeded(tcp: Connection, ssthresh: number): void {
  tcp.priorSsthresh = ssthresh
  const cwnd = Math.floor((tcp.cwnd * mssToMtu(tcp, tcp.mss)) / tcp.probeSize)
  tcp.cwnd = Math.max(cwnd, 1)
  tcp.cwndCount = 0
  tcp.cwndStamp = tcp.jiffies
  tcp.ssthresh = ssthresh
  tcp.searchLow = tcp.probeSize
  tcp.probeSize = 0
  syncMss(tcp, tcp.pmtu)
}

/** tcp_mtup_probe_failed. */
export function probeFailed(tcp: Connection): void {
  tcp.searchHigh = tcp.probeSize - 1
  tcp.probeSize = 0
}
