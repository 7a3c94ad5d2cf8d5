/** The lab's hosts with our dockerd in the place of the lab's script. */

import { Bridge } from '../../src/host/bridge.ts'
import type { Host } from '../../src/host/host.ts'
import { AttachError, type Daemon, type Endpoint } from '../../src/schemes/contract.ts'
import { dockerOverlayScheme } from '../../src/schemes/docker-overlay/index.ts'
import { spawn } from '../../src/sim/process.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import type { Lab } from './lab.ts'
import type { Setup } from './schemes.ts'

const SECOND = 1e12
/** Seconds that it takes. */
export const SWARM_LEAD = 20

export interface SwarmPlan {
  readonly version: '17.06' | '20.10'
  readonly ingress: boolean
  /** Name, subnet, kind of containers, their addresses by host if the user gives them. */
  readonly networks: readonly {
    readonly name: string
    readonly subnet: string
    readonly kind: 'c' | 'x'
    readonly addresses: readonly string[] | null
    /** On which host the first container is started. */
    readonly first: 1 | 2
    /** Name of the overlay's namespaces in the lab. */
    readonly place: string
  }[]
}

/** Of the lab's script, whose containers have addresses of their own. */
export const AS_THE_SCRIPT: SwarmPlan = {
  version: '17.06',
  ingress: false,
  networks: [
    {
      ...{ name: 'ovA', subnet: '10.0.1.0/24', kind: 'c', place: 'ov', first: 1 },
      addresses: ['10.0.1.11', '10.0.1.12'],
    },
    {
      ...{ name: 'ovB', subnet: '10.0.2.0/24', kind: 'x', place: 'ob', first: 1 },
      addresses: ['10.0.2.11', '10.0.2.12'],
    },
  ],
}

/**
 * Two hosts of a swarm; its daemons are killed in the end, so that nothing but probes is heard.
 * @param prepare what was done to each host before its daemon started.
 */
export function swarmByScheme(
  lab: Lab,
  plan: SwarmPlan,
  prepare: (host: Host) => void = () => {},
): Setup {
  const { simulator } = lab
  const hosts = lab.underlayOfHosts(2)
  for (const host of hosts) prepare(host)
  const start = simulator.now
  const { version, ingress } = plan
  const daemons = plan.networks.flatMap(({ name, subnet, kind, addresses, place, first }) => {
    const network = {
      name,
      options: dockerOverlayScheme.options.parse({ mode: 'swarm', version, ingress, subnet }),
      members: hosts.map((host) => ({ host: host.name, address: host.address })),
      store: null,
      random: simulator.random.stream(`network/${name}`),
    }
    const started = hosts.map((host) => dockerOverlayScheme.startHost(host, network))
    simulator.run(simulator.now + SECOND)
    for (const i of [first - 1, 2 - first]) {
      const daemon = started[i]!
      const address = addresses?.[i] === undefined ? null : ipv4(addresses[i])
      attach(lab, daemon, name, `${kind}${i + 1}`, address)
      const host = hosts[i]!
      const sandbox = [...host.containers.values()].filter(({ name: of }) => of.includes('.1-'))
      lab.adopt(sandbox.at(-1)!, `${place}${i + 1}`)
    }
    return started
  })
  simulator.run(simulator.now + 2 * SECOND)
  for (const daemon of daemons) daemon.crash()
  simulator.run(start + (SWARM_LEAD - 1) * SECOND)
  // What the daemons' own talk has taught.
  for (const [i, host] of hosts.entries()) {
    host.commands.neigh.delete(hosts[1 - i]!.address, 'eth0')
    const fabric = lab.device('sw', 'sw0')
    if (fabric instanceof Bridge) fabric.removeEntry(host.nic.mac)
  }
  return {
    source: 'c1',
    destination: 'c2',
    destinationAddress: '10.0.1.12',
    mtu: 1450,
    missing: '10.0.1.77',
    other: '10.0.2.12',
    intruder: '10.0.2.200/24',
    points: {
      underlay: ['h1', 'eth0'],
      ctr: ['c1', 'eth0'],
      br: ['ov1', 'br0'],
      gwbr: ['h1', 'docker_gwbridge'],
    },
  }
}

function attach(lab: Lab, daemon: Daemon, network: string, name: string, address: number | null) {
  const { namespace } = lab.addNode(name)
  const spec = { name, network, namespace, device: 'eth0', defaultRoute: true, labels: {} }
  const { simulator } = lab
  let result: Endpoint | AttachError | null = null
  spawn(simulator, daemon.attach({ ...spec, address, mac: null })).done.wait(simulator, (value) => {
    result = value as Endpoint | AttachError
  })
  simulator.run(simulator.now + 2 * SECOND)
  const endpoint = result as Endpoint | AttachError | null
  if (endpoint === null) throw new Error(`${name} is not there yet`)
  if (endpoint instanceof AttachError) throw new Error(endpoint.message)
  lab.configuredMacs.push(formatMac(endpoint.mac), formatMac(namespace.device('eth1')!.mac))
}
