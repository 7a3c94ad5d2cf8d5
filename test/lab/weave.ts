/** The lab's hosts with our Weave routers in the place of the lab's script. */
import { AttachError, type Daemon, type NetworkSpec } from '../../src/schemes/contract.ts'
import { weaveScheme } from '../../src/schemes/weave/index.ts'
import type { WeaveOptions } from '../../src/schemes/weave/options.ts'
import { spawn } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import type { Lab } from './lab.ts'
import type { Setup } from './schemes.ts'

/** Seconds that the routers take to meet and to settle. */
export const WEAVE_LEAD = 30

/** Containers c of one subnet and x of another, attached by the scheme. */
export function weaveByScheme(lab: Lab): Setup {
  const hosts = lab.underlayOfHosts(2)
  const members = hosts.map(({ name, address }) => ({ host: name, address }))
  for (const [kind, subnet] of [
    ['c', '10.32.0.0/17'],
    ['x', '10.32.128.0/17'],
  ] as const) {
    const network: NetworkSpec<WeaveOptions> = {
      name: kind,
      options: weaveScheme.options.parse({ subnet }),
      members,
      store: null,
      random: lab.simulator.random.stream(`network/${kind}`),
    }
    const base = subnet.slice(0, -'0/17'.length)
    for (const [i, host] of hosts.entries()) {
      attach(lab, weaveScheme.startHost(host, network), kind, i + 1, `${base}${i + 1}`)
    }
  }
  lab.simulator.run(lab.simulator.now + 0.9 * WEAVE_LEAD * SECOND)
  // dockerd, which is not in the lab, would have it on.
  for (const { commands } of hosts) commands.sysctl('net.bridge.bridge-nf-call-iptables', 0)
  return {
    source: 'c1',
    destination: 'c2',
    destinationAddress: '10.32.0.2',
    mtu: 1376,
    missing: '10.32.0.77',
    other: '10.32.128.2',
    intruder: '10.32.128.200/17',
    points: { underlay: ['h1', 'eth0'], ctr: ['c1', 'eth0'], br: ['h1', 'weave'] },
  }
}

function attach(lab: Lab, daemon: Daemon, kind: string, host: number, address: string): void {
  const name = `${kind}${host}`
  const { namespace } = lab.addNode(name)
  const spec = { name, network: kind, namespace, device: 'eth0', defaultRoute: true, labels: {} }
  const { done } = spawn(
    lab.simulator,
    daemon.attach({ ...spec, address: ipv4(address), mac: null }),
  )
  done.wait(lab.simulator, (result) => {
    if (result instanceof AttachError) throw new Error(result.message)
  })
}
