import { describe, expect, it } from 'vitest'
import type { TcpSocket } from '../../src/stack/tcp/tcp-socket.ts'
import { Conversation, PEER_PORT } from './conversation.ts'

/** What `onClose` was called with, in order. */
function closings(socket: TcpSocket): unknown[] {
  const calls: unknown[] = []
  socket.onClose = (error) => calls.push(error)
  return calls
}

describe('orderly close', () => {
  it('by the host first: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    const calls = closings(socket)
    socket.shutdown()
    talk.receive('F. 1:1(0) ack 1')
    expect(socket.state).toBe('FIN-WAIT-1')
    talk.send('. 1:1(0) ack 2')
    expect(socket.state).toBe('FIN-WAIT-2')
    talk.send('F. 1:1(0) ack 2')
    talk.receive('. 2:2(0) ack 2')
    // TIME-WAIT is no matter of the socket's any more.
    expect(calls).toEqual([null])
    expect(socket.atEnd).toBe(true)
    expect(talk.namespace.sockets.tcp.connections).toBe(1)
  })

  it('by the host first, the peer’s FIN with its acknowledgement', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    const calls = closings(socket)
    socket.shutdown()
    talk.receive('F. 1:1(0) ack 1')
    talk.send('F. 1:1(0) ack 2')
    talk.receive('. 2:2(0) ack 2')
    expect(calls).toEqual([null])
    talk.quiet(5000)
  })

  it('by the peer first: CLOSE-WAIT, LAST-ACK', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    const calls = closings(socket)
    talk.send('F. 1:1(0) ack 1')
    talk.receive('. 1:1(0) ack 2', 60)
    expect(socket.state).toBe('CLOSE-WAIT')
    expect(socket.atEnd).toBe(true)
    talk.wait(100)
    socket.shutdown()
    talk.receive('F. 1:1(0) ack 2')
    expect(socket.state).toBe('LAST-ACK')
    talk.send('. 2:2(0) ack 2')
    expect(socket.state).toBe('CLOSED')
    expect(calls).toEqual([null])
    // Nothing is left of it.
    talk.send('. 2:2(0) ack 2')
    talk.receive('R 2:2(0)')
  })

  it('by both at once: CLOSING', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    const calls = closings(socket)
    socket.shutdown()
    talk.receive('F. 1:1(0) ack 1')
    talk.send('F. 1:1(0) ack 1')
    talk.receive('. 2:2(0) ack 2')
    expect(socket.state).toBe('CLOSING')
    talk.send('. 2:2(0) ack 2')
    expect(calls).toEqual([null])
    expect(talk.namespace.sockets.tcp.connections).toBe(1)
  })

  it('sends all data before the FIN', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: 20, window: 1000, wscale: null })
    talk.window = 1000
    socket.write(1500)
    socket.shutdown()
    // Segments are at most half of the window that the peer has.
    talk.receive('. 1:501(500) ack 1')
    talk.receive('. 501:1001(500) ack 1')
    talk.wait(20)
    talk.send('. 1:1(0) ack 1001')
    talk.receive('FP. 1001:1501(500) ack 1')
    talk.send('. 1:1(0) ack 1502')
    expect(socket.state).toBe('FIN-WAIT-2')
  })

  it('repeats a lost FIN', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: 20 })
    socket.shutdown()
    talk.receive('F. 1:1(0) ack 1')
    talk.receive('F. 1:1(0) ack 1', 400)
    talk.send('. 1:1(0) ack 2')
    expect(socket.state).toBe('FIN-WAIT-2')
  })

  it('takes a FIN only after the data before it', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    const reading = talk.readAll(socket)
    talk.send('F. 1001:1001(0) ack 1')
    talk.receive('. 1:1(0) ack 1')
    expect(socket.state).toBe('ESTABLISHED')
    talk.send('. 1:1001(1000) ack 1')
    talk.receive('. 1:1(0) ack 1002')
    expect(reading).toEqual({ bytes: 1000, isAtEnd: true })
    expect(socket.state).toBe('CLOSE-WAIT')
  })
})

describe('half close', () => {
  it('lets the host receive after its own end', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    const reading = talk.readAll(socket)
    socket.shutdown()
    talk.receive('F. 1:1(0) ack 1')
    talk.send('. 1:1(0) ack 2')
    talk.send('P. 1:1001(1000) ack 2')
    talk.receive('. 2:2(0) ack 1001', 60)
    expect(reading.bytes).toBe(1000)
    expect(socket.state).toBe('FIN-WAIT-2')
    talk.wait(100_000)
    talk.send('F. 1001:1001(0) ack 2')
    talk.receive('. 2:2(0) ack 1002')
    expect(reading.isAtEnd).toBe(true)
  })

  it('lets the host send after the peer’s end', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    talk.send('F. 1:1(0) ack 1')
    talk.receive('. 1:1(0) ack 2', 60)
    socket.write(500)
    talk.receive('P. 1:501(500) ack 2')
    talk.send('. 2:2(0) ack 501')
    socket.close()
    talk.receive('F. 501:501(0) ack 2')
  })

  it('takes nothing to send after its own end', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    socket.shutdown()
    talk.receive('F. 1:1(0) ack 1')
    expect(socket.write(100)).toBe(0)
    talk.quiet(5)
  })
})

