/** The frames and the tables of a real kernel, with the driver in the place of the lab's script. */
import { describe, expect, it } from 'vitest'
import { AttachError } from '../../src/schemes/contract.ts'
import { macvlanScheme } from '../../src/schemes/macvlan/index.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { compareRun } from '../golden/compare.ts'
import { seedOfBoot } from '../kernel/boot-seed.ts'
import { type Probe, runScheme } from '../kernel/golden-run.ts'
import { expectSameTables } from '../kernel/state-dump.ts'
import { type Lab, macOfAddress } from '../lab/lab.ts'
import type { Setup } from '../lab/schemes.ts'

/** Two networks of one engine on one parent, as in the lab: no default route, addresses by hand. */
function macvlanByDriver(lab: Lab): Setup {
  const hosts = lab.underlayOfHosts(2)
  const members = hosts.map(({ name, address }) => ({ host: name, address }))
  const random = lab.simulator.random.stream('network')
  const networks = [
    { kind: 'c', block: '192.168.50' },
    { kind: 'x', block: '192.168.60' },
  ]
  for (const [h, host] of hosts.entries()) {
    for (const { kind, block } of networks) {
      const options = macvlanScheme.options.parse({ subnet: `${block}.0/24`, internal: true })
      const spec = { name: kind, options, members, store: null, random }
      const address = `${block}.${131 + h}`
      lab.mac(macOfAddress(address))
      const { namespace } = lab.addNode(`${kind}${h + 1}`)
      const attaching = macvlanScheme.startHost(host, spec).attach({
        name: `${kind}${h + 1}`,
        network: kind,
        namespace,
        device: 'eth0',
        defaultRoute: true,
        address: ipv4(address),
        mac: null,
        labels: {},
      })
      const { value, done } = attaching.next()
      expect([done, value instanceof AttachError]).toEqual([true, false])
    }
  }
  return {
    source: 'c1',
    destination: 'c2',
    destinationAddress: '192.168.50.132',
    mtu: 1500,
    missing: '192.168.50.77',
    other: '192.168.60.132',
    intruder: '192.168.60.200/24',
    points: { underlay: ['h1', 'eth0'], ctr: ['c1', 'eth0'], br: ['sw', 'sw0'] },
  }
}

/** Requests that prove a neighbour come by the tick of a boot: one of them in a capture. */
const SEED = seedOfBoot()

/** As the lab did it: the last two each in a lab of its own. */
const RUNS: readonly (readonly Probe[])[] = [
  ['ping', 'udp100', 'udp4000', 'df1472', 'arpnx'],
  ['tcp200k'],
  ['isol'],
]

describe('macvlan by its driver', () => {
  it.each(RUNS)('sends the frames that the kernel sent: %s', (...probes) => {
    const run = runScheme('macvlan', macvlanByDriver, probes, { seed: SEED })
    expect(run.parts.length).toBe(3 * probes.length)
    expect(compareRun(run.parts, run.configuredMacs)).toBeNull()
    expect(run.imbalance).toBe(0)
  })

  it('programs the tables that the kernel had', () => {
    const run = runScheme('macvlan', macvlanByDriver, ['tcp200k'], { seed: 'state', rest: 0 })
    expectSameTables('macvlan', run.lab)
  })
})
