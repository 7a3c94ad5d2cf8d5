import type { Connection } from './connection.ts'

/** Content for which the receive buffer has room (tcp_space, tcp_full_space). */
function freeSpace(tcp: Connection): number {
  return tcp.window.contentOf(tcp.window.buffer - tcp.received.allocated)
}

function fullSpace(tcp: Connection): number {
  return tcp.window.contentOf(tcp.window.buffer)
}

/** The window that may be offered now (__tcp_select_window), bytes. */
export function windowNow(tcp: Connection): number {
  const { window, receiveScale } = tcp
  const full = Math.min(window.clamp, fullSpace(tcp))
  const allowed = fullSpace(tcp)
  let free = freeSpace(tcp)
  let mss = tcp.receiveMss
  if (mss > full) {
    mss = full
    if (mss <= 0) return 0
  }
  const unit = 1 << receiveScale
  if (free < Math.floor(full / 2)) {
    tcp.quickAcks = 0
    // The window must not grow by its rounding when there is little room left.
    free = Math.floor(free / unit) * unit
    if (free < Math.floor(allowed / 16) || free < mss) return 0
  }
  if (free > window.ssthresh) free = window.ssthresh
  if (receiveScale > 0) return Math.ceil(free / unit) * unit
  // Silly window: steps of whole segments (RFC 1122, 4.2.3.3).
  const { offered } = window
  if (offered <= free - mss || offered > free) return Math.floor(free / mss) * mss
  if (mss === full && free > offered + Math.floor(full / 2)) return free
  return offered
}

/** Chooses the window of a segment that leaves now: it never shrinks (tcp_select_window). */
export function selectWindow(tcp: Connection): number {
  const { window, receiveScale } = tcp
  const current = tcp.receiveWindow
  let chosen = windowNow(tcp)
  if (chosen < current) chosen = Math.ceil(current / (1 << receiveScale)) * (1 << receiveScale)
  window.offered = chosen
  window.offeredAt = tcp.rcvNxt
  return chosen
}

/** As the header's 16 bits have it. */
export function advertisedWindow(tcp: Connection, window: number): number {
  return Math.min(Math.floor(window / (1 << tcp.receiveScale)), 65535)
}

/** Raises what is offered as the sender proves that it sends (tcp_grow_window). */
export function growWindow(tcp: Connection, length: number, truesize: number): void {
  const { window } = tcp
  const room = Math.min(window.clamp, freeSpace(tcp)) - window.ssthresh
  if (room <= 0) return
  let step = 0
  if (window.contentOf(truesize) <= length) step = 2 * tcp.advMss
  else step = growthOf(tcp, length, truesize)
  if (step === 0) return
  window.ssthresh += Math.min(room, Math.max(step, 2 * length))
  tcp.quickAcks |= 1
}

/** For segments that cost more than they hold: only as long as the window is small (__tcp_grow_window). */
function growthOf(tcp: Connection, length: number, truesize: number): number {
  let cost = Math.floor(tcp.window.contentOf(truesize) / 2)
  let limit = Math.floor(tcp.window.contentOf(tcp.parameters.rmem[2]) / 2)
  while (tcp.window.ssthresh <= limit) {
    if (cost <= length) return 2 * tcp.receiveMss
    cost = Math.floor(cost / 2)
    limit = Math.floor(limit / 2)
  }
  return 0
}

/** The connection is established: the clamp and what is measured begin (tcp_init_buffer_space). */
export function initializeReceiveWindow(tcp: Connection): void {
  const { window } = tcp
  const full = fullSpace(tcp)
  window.spaceTime = tcp.mstamp
  window.spaceSeq = tcp.copiedSeq
  window.clamp = Math.min(window.clamp, full)
  // One segment is kept in reserve.
  if (window.clamp > 2 * tcp.advMss && window.clamp + tcp.advMss > full) {
    window.clamp = Math.max(2 * tcp.advMss, full - tcp.advMss)
  }
  window.ssthresh = Math.min(window.ssthresh, window.clamp)
  window.space = Math.min(window.ssthresh, window.offered, 10 * tcp.advMss)
}

/** Before the handshake: the first window and its scale (tcp_select_initial_window). */
export function initialWindow(
  space: number,
  mss: number,
  most: number,
  initialSegments: number,
  isScaled: boolean,
): { offered: number; scale: number } {
  let offered = space > mss ? Math.floor(space / mss) * mss : space
  if (initialSegments > 0) offered = Math.min(offered, initialSegments * mss)
  let scale = 0
  if (isScaled) {
    const largest = Math.max(space, most)
    scale = Math.min(Math.max(31 - Math.clz32(largest) - 15, 0), 14)
  }
  return { offered, scale }
}
