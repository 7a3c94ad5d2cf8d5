import { describe, expect, it } from 'vitest'
import { frameOf } from '../../test/fuzz/frames.ts'
import { ARP_REQUEST, ArpPacket } from '../wire/arp.ts'
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  type Frame,
  PROTOCOL_ICMP,
  PROTOCOL_UDP,
} from '../wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_ECHO, ICMP_ECHO_REPLY, IcmpMessage } from '../wire/icmp.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { TraceRecorder } from './trace-recorder.ts'

const A = ipv4('10.244.0.2')
const B = ipv4('10.244.1.2')

function echo(type = ICMP_ECHO, sequence = 1): Frame {
  return frameOf({
    etherType: ETHERTYPE_IPV4,
    protocol: PROTOCOL_ICMP,
    l3Length: 84,
    ipSrc: A,
    ipDst: B,
    header: new IcmpMessage(type, 0, 7, sequence),
    sequence,
    trace: 1,
  })
}

function tunnelled(inner: Frame): Frame {
  return frameOf({
    etherType: ETHERTYPE_IPV4,
    protocol: PROTOCOL_UDP,
    l3Length: inner.length + 36,
    ipSrc: ipv4('192.168.0.1'),
    ipDst: ipv4('192.168.0.2'),
    sourcePort: 50000,
    destinationPort: 8472,
    inner,
    vni: 1,
    trace: 1,
  })
}

function arp(): Frame {
  return frameOf({
    etherType: ETHERTYPE_ARP,
    l3Length: 28,
    header: new ArpPacket(ARP_REQUEST, 1, A, 0, B),
    trace: 1,
  })
}

describe('TraceRecorder', () => {
  it('writes down when, where, what, the row and the frame', () => {
    const clock = { now: 5 }
    const recorder = new TraceRecorder(clock)
    recorder.stage(echo(), 'route', 'c1', { toString: () => 'default via 10.244.0.1 dev eth0' })
    clock.now = 7
    recorder.dropped(echo(), 'mtu_exceeded_df', 'h1/vx0', 'mtu 1450')
    expect(recorder.events).toEqual([
      {
        time: 5,
        trace: 1,
        packet: 0,
        kind: 'echo-request',
        part: -1,
        depth: 0,
        place: 'c1',
        stage: 'route',
        drop: null,
        row: 'default via 10.244.0.1 dev eth0',
        source: '10.244.0.2',
        destination: '10.244.1.2',
        mac: '00:00:00:00:00:00',
        frame: 'IP 10.244.0.2 > 10.244.1.2: ICMP echo request, id 7, seq 1, length 64',
        length: 98,
      },
      expect.objectContaining({ time: 7, packet: 0, stage: null, drop: 'mtu_exceeded_df' }),
    ])
  })

  it('knows a packet again: copied, in a tunnel, in fragments, translated', () => {
    const recorder = new TraceRecorder({ now: 0 })
    const request = echo()
    const outer = tunnelled(request)
    const translated = Object.assign(request.clone(), { ipSrc: ipv4('192.168.0.1') })
    const piece = frameOf(outer, {
      inner: null,
      fragmentOf: outer,
      fragmentOffset: 48,
      l3Length: 90,
    })
    for (const frame of [request, request.clone(), outer, translated, piece]) {
      recorder.stage(frame, 'receive', 'h1/eth0')
    }
    const seen = recorder.events.map(({ packet, depth, part }) => [packet, depth, part])
    expect(seen).toEqual([
      [0, 0, -1],
      [0, 0, -1],
      [0, 1, -1],
      [0, 0, -1],
      [0, 1, 48],
    ])
  })

  it('tells apart what is another packet', () => {
    const recorder = new TraceRecorder({ now: 0 })
    const error = frameOf(echo(), { header: new IcmpMessage(ICMP_DEST_UNREACH, 4, 0, 1450) })
    error.inner = echo()
    const frames = [echo(), echo(ICMP_ECHO_REPLY), echo(ICMP_ECHO, 2), arp(), arp(), error]
    for (const frame of frames) recorder.stage(frame, 'receive', 'h1/eth0')
    expect(recorder.events.map(({ packet, kind }) => `${packet} ${kind}`)).toEqual([
      '0 echo-request',
      '1 echo-reply',
      '2 echo-request',
      '3 arp',
      '4 arp',
      '5 icmp-error',
    ])
  })

  it('takes the transmission of a device and of its port as one', () => {
    const clock = { now: 0 }
    const recorder = new TraceRecorder(clock)
    const frame = echo()
    recorder.stage(frame, 'transmit', 'h1/eth0')
    recorder.stage(frame, 'transmit', 'h1/eth0')
    recorder.stage(frame, 'transmit', 'h1/eth1')
    clock.now = 1
    recorder.stage(frame, 'transmit', 'h1/eth1')
    expect(recorder.events.map(({ place, time }) => `${place} ${time}`)).toEqual([
      'h1/eth0 0',
      'h1/eth1 0',
      'h1/eth1 1',
    ])
  })

  it('counts what is beyond its limit', () => {
    const recorder = new TraceRecorder({ now: 0 }, 2)
    for (const place of ['a', 'b', 'c', 'd']) recorder.stage(echo(), 'route', place)
    expect([recorder.events.length, recorder.missed]).toEqual([2, 2])
  })
})
