import { speakerIn } from '../../src/control/bgp/daemon.ts'
import type { Neighbour } from '../../src/control/bgp/neighbour.ts'
import { showRoutes } from '../../src/host/show.ts'
import { calicoScheme } from '../../src/schemes/calico/index.ts'
import type { Scheme } from '../../src/schemes/contract.ts'
import { SECOND } from '../../src/sim/units.ts'
import type { Route } from '../../src/stack/route-table.ts'
import { Bench, type Sections } from '../contract/bench.ts'

/** Calico on hosts h1, h2 ... of one rack, with container x1 on h1 and so on. */
export class CalicoBgpBench extends Bench {
  readonly hosts: readonly string[]

  constructor(count: number, options: Sections = {}, more: Sections = {}) {
    const hosts = Array.from({ length: count }, (_, i) => `h${i + 1}`)
    super(calicoScheme as Scheme, options, {
      fabric: { racks: 1, hostsPerRack: count, links: '10Gbps' },
      store: { kind: 'etcd', members: 1 },
      containers: hosts.map((host, i) => ({ name: `x${i + 1}`, host })),
      ...more,
    })
    this.hosts = hosts
  }

  until(seconds: number): void {
    this.world.simulator.run(seconds * SECOND)
  }

  get seconds(): number {
    return this.world.simulator.now / SECOND
  }

  neighbours(host: string): Neighbour[] {
    return [...(speakerIn(this.root(host))?.neighbours ?? [])]
  }

  /** States of the sessions of a host, each once. */
  states(host: string): string[] {
    return [...new Set(this.neighbours(host).map(({ session }) => session.state))]
  }

  neighbour(host: string, other: string): Neighbour {
    const { address } = this.world.hosts.get(other)!
    return this.neighbours(host).find(({ settings }) => settings.remoteAddress === address)!
  }

  /** What BIRD has put into the kernel of a host. */
  routes(host: string): string[] {
    const { lines } = showRoutes(this.root(host))
    return lines.map((line) => line.trim()).filter((line) => line.includes('proto bird'))
  }

  /** The same, as the kernel's own objects: who replaces one makes another. */
  entries(host: string): Route[] {
    return this.root(host)
      .routes.routes()
      .filter(({ protocol }) => protocol === 'bird')
  }

  /** Whether a host has a route of BIRD through another. */
  leads(host: string, other: string): boolean {
    const { address } = this.world.hosts.get(other)!
    return this.routes(host).some((line) => line.includes(`via 192.168.0.${address & 255} `))
  }

  /** Takes a host off its cable, silently. @returns what plugs it in again. */
  unplug(host: string): () => void {
    const { a, b } = this.world.links.get(`${host}-leaf1`)!
    for (const port of [a, b]) port.setUp(false)
    return () => {
      for (const port of [a, b]) port.setUp(true)
    }
  }
}
