// What the golden text keeps of a TCP transfer, from tshark's dissection: see test/golden/README.md.
export const TCP_SYN = 0x02
export const TCP_ACK = 0x10
const TCP_PSH = 0x08

/** The fields of a frame's TCP header, if it has one. */
export function tcpOf({ layers }) {
  return layers.find(({ protocol }) => protocol === 'tcp')?.fields
}

/** Without PSH, which follows from timing. */
export function flagsOf(tcp) {
  return Number(tcp.get('tcp.flags').show) & ~TCP_PSH
}

function isPureAck(tcp) {
  return tcp !== undefined && flagsOf(tcp) === TCP_ACK && tcp.get('tcp.len').show === '0'
}

/**
 * Keeps what does not depend on when which program ran: no ACKs but the handshake's, and no windows
 * after the handshake. Timestamps are made relative to the first of their sender.
 */
export function reduceTransfer(frames) {
  const starts = new Map()
  let isHandshake = true
  const kept = []
  for (const frame of frames) {
    const tcp = tcpOf(frame)
    if (!isPureAck(tcp) || isHandshake) kept.push(frame)
    if (tcp === undefined) continue
    relateTimestamps(tcp, starts)
    if (!isHandshake) tcp.delete('tcp.window_size_value')
    if (isPureAck(tcp)) isHandshake = false
  }
  return kept
}

function relateTimestamps(tcp, starts) {
  const relate = (field, start) => {
    const { show } = tcp.get(field)
    tcp.set(field, { show: String((Number(show) - start) | 0) })
  }
  const [own, other] = ['tcp.srcport', 'tcp.dstport'].map((field) => tcp.get(field).show)
  if (!starts.has(own)) starts.set(own, Number(tcp.get('tcp.options.timestamp.tsval').show))
  relate('tcp.options.timestamp.tsval', starts.get(own))
  if (flagsOf(tcp) & TCP_ACK) relate('tcp.options.timestamp.tsecr', starts.get(other))
}
