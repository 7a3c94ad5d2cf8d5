import { describe, expect, it } from 'vitest'
import { tcpUnit } from '../../test/tcp-units.ts'
import { flatCosts } from '../../test/test-costs.ts'
import { Machine } from '../cpu/machine.ts'
import { STAGE_GSO, STAGE_VXLAN_DECAP, STAGE_VXLAN_ENCAP } from '../cpu/stage.ts'
import { Port } from '../link/port.ts'
import { Ledger } from '../measure/ledger.ts'
import { Simulator } from '../sim/simulator.ts'
import { MICROSECOND, MILLISECOND, NANOSECOND } from '../sim/units.ts'
import type { DeviceFeatures } from '../stack/device-features.ts'
import { KERNEL_PROFILES } from '../stack/kernel-profile.ts'
import { encode } from '../wire/encode.ts'
import type { Frame, FrameOwner } from '../wire/frame.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { Host } from './host.ts'

const COST = 100
const BYTES = 28_000

/** Two hosts on a cable with a tunnel between them; `arrivals` is what comes out of it. */
class TunnelBench {
  readonly simulator = new Simulator('tunnel')
  readonly ledger = new Ledger()
  readonly arrivals: Frame[] = []
  readonly a: Host
  readonly b: Host
  private sent = 0

  constructor(features: Partial<DeviceFeatures>) {
    this.a = this.host(1, features)
    this.b = this.host(2, features)
    Port.connect(this.a.port!, this.b.port!, { rate: 10e9, delay: MICROSECOND })
    this.b.root.device('tunnel')!.rxHandler = {
      handleFrame: (frame) => {
        this.ledger.consumed++
        this.arrivals.push(frame)
        return null
      },
    }
    this.tunnel(this.a, this.b)
    this.tunnel(this.b, this.a)
  }

  private host(number: number, features: Partial<DeviceFeatures>): Host {
    const { simulator, ledger } = this
    const name = `h${number}`
    const host = Host.cabled(simulator, ledger, name, {
      kernel: KERNEL_PROFILES['6.18']!,
      machine: new Machine(simulator, ledger, name, 1, flatCosts(COST)),
      mtu: 1500,
      mac: 0x520000000000 + number,
      address: ipv4(`192.168.0.${number}`),
      prefixLength: 24,
      gateway: null,
      features,
      coalesce: { usecs: 60, frames: 64 },
    })
    const local = host.address
    const mac = 0x020000000000 + number
    host.commands.link.add({ type: 'vxlan', name: 'tunnel', vni: 5, mac, local, mtu: 1450 })
    host.commands.link.up('tunnel')
    return host
  }

  private tunnel(from: Host, to: Host): void {
    const { mac } = to.root.device('tunnel')!
    from.commands.fdb.replace({ lladdr: mac, dev: 'tunnel', dst: to.address })
    const neighbour = {
      dst: to.address,
      lladdr: to.nic.mac,
      dev: 'eth0',
      nud: 'PERMANENT',
    } as const
    from.commands.neigh.replace(neighbour)
  }

  /** Sends a unit of 20 segments of 1400 bytes into the tunnel. */
  send(owner: FrameOwner): Frame {
    const ipId = 20 * this.sent++
    const unit = tcpUnit({ bytes: BYTES, sequence: ipId * 1400, ipId }, 1398)
    unit.owner = owner
    unit.truesize = 5000
    this.a.kernel.softirq(() => {
      this.ledger.originated++
      this.a.root.device('tunnel')!.send(unit)
    })
    this.simulator.run(this.simulator.now + 10 * MILLISECOND)
    return unit
  }

  /** Nanoseconds of a stage on a host. */
  spent({ kernel }: Host, stage: number): number {
    return kernel.machine!.cores[0]!.account[stage]! / NANOSECOND
  }
}

describe('the offloads of a tunnel', () => {
  const counts = {
    tunnelOffload: [1, 0, 1],
    noTunnelTso: [1, COST, 1],
    noTunnelGro: [1, 0, 21],
    none: [1, COST, 21],
  }
  it.each<[keyof typeof counts, Partial<DeviceFeatures>]>([
    ['tunnelOffload', {}],
    ['noTunnelTso', { tunnelTso: false }],
    ['noTunnelGro', { tunnelGro: false }],
    ['none', { tunnelTso: false, tunnelGro: false, gro: false }],
  ])('%s: the unit arrives whole, and costs what its stages cost', (name, features) => {
    const bench = new TunnelBench(features)
    let used = 5000
    const owner: FrameOwner = {
      isBlocked: true,
      transmitter: null,
      frameFreed: (truesize) => {
        used -= truesize
      },
    }
    const before = encode(tcpUnit({ bytes: BYTES }, 1398))
    bench.send(owner)
    const { a, b, arrivals } = bench
    const [encaps, gso, decaps] = counts[name]!
    expect(bench.spent(a, STAGE_VXLAN_ENCAP)).toBe(encaps! * COST)
    expect(bench.spent(a, STAGE_GSO)).toBe(gso)
    expect(bench.spent(b, STAGE_VXLAN_DECAP)).toBe(decaps! * COST)
    // The device behind the tunnel merges what the card has not.
    expect(arrivals.map(({ gsoSegments }) => gsoSegments)).toEqual([21])
    expect(encode(arrivals[0]!)).toEqual(before)
    expect(used).toBe(0)
    expect(bench.ledger.imbalance()).toBe(0)
    for (const { kernel } of [a, b]) expect(kernel.machine!.unaccounted).toBe(0)
  })
})
