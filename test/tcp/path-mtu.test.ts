import { describe, expect, it } from 'vitest'
import { Conversation } from './conversation.ts'

const MSS = 1448
const RTT = 20
const at = (index: number): number => 1 + index * MSS

describe('fragmentation needed', () => {
  it('makes the segments smaller, and repeats what was too long at once', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    socket.write(10 * MSS)
    talk.wait(1)
    const [first] = talk.drain()
    expect(first?.frame.dontFragment).toBe(true)
    talk.sendFragmentationNeeded(first!, 1400)
    // 1400 less 40 of headers and 12 of timestamps.
    talk.receive('. 1:1349(1348) ack 1', 1)
    expect(socket.info.pmtu).toBe(1400)
    expect(socket.info.sndMss).toBe(1348)
  })

  it('is believed only for what is in flight', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    socket.write(MSS)
    const segment = talk.receive(`P. 1:${at(1)}(${MSS}) ack 1`)
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(1)}`)
    talk.sendFragmentationNeeded(segment, 1400)
    talk.quiet(10)
    expect(socket.info.sndMss).toBe(MSS)
  })

  it('holds for connections to the same place made later', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    socket.write(MSS)
    talk.sendFragmentationNeeded(talk.receive(`P. 1:${at(1)}(${MSS}) ack 1`), 1400)
    talk.receive('. 1:1349(1348) ack 1')
    socket.abort()
    talk.wait(1)
    talk.drain()
    const other = talk.connect({ rtt: RTT })
    other.write(5000)
    talk.receive('. 1:1349(1348) ack 1', 0.1)
  })

  it('does not make segments larger', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    socket.write(MSS)
    talk.sendFragmentationNeeded(talk.receive(`P. 1:${at(1)}(${MSS}) ack 1`), 1600)
    talk.quiet(10)
    expect(socket.info.sndMss).toBe(MSS)
  })
})

describe('black hole', () => {
  /** Longest segments that arrive in so much time, when all of more than `limit` bytes vanish. */
  function longestIn(talk: Conversation, limit: number, seconds: number): number {
    let acked = 1
    let longest = 0
    for (let waited = 0; waited < seconds * 1000; waited += 10) {
      talk.wait(10)
      for (const { frame, sequence, length } of talk.drain()) {
        if (frame.l3Length > limit || sequence > acked) continue
        longest = Math.max(longest, length)
        acked = Math.max(acked, sequence + length)
        talk.send(`. 1:1(0) ack ${acked}`)
      }
    }
    return longest
  }

  it('stays one without probing', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    socket.write(20 * MSS)
    expect(longestIn(talk, 1450, 20)).toBe(0)
    socket.abort()
    talk.drain()
  })

  it('is found after some timeouts with tcp_mtu_probing 1', () => {
    const talk = new Conversation({ sysctls: { tcp_mtu_probing: 1 } })
    const socket = talk.connect({ rtt: RTT })
    socket.write(20 * MSS)
    expect(longestIn(talk, 1450, 2)).toBe(0)
    // tcp_base_mss, of which timestamps take their part.
    const longest = longestIn(talk, 1450, 10)
    expect(longest).toBeGreaterThanOrEqual(512)
    expect(longest).toBeLessThanOrEqual(1024)
    expect(socket.info.bytesAcked).toBeGreaterThan(MSS)
  })
})
