import { describe, expect, it } from 'vitest'
import { Conversation } from './conversation.ts'

/** Seconds at which the host sent SYNs (or SYN-ACKs) in so much time without an answer. */
function attempts(talk: Conversation, seconds: number): number[] {
  talk.wait(seconds * 1000)
  return talk.drain().map(({ time }) => time / 1000)
}

/** Each as wanted, or later by what the timer wheel rounds up: at most an eighth. */
function expectTimes(times: number[], wanted: number[]): void {
  expect(times).toHaveLength(wanted.length)
  times.forEach((time, i) => {
    expect(time).toBeGreaterThanOrEqual(wanted[i]!)
    expect(time).toBeLessThanOrEqual(wanted[i]! * 1.08 + 0.001)
  })
}

describe('active open', () => {
  it.each([
    [1500, 1460, 64240],
    [1450, 1410, 64860],
    [9000, 8960, 62720],
  ])('offers by MTU %d an MSS of %d and a window of %d', (mtu, mss, window) => {
    const talk = new Conversation({ mtu })
    const socket = talk.open()
    expect(socket.state).toBe('SYN-SENT')
    talk.receive(`S 0:0(0) win ${window} <mss ${mss},sackOK,TS,wscale 10>`)
    talk.send('S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS,wscale 7>')
    talk.receive('. 1:1(0) ack 1 <TS>')
    expect(socket.state).toBe('ESTABLISHED')
  })

  it('offers the window and its scale of older kernels', () => {
    const talk = new Conversation({ kernel: '4.15' })
    talk.open()
    talk.receive('S 0:0(0) win 29200 <mss 1460,sackOK,TS,wscale 7>')
  })

  it('uses no option that the peer left out', () => {
    const talk = new Conversation()
    const socket = talk.connect({ mss: null, wscale: null, sack: false, timestamps: false })
    socket.write(2000)
    // Without an MSS option 536 bytes are all that may be sent (RFC 9293, 3.7.1).
    talk.receive('. 1:537(536) ack 1 win 64240 <>')
  })

  it('sends what the peer can take: its MSS, less the timestamps', () => {
    const talk = new Conversation()
    talk.connect({ mss: 1000 }).write(3000)
    talk.receive('. 1:989(988) ack 1 <TS>')
    talk.receive('. 989:1977(988) ack 1 <TS>')
  })

  it('echoes the timestamp of the SYN-ACK', () => {
    const talk = new Conversation()
    talk.open()
    const { tsValue } = talk.receive('S 0:0(0)').options
    talk.send(`S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS 7777 ${tsValue},wscale 7>`)
    expect(talk.receive('. 1:1(0) ack 1').options.tsEcho).toBe(7777)
  })

  it('repeats the SYN each second at first, then after twice the time (6.18)', () => {
    const talk = new Conversation()
    const socket = talk.open()
    let error: unknown = null
    socket.onClose = (reason) => {
      error = reason
    }
    expectTimes(attempts(talk, 120), [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67])
    expect(error).toBe(null)
    talk.wait(25_000)
    expect(error).toBe('ETIMEDOUT')
  })

  it('repeats the SYN after twice the time at once in older kernels', () => {
    const talk = new Conversation({ kernel: '4.15' })
    const socket = talk.open()
    let error: unknown = null
    socket.onClose = (reason) => {
      error = reason
    }
    expectTimes(attempts(talk, 120), [0, 1, 3, 7, 15, 31, 63])
    expect(error).toBe(null)
    talk.wait(25_000)
    expect(error).toBe('ETIMEDOUT')
  })

  it('starts with a window of one when the SYN had to be repeated twice', () => {
    const talk = new Conversation()
    const socket = talk.open()
    talk.receive('S 0:0(0)')
    talk.receive('S 0:0(0)', 1100)
    talk.receive('S 0:0(0)', 1100)
    talk.send('S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,wscale 7>')
    talk.receive('. 1:1(0) ack 1')
    expect(socket.info.cwnd).toBe(1)
  })

  it('takes no SYN-ACK that echoes a time at which it sent nothing', () => {
    const talk = new Conversation()
    talk.open()
    const { tsValue } = talk.receive('S 0:0(0)').options
    talk.send(`S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS 7777 ${(tsValue - 99) | 0},wscale 7>`)
    talk.receive('R 1:1(0) win 0 <>')
  })

  it('is refused by a reset', () => {
    const talk = new Conversation()
    const socket = talk.open()
    let error: unknown = null
    socket.onClose = (reason) => {
      error = reason
    }
    talk.receive('S 0:0(0)')
    talk.send('R. 0:0(0) ack 1')
    expect(error).toBe('ECONNREFUSED')
    talk.quiet(3000)
  })

  it('takes no reset that acknowledges something else', () => {
    const talk = new Conversation()
    const socket = talk.open()
    talk.receive('S 0:0(0)')
    talk.send('R. 0:0(0) ack 5')
    expect(socket.state).toBe('SYN-SENT')
    talk.send('S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS,wscale 7>')
    talk.receive('. 1:1(0) ack 1')
  })
})