describe('TIME-WAIT', () => {
  function waiting(): { talk: Conversation; socket: TcpSocket } {
    const talk = new Conversation()
    const socket = talk.connect()
    socket.close()
    talk.receive('F. 1:1(0) ack 1')
    talk.send('F. 1:1(0) ack 2')
    talk.receive('. 2:2(0) ack 2')
    return { talk, socket }
  }

  it('answers a repeated FIN', () => {
    const { talk } = waiting()
    talk.wait(1000)
    talk.send('F. 1:1(0) ack 2')
    talk.receive('. 2:2(0) ack 2')
  })

  it('lasts 60 seconds', () => {
    const { talk } = waiting()
    talk.wait(59_000)
    expect(talk.namespace.sockets.tcp.connections).toBe(1)
    talk.wait(9_000)
    expect(talk.namespace.sockets.tcp.connections).toBe(0)
    talk.send('F. 1:1(0) ack 2')
    talk.receive('R 2:2(0)')
  })

  it('keeps the port pair taken', () => {
    const { talk, socket } = waiting()
    const again = talk.namespace.sockets.openTcp({ localPort: socket.localPort })
    expect(again.connect(socket.remoteAddress, PEER_PORT)).not.toBe(null)
  })
})

describe('FIN-WAIT-2', () => {
  it('ends after 60 seconds when the host has closed altogether', () => {
    const talk = new Conversation()
    talk.connect().close()
    talk.receive('F. 1:1(0) ack 1')
    talk.send('. 1:1(0) ack 2')
    talk.wait(59_000)
    expect(talk.namespace.sockets.tcp.connections).toBe(1)
    talk.wait(9_000)
    expect(talk.namespace.sockets.tcp.connections).toBe(0)
    talk.send('F. 1:1(0) ack 2')
    talk.receive('R 2:2(0)')
  })

  it('becomes TIME-WAIT by the peer’s FIN when the host has closed altogether', () => {
    const talk = new Conversation()
    talk.connect().close()
    talk.receive('F. 1:1(0) ack 1')
    talk.send('. 1:1(0) ack 2')
    talk.wait(30_000)
    talk.send('F. 1:1(0) ack 2')
    talk.receive('. 2:2(0) ack 2')
    talk.wait(59_000)
    expect(talk.namespace.sockets.tcp.connections).toBe(1)
  })
})

describe('reset', () => {
  it('is what abort sends', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    socket.abort()
    talk.receive('R. 1:1(0) ack 1')
    expect(socket.state).toBe('CLOSED')
    talk.quiet(1000)
  })

  it('is what a close with unread data sends', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    talk.send('P. 1:101(100) ack 1')
    talk.receive('. 1:1(0) ack 101', 60)
    socket.close()
    talk.receive('R. 1:1(0) ack 101')
    expect(socket.state).toBe('CLOSED')
  })

  it('answers data that comes after the close', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    socket.close()
    talk.receive('F. 1:1(0) ack 1')
    talk.send('. 1:1(0) ack 2')
    talk.send('P. 1:101(100) ack 2')
    talk.receive('R 2:2(0)')
    expect(talk.ledger.dropsByReason().get('tcp_closed')).toBe(1)
  })

  it('ends the connection with ECONNRESET', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    const calls = closings(socket)
    talk.send('R. 1:1(0) ack 1')
    expect(calls).toEqual(['ECONNRESET'])
    expect(socket.state).toBe('CLOSED')
    talk.quiet(1000)
  })

  it('within the window, but not at its edge, is only questioned (RFC 5961)', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    talk.send('R 101:101(0)')
    talk.receive('. 1:1(0) ack 1')
    expect(socket.state).toBe('ESTABLISHED')
  })

  it('outside of the window is dropped', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    talk.send('R 9000001:9000001(0)')
    talk.quiet(100)
    expect(socket.state).toBe('ESTABLISHED')
  })

  it('is not what a SYN causes: that is questioned (RFC 5961)', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    talk.send('S 500:500(0) win 1000 <mss 1460>')
    talk.receive('. 1:1(0) ack 1')
    expect(socket.state).toBe('ESTABLISHED')
  })

  it('is not what an acknowledgement of unsent data causes: that is questioned', () => {
    const talk = new Conversation()
    const socket = talk.connect()
    talk.send('. 1:1(0) ack 5001')
    talk.receive('. 1:1(0) ack 1')
    expect(socket.state).toBe('ESTABLISHED')
    expect(talk.ledger.dropsByReason().get('tcp_invalid_ack')).toBe(1)
    // Not each time: somebody may be guessing (tcp_invalid_ratelimit).
    talk.send('. 1:1(0) ack 6001')
    talk.quiet(100)
  })
})
