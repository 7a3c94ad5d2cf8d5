/** BGP as our daemons speak it, read by Wireshark's dissectors. */
import { describe, expect, it } from 'vitest'
import { BgpDaemon } from '../../src/control/bgp/daemon.ts'
import { KernelRoutes } from '../../src/control/bgp/kernel-routes.ts'
import { BIRD_GRACEFUL_RESTART, BIRD_TIMERS } from '../../src/control/bgp/session/settings.ts'
import { Capture } from '../../src/measure/capture.ts'
import { SECOND } from '../../src/sim/units.ts'
import { prefix } from '../../src/wire/ipv4-address.ts'
import { HostsOnSwitch } from '../control/hosts-on-switch.ts'
import { expectCleanCapture, type Packet, peerAvailable } from './tshark.ts'

const FIELDS = [
  'bgp.type',
  'bgp.cap.type',
  'bgp.cap.4as',
  'bgp.withdrawn_prefix',
  'bgp.nlri_prefix',
  'bgp.update.path_attribute.as_path_segment.as4',
  'bgp.update.path_attribute.next_hop',
  'bgp.path_attribute.cluster_id',
  'bgp.notify.major_error',
  '_ws.malformed',
]

/** A reflector with an eBGP peer and a client; a withdrawal, then the reflector stops. */
function captured(): Uint8Array {
  const bench = new HostsOnSwitch(4)
  const capture = new Capture()
  bench.host(1).port!.tap = capture.interface('h1/eth0')
  const ases = [4200000000, 4200000001, 4200000000, 4200000000]
  const daemons = ases.map((as, i) => {
    const namespace = bench.host(i + 1).root
    const routes = new KernelRoutes(namespace, 'bird', () => {})
    return new BgpDaemon(namespace, 'bird', { as, routerId: bench.address(i + 1) }, routes)
  })
  const join = (from: number, to: number) =>
    daemons[from - 1]!.speaker.addNeighbour({
      remoteAs: ases[to - 1]!,
      localAddress: bench.address(from),
      remoteAddress: bench.address(to),
      timers: { ...BIRD_TIMERS, startDelay: 0, holdTime: 9 },
      isPassive: false,
      gracefulRestart: { ...BIRD_GRACEFUL_RESTART, mode: 'on' },
      isClient: from === 1 && to > 2,
    })
  for (const other of [2, 3, 4]) {
    join(1, other)
    join(other, 1)
  }
  daemons.forEach((daemon, i) => {
    daemon.post(() => daemon.speaker.originate(prefix(`10.${i + 1}.0.0/16`)))
    daemon.start()
  })
  bench.simulator.callAt(12 * SECOND, () =>
    daemons[1]!.post(() => daemons[1]!.speaker.withdraw(prefix('10.2.0.0/16'))),
  )
  bench.simulator.callAt(15 * SECOND, () => daemons[0]!.stop())
  bench.simulator.run(16 * SECOND)
  bench.expectBalance()
  return capture.bytes()
}

function valuesOf(packets: readonly Packet[], field: string): Set<string> {
  return new Set(packets.flatMap((packet) => packet[field]!))
}

describe.skipIf(!peerAvailable('tshark'))('tshark, of BGP', () => {
  it('reads every message, capability and attribute', () => {
    const packets = expectCleanCapture(captured(), FIELDS)
    const values = (field: string) => valuesOf(packets, field)
    expect(values('bgp.type')).toEqual(new Set(['1', '2', '3', '4']))
    expect(values('bgp.cap.type')).toEqual(new Set(['1', '2', '64', '65']))
    expect(values('bgp.cap.4as')).toEqual(new Set(['4200000000', '4200000001']))
    expect(values('bgp.nlri_prefix')).toEqual(
      new Set(['10.1.0.0', '10.2.0.0', '10.3.0.0', '10.4.0.0']),
    )
    expect(values('bgp.withdrawn_prefix')).toEqual(new Set(['10.2.0.0']))
    expect(values('bgp.update.path_attribute.as_path_segment.as4')).toEqual(
      new Set(['4200000000', '4200000001']),
    )
    expect(values('bgp.path_attribute.cluster_id')).toEqual(new Set(['10.0.0.1']))
    // Cease.
    expect(values('bgp.notify.major_error')).toEqual(new Set(['6']))
    expect(values('_ws.malformed')).toEqual(new Set())
  })
})
