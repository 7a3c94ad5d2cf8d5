import { Mailbox } from '../../control/program/mailbox.ts'
import type { Fibre, Program } from '../../control/program/program.ts'
import type { Process } from '../../sim/process.ts'
import { formatIpv4, type Ipv4Address } from '../../wire/ipv4-address.ts'
import type { NetworkSandbox } from './network-sandbox.ts'

/** @returns whether the peer of the address has been found, and entered. */
export type Resolve = (address: Ipv4Address) => Process<boolean>

interface Miss {
  readonly address: Ipv4Address
}

/**
 * Hears from the kernel which addresses have no neighbour and which MACs no entry (watchMiss); a MAC says
 * the address. They are looked up one after the other.
 */
export class MissWatcher {
  private readonly program: Program
  private readonly sandbox: NetworkSandbox
  private readonly misses: Mailbox<Miss>
  private readonly pending = new Set<Ipv4Address>()
  private readonly fibre: Fibre<void>

  constructor(program: Program, sandbox: NetworkSandbox, resolve: Resolve) {
    this.program = program
    this.sandbox = sandbox
    this.misses = new Mailbox(program)
    sandbox.missListener = {
      l2miss: (_device, mac) => this.miss((mac % 2 ** 32) | 0),
      l3miss: (_device, address) => this.miss(address),
    }
    this.fibre = program.spawn(this.run(resolve))
  }

  private miss(address: Ipv4Address): void {
    if (this.pending.has(address) || !this.sandbox.contains(address)) return
    this.pending.add(address)
    this.misses.put({ address })
  }

  private *run(resolve: Resolve): Process {
    for (;;) {
      const { address } = (yield* this.misses.take())!
      const isFound = yield* resolve(address)
      this.pending.delete(address)
      if (isFound) continue
      const reason = 'timed out resolving peer by querying the cluster'
      this.program.log.push(`could not resolve peer "${formatIpv4(address)}": ${reason}`)
    }
  }

  stop(): void {
    this.sandbox.missListener = null
    this.fibre.cancel()
  }
}
