import type { TcpSocket } from '../stack/tcp/tcp-socket.ts'
import type { RttRange, TcpLimits } from './tcp-results.ts'

/** What a flow's ends have counted at one moment. */
interface Reading {
  /** Bytes that the reader got. */
  readonly read: number
  /** Bytes that the writer handed over. */
  readonly written: number
  readonly retransmits: number
  /** Picoseconds in which there was data to send, and of these held by the peer's window or by the buffer. */
  readonly busy: number
  readonly receiveWindow: number
  readonly sendBuffer: number
  readonly cwnd: number | null
  readonly srtt: number | null
  readonly mss: number | null
}

/** Whose counters are read. */
interface Measured {
  readonly read: number
  readonly written: number
  /** The sending side's; null before it is connected. */
  readonly sender: TcpSocket | null
}

/** Reads a flow's counters where its window begins and ends, and its round-trip time now and then. */
export class TcpMeter {
  private readonly flow: Measured
  private first: Reading | null = null
  private last: Reading | null = null
  private maxCwnd = 0
  private rttSum = 0
  private rttCount = 0
  private rttMin = Infinity
  private rttMax = 0

  constructor(flow: Measured) {
    this.flow = flow
  }

  begin(): void {
    // A flow may have been through before.
    this.first = this.last ?? this.reading()
    this.sample()
  }

  sample(): void {
    const { sender } = this.flow
    if (sender === null || this.last !== null) return
    const { cwnd, srtt } = sender.info
    if (cwnd > this.maxCwnd) this.maxCwnd = cwnd
    if (srtt <= 0) return
    this.rttSum += srtt
    this.rttCount++
    this.rttMin = Math.min(this.rttMin, srtt)
    this.rttMax = Math.max(this.rttMax, srtt)
  }

  /** The window is over, or the flow through: what comes first. */
  end(): void {
    if (this.last !== null) return
    this.sample()
    this.last = this.reading()
  }

  private reading(): Reading {
    const { read, written, sender } = this.flow
    if (sender === null) return { ...NOTHING, read, written }
    const { info } = sender
    return {
      read,
      written,
      retransmits: info.retransmits,
      busy: info.busyTime,
      receiveWindow: info.rwndLimited,
      sendBuffer: info.sndbufLimited,
      cwnd: info.cwnd,
      srtt: info.srtt > 0 ? info.srtt : null,
      mss: info.sndMss,
    }
  }

  /** What the window held, up to now. @param length of it, picoseconds. */
  result(length: number) {
    const first = this.first ?? NOTHING
    // Before the window nothing counts.
    const last = this.last ?? (this.first === null ? NOTHING : this.reading())
    const { cwnd, srtt, mss } = last
    return {
      read: last.read - first.read,
      written: last.written - first.written,
      retransmits: last.retransmits - first.retransmits,
      cwnd,
      srtt,
      mss,
      maxCwnd: cwnd === null ? null : Math.max(this.maxCwnd, cwnd),
      rtt: this.rtt(),
      limits: length > 0 && mss !== null ? limitsOf(first, last, length) : null,
    }
  }

  private rtt(): RttRange | null {
    const { rttCount, rttMin, rttMax, rttSum } = this
    return rttCount === 0 ? null : { min: rttMin, mean: rttSum / rttCount, max: rttMax }
  }
}

const NOTHING: Reading = {
  read: 0,
  written: 0,
  retransmits: 0,
  busy: 0,
  receiveWindow: 0,
  sendBuffer: 0,
  cwnd: null,
  srtt: null,
  mss: null,
}

function limitsOf(first: Reading, last: Reading, length: number): TcpLimits {
  const busy = Math.min((last.busy - first.busy) / length, 1)
  const receiveWindow = Math.min((last.receiveWindow - first.receiveWindow) / length, busy)
  const held = busy - receiveWindow
  const sendBuffer = Math.min((last.sendBuffer - first.sendBuffer) / length, held)
  return {
    congestionWindow: held - sendBuffer,
    receiveWindow,
    sendBuffer,
    application: 1 - busy,
  }
}
