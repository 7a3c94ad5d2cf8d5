import { Host } from '../../src/host/host.ts'
import { Ledger } from '../../src/measure/ledger.ts'
import type { NetworkSpec } from '../../src/schemes/contract.ts'
import { Simulator } from '../../src/sim/simulator.ts'
import { KERNEL_PROFILES } from '../../src/stack/kernel-profile.ts'
import { type Ipv4Address, ipv4 } from '../../src/wire/ipv4-address.ts'
import { macOf } from '../../src/wire/mac-address.ts'

/** Hosts 192.168.50.11 and on, of a lab without cables: what a daemon programs needs none. */
export class Hosts {
  readonly simulator = new Simulator('schemes')
  readonly hosts: readonly Host[]

  constructor(addresses: readonly string[], prefixLength = 24, gateway: string | null = null) {
    const ledger = new Ledger()
    this.hosts = addresses.map((address, i) =>
      Host.cabled(this.simulator, ledger, `h${i + 1}`, {
        kernel: KERNEL_PROFILES['6.18']!,
        mtu: 1500,
        filterEntries: 128,
        txQueue: 1000,
        mac: macOf(0x525400, i + 1),
        address: ipv4(address),
        prefixLength,
        gateway: gateway === null ? null : ipv4(gateway),
      }),
    )
  }

  network<Options>(options: Options): NetworkSpec<Options> {
    const members = this.hosts.map(({ name, address }): { host: string; address: Ipv4Address } => ({
      host: name,
      address,
    }))
    const random = this.simulator.random.stream('network/net')
    return { name: 'net', options, members, store: null, random }
  }
}
