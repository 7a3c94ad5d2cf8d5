import { describe, expect, it } from 'vitest'
import { CabledHosts } from '../../test/cabled-hosts.ts'

const PORT = 4789

/** Sends one datagram at a time from `a` to one port of `b`. */
function peers() {
  const hosts = new CabledHosts().fixNeighbours()
  const sender = hosts.a.namespace.sockets.openUdp()!
  const send = () => {
    sender.sendTo(hosts.b.address, PORT, 10)
    hosts.simulator.run(hosts.simulator.now + 1e9)
  }
  const refused = () => hosts.ledger.dropsByReason().get('no_socket') ?? 0
  return { ...hosts, send, refused, sockets: hosts.b.namespace.sockets }
}

describe('a datagram reaches who has its port now', () => {
  it('a socket, nobody after it was closed, and the next socket', () => {
    const { send, refused, sockets } = peers()
    const received: string[] = []
    const open = (name: string) => {
      const socket = sockets.openUdp(PORT)!
      socket.onReceive = () => received.push(name)
      return socket
    }
    send()
    const first = open('first')
    send()
    send()
    first.close()
    send()
    open('second')
    send()
    expect(received).toEqual(['first', 'first', 'second'])
    expect(refused()).toBe(2)
  })

  it('a tunnel while it is bound, even over a socket', () => {
    const { send, sockets, ledger } = peers()
    const received: string[] = []
    sockets.openUdp(PORT)!.onReceive = () => received.push('socket')
    send()
    sockets.bindKernelUdp(PORT, () => {
      ledger.consumed++
      received.push('tunnel')
    })
    send()
    sockets.releaseKernelUdp(PORT)
    send()
    expect(received).toEqual(['socket', 'tunnel', 'socket'])
    expect(ledger.imbalance()).toBe(0)
  })
})
