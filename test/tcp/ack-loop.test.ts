/** Two ends that disagree about numbers must not acknowledge each other without end. */
import { describe, expect, it } from 'vitest'
import { Conversation } from './conversation.ts'

describe('a pure ACK out of the window', () => {
  it('is answered by TIME-WAIT once in half a second', () => {
    const talk = new Conversation()
    talk.connect().close()
    talk.receive('F. 1:1(0) ack 1')
    talk.send('F. 1:1(0) ack 2')
    talk.receive('. 2:2(0) ack 2')
    talk.send('. 900:900(0) ack 2')
    talk.receive('. 2:2(0) ack 2')
    for (let i = 0; i < 3; i++) talk.send('. 900:900(0) ack 2')
    talk.quiet(5)
    talk.wait(500)
    talk.send('. 900:900(0) ack 2')
    talk.receive('. 2:2(0) ack 2')
  })

  it('is answered by a connection in SYN-RECV once in half a second', () => {
    const talk = new Conversation()
    talk.listen()
    talk.send('S 0:0(0) <mss 1460>')
    talk.receive('S. 0:0(0) ack 1')
    talk.send('. 900000:900000(0) ack 1')
    talk.receive('. 1:1(0) ack 1')
    for (let i = 0; i < 3; i++) talk.send('. 900000:900000(0) ack 1')
    talk.quiet(5)
    talk.wait(500)
    talk.send('. 900000:900000(0) ack 1')
    expect(talk.drain()).toHaveLength(1)
  })
})
