import { describe, expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../test/control/hosts-on-switch.ts'
import { MILLISECOND } from '../../sim/units.ts'
import { ETHERTYPE_IPV4, Frame, PROTOCOL_UDP } from '../../wire/frame.ts'
import type { Host } from '../host.ts'
import { Datapath, type Vport } from './datapath.ts'
import type { FlowAction } from './flow.ts'
import type { Upcall } from './upcalls.ts'

const PORT = 6784

function datapathOn(host: Host) {
  const { commands, root } = host
  const made = Datapath.create(root, 'dp')
  if ('errno' in made) throw new Error(made.message)
  commands.link.add({ name: 'near', type: 'veth', peer: { name: 'far' } })
  commands.link.up('near')
  commands.link.up('far')
  commands.link.up('dp')
  const netdev = made.addNetdev(root.device('far')!) as Vport
  const vxlan = made.addVxlan('vxlan-dp', PORT) as Vport
  return { dp: made, netdev, vxlan, root, near: root.device('near')! }
}

function frame(bytes = 100): Frame {
  const made = new Frame()
  made.dstLo = 2
  made.srcLo = 1
  made.etherType = ETHERTYPE_IPV4
  made.protocol = PROTOCOL_UDP
  made.l3Length = bytes
  return made
}

function bench() {
  const hosts = new HostsOnSwitch(2)
  const { ledger } = hosts.host(1).kernel
  const send = (device: { send(frame: Frame): void }, sent: Frame) => {
    ledger.originated++
    device.send(sent)
  }
  return { hosts, ledger, send, a: datapathOn(hosts.host(1)), b: datapathOn(hosts.host(2)) }
}

describe('a datapath', () => {
  it('tells of a packet without a flow, and loses it when nobody listens', () => {
    const { hosts, ledger, send, a } = bench()
    send(a.near, frame())
    expect([a.dp.missed, a.dp.lost]).toEqual([1, 1])
    const socket = a.dp.openUpcalls()
    a.dp.listen(socket)
    send(a.near, frame())
    const upcall = socket.receive() as Upcall
    expect([upcall.inPort, upcall.tunnel, upcall.frame.length]).toEqual([
      a.netdev.number,
      null,
      114,
    ])
    expect(socket.receive()).toBeNull()
    expect(Object.fromEntries(ledger.dropsByReason())).toMatchObject({ openvswitch_upcall: 1 })
    hosts.expectBalance()
  })

  it('has room for as many misses as the socket buffer holds, and drops what waits at its end', () => {
    const { hosts, send, a } = bench()
    const socket = a.dp.openUpcalls()
    a.dp.listen(socket)
    for (let i = 0; i < 300; i++) send(a.near, frame(1376))
    // 212,992 bytes, 2,304 each.
    expect([socket.length, a.dp.lost]).toEqual([93, 207])
    hosts.expectBalance()
    a.dp.listen(null)
    expect(a.dp.lost).toBe(300)
    hosts.expectBalance()
  })

  it('does what a flow says, counts, and copies for all outputs but the last', () => {
    const { hosts, ledger, send, a } = bench()
    const ethernet = { source: 1, destination: 2 }
    const key = { inPort: a.netdev.number, tunnel: null, ethernet }
    const back: FlowAction = { type: 'output', port: a.netdev.number }
    const local: FlowAction = { type: 'output', port: 0 }
    expect(a.dp.addFlow(key, [back, local])).toBe(true)
    expect(a.dp.addFlow(key, [])).toBe(false)
    const copied = ledger.copied
    send(a.near, frame())
    const [flow] = a.dp.flows.entries()
    expect([flow!.packets, flow!.bytes, a.dp.hits, ledger.copied - copied]).toEqual([1, 114, 1, 1])
    expect(flow!.used).not.toBeNull()
    a.dp.clearFlow(flow!)
    expect([flow!.packets, flow!.used]).toEqual([0, null])
    expect(String(flow)).toBe(
      'in_port(1),eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02), actions:1,0',
    )
    hosts.expectBalance()
  })

  it('sends by a tunnel with the outer header of the action, which the other end reads', () => {
    const { hosts, a, b } = bench()
    const heard = b.dp.openUpcalls()
    b.dp.listen(heard)
    const tunnel = { id: 0x102101, source: hosts.address(1), destination: hosts.address(2) }
    const outer = { ...tunnel, ttl: 64, tos: 0, dontFragment: true, checksum: false }
    const seen: Frame[] = []
    hosts.host(1).nic.tap = { frame: (_time, sent, way) => void (way === 'out' && seen.push(sent)) }
    a.dp.execute(frame(), [
      { type: 'set_tunnel', tunnel: outer },
      { type: 'output', port: a.vxlan.number },
    ])
    hosts.simulator.run(MILLISECOND)
    expect(heard.receive()).toMatchObject({ inPort: b.vxlan.number, tunnel })
    const sent = seen.find(({ destinationPort }) => destinationPort === PORT)!
    expect([sent.ttl, sent.dontFragment, sent.udpChecksum, sent.vni]).toEqual([
      64,
      true,
      false,
      0x102101,
    ])
    hosts.expectBalance()
  })

  it('goes with its device, and gives ports and UDP port back', () => {
    const { hosts, a } = bench()
    hosts.host(1).commands.link.delete('dp')
    expect(a.root.device('vxlan-dp')).toBeUndefined()
    expect([a.root.device('far')!.rxHandler, a.root.device('far')!.master]).toEqual([null, null])
    expect(a.root.sockets.openUdp(PORT)).not.toBeNull()
    expect(Datapath.find(a.root, 'dp')).toBeNull()
  })
})
