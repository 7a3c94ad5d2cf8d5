import type { Daemon } from '../schemes/contract.ts'
import { type Process, spawn } from '../sim/process.ts'
import { SECOND } from '../sim/units.ts'
import type { ContainerLife } from './container-life.ts'
import type { LinkCuts } from './link-cuts.ts'
import type { World, WorldLink } from './world.ts'

/** From the order to shut down to darkness, once the containers have ended: what daemons have to go in. */
const SHUTDOWN_GRACE = 2 * SECOND

/** Takes hosts down and brings them up, with their daemons, members of the store and containers. */
export class HostLife {
  private readonly world: World
  private readonly containers: ContainerLife
  private readonly cuts: LinkCuts
  private readonly dark = new Set<string>()

  constructor(world: World, containers: ContainerLife, cuts: LinkCuts) {
    this.world = world
    this.containers = containers
    this.cuts = cuts
  }

  isUp(host: string): boolean {
    return !this.dark.has(host)
  }

  /** The power goes. */
  crash(name: string): void {
    if (!this.isUp(name)) return
    for (const daemon of this.daemonsOf(name)) daemon.crash()
    for (const member of this.membersOf(name)) member.crash()
    this.darken(name)
  }

  private darken(name: string): void {
    const host = this.world.hosts.get(name)!
    this.dark.add(name)
    for (const container of this.containers.on(name)) this.containers.lose(container)
    host.powerOff()
    const links = this.linksOf(name)
    this.cuts.cut(portsOf(links), links)
  }

  /** As `poweroff`: containers and daemons end in order first. */
  *shutDown(name: string): Process {
    if (!this.isUp(name)) return
    for (const container of this.containers.on(name)) yield* this.containers.stop(container)
    for (const daemon of this.daemonsOf(name)) daemon.stop()
    for (const member of this.membersOf(name)) member.stop()
    this.world.simulator.callAt(this.world.simulator.now + SHUTDOWN_GRACE, () => {
      if (this.isUp(name)) this.darken(name)
    })
  }

  /** The power is back: the host boots, and what it ran is started again. */
  boot(name: string): void {
    if (this.isUp(name)) return
    this.dark.delete(name)
    const links = this.linksOf(name)
    this.cuts.mend(portsOf(links), links)
    this.world.hosts.get(name)!.powerOn()
    for (const member of this.membersOf(name)) member.start()
    for (const daemon of this.daemonsOf(name)) daemon.start()
    for (const container of this.containers.on(name)) this.containers.start(container)
  }

  /** The operator takes a host out of its networks, or out of one: see `Daemon.leave`. */
  *leave(name: string, network: string | null): Process {
    const left = this.networksOf(name, network)
    for (const container of this.containers.on(name)) {
      if (this.isOn(container, left)) yield* this.containers.stop(container)
    }
    for (const { daemons } of left.values()) yield* daemons.get(name)!.leave()
  }

  /** After `leave`. */
  join(name: string, network: string | null): void {
    const joined = this.networksOf(name, network)
    for (const { daemons } of joined.values()) daemons.get(name)!.start()
    for (const container of this.containers.on(name)) {
      if (this.isOn(container, joined)) this.containers.start(container)
    }
  }

  /** Starts a process of the operator's. */
  run(body: Process): void {
    spawn(this.world.simulator, body)
  }

  private isOn(container: string, networks: ReadonlyMap<string, unknown>): boolean {
    return this.containers.networksOf(container).some((network) => networks.has(network))
  }

  private networksOf(host: string, only: string | null) {
    const { networks } = this.world
    return new Map(
      [...networks].filter(
        ([name, { daemons }]) => daemons.has(host) && (only === null || only === name),
      ),
    )
  }

  /** Networks of one scheme may share a daemon. */
  private daemonsOf(host: string): ReadonlySet<Daemon> {
    const all = [...this.world.networks.values()].map(({ daemons }) => daemons.get(host))
    return new Set(all.filter((daemon) => daemon !== undefined))
  }

  private membersOf(host: string) {
    const members = this.world.store?.members ?? []
    return members.filter((member) => member.host.name === host)
  }

  private linksOf(host: string): WorldLink[] {
    return [...this.world.links.values()].filter(
      ({ model }) => model.from === host || model.to === host,
    )
  }
}

function portsOf(links: readonly WorldLink[]) {
  return links.flatMap(({ a, b }) => [a, b])
}