describe('passive open', () => {
  it.each([
    ['mss 1460,sackOK,TS,wscale 7', 'mss 1460,sackOK,TS,wscale 10'],
    ['mss 1460,sackOK,wscale 7', 'mss 1460,sackOK,wscale 10'],
    ['mss 1460,TS', 'mss 1460,TS'],
    ['mss 1400', 'mss 1460'],
  ])('answers <%s> with <%s>', (offered, answered) => {
    const talk = new Conversation()
    talk.listen()
    talk.send(`S 0:0(0) win 65535 <${offered}>`)
    talk.receive(`S. 0:0(0) ack 1 <${answered}>`)
  })

  it('hands the connection out when the handshake is complete', () => {
    const talk = new Conversation()
    const listener = talk.listen()
    talk.send('S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>')
    talk.receive('S. 0:0(0) ack 1')
    expect(listener.accept()).toBe(null)
    talk.send('. 1:1(0) ack 1')
    const socket = listener.accept()
    expect(socket?.state).toBe('ESTABLISHED')
    expect(listener.accept()).toBe(null)
  })

  it('takes data that comes with the last segment of the handshake', () => {
    const talk = new Conversation()
    const listener = talk.listen()
    talk.send('S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>')
    talk.receive('S. 0:0(0) ack 1')
    talk.send('P. 1:101(100) ack 1')
    talk.receive('. 1:1(0) ack 101', 50)
    expect(listener.accept()?.readable).toBe(100)
  })

  it('repeats the SYN-ACK five times, then forgets the connection', () => {
    const talk = new Conversation()
    talk.listen()
    talk.send('S 0:0(0) win 65535 <mss 1460,sackOK,TS,wscale 7>')
    expectTimes(attempts(talk, 60), [0, 1, 3, 7, 15, 31])
    talk.quiet(60_000)
    talk.send('. 1:1(0) ack 1')
    talk.receive('R 1:1(0)')
  })

  it('answers a repeated SYN with the same SYN-ACK', () => {
    const talk = new Conversation()
    talk.listen()
    talk.send('S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>')
    const first = talk.receive('S. 0:0(0) ack 1')
    talk.wait(200)
    talk.send('S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>')
    const second = talk.receive('S. 0:0(0) ack 1')
    expect(second.frame.header).toMatchObject({
      sequence: (first.frame.header as { sequence?: number }).sequence,
    })
  })

  it('drops SYNs while the accept queue is full, and takes them again when there is room', () => {
    const talk = new Conversation()
    const listener = talk.listen({ backlog: 1 })
    const handshake = (port: number): void => {
      talk.usePort(port)
      talk.send('S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>')
      talk.receive('S. 0:0(0) ack 1')
      talk.send('. 1:1(0) ack 1')
    }
    // The queue holds one more than the backlog says (sk_acceptq_is_full).
    handshake(40001)
    handshake(40002)
    talk.usePort(40003)
    talk.send('S 0:0(0) win 65535 <mss 1460,sackOK,wscale 7>')
    talk.quiet(500)
    expect(talk.ledger.dropsByReason().get('tcp_listen_overflow')).toBe(1)
    expect(listener.accept()).not.toBe(null)
    handshake(40003)
  })

  it('refuses a segment to a port on which nobody listens', () => {
    const talk = new Conversation()
    talk.send('S 0:0(0) win 65535 <mss 1460>')
    talk.receive('R. 0:0(0) ack 1 win 0 <>')
    // What acknowledges is answered with the number that it asks for (RFC 9293, 3.10.7.1).
    talk.send('. 1:1(0) ack 4242')
    talk.receive('R 4242:4242(0) win 0 <>')
    talk.send('R 1:1(0)')
    talk.quiet(500)
    expect(talk.ledger.dropsByReason().get('no_socket')).toBe(3)
  })

  it('stops listening when it is closed', () => {
    const talk = new Conversation()
    talk.listen().close()
    talk.send('S 0:0(0) win 65535 <mss 1460>')
    talk.receive('R. 0:0(0) ack 1')
  })
})
