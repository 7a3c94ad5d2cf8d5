import { describe, expect, it } from 'vitest'
import { CabledHosts } from '../../../test/cabled-hosts.ts'
import { loss } from '../../link/fault-rules.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import type { TcpListener } from './tcp-listener.ts'
import type { TcpSocket } from './tcp-socket.ts'

/** A reader that takes all that comes, and closes at the end. */
function sink(socket: TcpSocket) {
  const seen = { bytes: 0, end: 0 }
  const task = socket.kernel.task('sink', () => {
    seen.bytes += socket.read(1 << 20)
    if (socket.atEnd && seen.end === 0) {
      seen.end = socket.now
      socket.close()
    }
    return socket.readable > 0
  })
  socket.onReadable = () => task.wake()
  task.wake()
  return seen
}

/** Writes `bytes` in buffers of 128 KiB, then closes. */
function source(socket: TcpSocket, bytes: number) {
  let left = bytes
  const task = socket.kernel.task('source', () => {
    const taken = socket.write(Math.min(left, 131072))
    left -= taken
    if (left === 0) socket.close()
    return taken > 0 && left > 0
  })
  socket.onConnect = () => task.wake()
  socket.onWritable = () => task.wake()
}

function listen(hosts: CabledHosts): TcpListener {
  return hosts.b.namespace.sockets.listenTcp(5001)!
}

describe('a transfer', () => {
  function transfer(bytes: number, prepare: (hosts: CabledHosts) => void = () => {}) {
    const hosts = new CabledHosts().fixNeighbours()
    prepare(hosts)
    const listener = listen(hosts)
    let seen = { bytes: 0, end: 0 }
    listener.onAccept = () => {
      seen = sink(listener.accept()!)
    }
    const client = hosts.a.namespace.sockets.openTcp()
    expect(client.connect(hosts.b.address, 5001)).toBe(null)
    source(client, bytes)
    hosts.simulator.run(200 * SECOND)
    return { hosts, client, seen }
  }

  it('carries a megabyte, at the speed of the cable, and closes', () => {
    const { hosts, client, seen } = transfer(1 << 20)
    expect(seen.bytes).toBe(1 << 20)
    expect(client.state).toBe('CLOSED')
    expect(client.info.retransmits).toBe(0)
    // 725 full frames of 1538 bytes at 1 Gb/s.
    expect(seen.end).toBeGreaterThan(8.9 * MILLISECOND)
    expect(seen.end).toBeLessThan(9.6 * MILLISECOND)
    expect(hosts.ledger.imbalance()).toBe(0)
    expect(hosts.a.namespace.sockets.tcp.connections).toBe(0)
    expect(hosts.b.namespace.sockets.tcp.connections).toBe(0)
  })

  it('repairs losses', () => {
    const { hosts, client, seen } = transfer(1 << 20, ({ a }) => {
      a.nic.port.channel.add(loss(0.02))
    })
    expect(seen.bytes).toBe(1 << 20)
    expect(client.info.retransmits).toBeGreaterThan(5)
    expect(hosts.ledger.imbalance()).toBe(0)
  })
})
