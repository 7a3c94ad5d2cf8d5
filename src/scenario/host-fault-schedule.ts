import type { StoreMember } from '../control/cluster/store.ts'
import type { Host } from '../host/host.ts'
import { partition } from '../link/fault-rules.ts'
import type { FaultRule } from '../link/faulty-channel.ts'
import type { Process } from '../sim/process.ts'
import { formatDuration, MILLISECOND } from '../sim/units.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { ContainerLife } from './container-life.ts'
import type { HostLife } from './host-life.ts'
import type { FaultModel, HostFault, ProgramRef } from './model.ts'
import { isStoreRole, membersByRole } from './store-roles.ts'
import type { World } from './world.ts'

/** A program that faults end and start. */
interface Controlled {
  start(): void
  stop(): void
  crash(): void
}

type Undo = () => void

const NOTHING: Undo = () => {}
/** What is killed to be started again comes back after systemd's RestartSec. */
const RESTART_DELAY = 100 * MILLISECOND

/** Brings about what befalls programs, disks, clocks and pairs of hosts. */
export class HostFaultSchedule {
  private readonly world: World
  /** By member: slow flushes that last now, the latest last. */
  private readonly slowness = new Map<StoreMember, { readonly fsync: number }[]>()

  private readonly hosts: HostLife
  private readonly containers: ContainerLife

  constructor(world: World, hosts: HostLife, containers: ContainerLife) {
    this.world = world
    this.hosts = hosts
    this.containers = containers
  }

  schedule({ name, at, until, hostFaults }: FaultModel): void {
    const { simulator, log } = this.world
    for (const fault of hostFaults) {
      if (fault.kind === 'restore-disk') this.scheduleRestore(at, fault)
      else {
        let undos: readonly Undo[] = []
        simulator.callAt(at, () => {
          undos = this.begin(fault, name)
          if (undos.length > 0) return
          log.push(`${name} did nothing: at ${formatDuration(at)} nobody led the store`)
        })
        if (until === null) continue
        simulator.callAt(until, () => {
          for (const undo of undos) undo()
        })
      }
    }
  }

  private scheduleRestore(at: number, fault: Extract<HostFault, { kind: 'restore-disk' }>): void {
    const { simulator } = this.world
    const [member] = this.membersOf(fault.member)
    if (member === undefined) return
    simulator.callAt(fault.of, () => {
      const backup = member.disk.backup()
      simulator.callAt(at, () => {
        member.crash()
        member.disk.restore(backup)
        this.startSoon(member)
      })
    })
  }

  /** @returns what ends it, for each that it has befallen. */
  private begin(
    fault: Exclude<HostFault, { kind: 'restore-disk' }>,
    name: string,
  ): readonly Undo[] {
    switch (fault.kind) {
      case 'stop':
      case 'crash':
        return this.programsOf(fault.program).map((program) => this.end(program, fault.kind))
      case 'restart':
        return this.programsOf(fault.program).map((program) => this.restart(program))
      case 'leave':
        this.hosts.run(this.hosts.leave(fault.host, fault.network))
        return [() => this.hosts.join(fault.host, fault.network)]
      case 'remove-network':
        return [this.removeNetwork(fault, name)]
      case 'move':
        this.hosts.run(this.containers.move(fault.container, fault.to, fault.keepsAddress))
        return [NOTHING]
      case 'flush-rules':
        flushRules(this.world.hosts.get(fault.host)!)
        return [NOTHING]
      case 'lose-disk':
        return this.membersOf(fault.member).map((member) => this.loseDisk(member))
      case 'slow-disk':
        return this.membersOf(fault.member).map((member) => this.slowDisk(member, fault.fsync))
      case 'partition':
        return this.partition(fault)
      case 'clock-step':
        return this.hostsOf([fault.host]).map(({ kernel }) => {
          kernel.clockOffset += fault.by
          return NOTHING
        })
    }
  }

  private removeNetwork(
    { host, network }: Extract<HostFault, { kind: 'remove-network' }>,
    name: string,
  ): Undo {
    const { log, networks } = this.world
    const daemon = networks.get(network)!.daemons.get(host)!
    const run = function* (what: string, command: Process<string | null> | undefined): Process {
      if (command === undefined) return
      const refusal = yield* command
      if (refusal !== null) log.push(`${name}: at ${host} ${network} is not ${what}: ${refusal}`)
    }
    this.hosts.run(run('removed', daemon.removeNetwork?.(network)))
    return () => this.hosts.run(run('made', daemon.createNetwork?.(network)))
  }

  private restart(program: Controlled): Undo {
    program.crash()
    this.startSoon(program)
    return NOTHING
  }

  private loseDisk(member: StoreMember): Undo {
    member.crash()
    member.disk.lose()
    this.startSoon(member)
    return NOTHING
  }

  private startSoon(program: Controlled): void {
    const { simulator } = this.world
    simulator.callAt(simulator.now + RESTART_DELAY, () => program.start())
  }

  private end(program: Controlled, kind: 'stop' | 'crash'): Undo {
    if (kind === 'stop') program.stop()
    else program.crash()
    return () => program.start()
  }

  /** Of several that overlap the one that began last counts. */
  private slowDisk(member: StoreMember, fsync: number): Undo {
    const active = this.slowness.get(member) ?? []
    this.slowness.set(member, active)
    const own = { fsync }
    active.push(own)
    const apply = () => {
      const { fsync: wanted } = active.at(-1) ?? this.world.scenario.store!
      if (member.disk.fsyncTime !== wanted) member.disk.setFsync(wanted)
    }
    apply()
    return () => {
      active.splice(active.indexOf(own), 1)
      apply()
    }
  }

  private partition({
    from,
    to,
    isOneWay,
  }: Extract<HostFault, { kind: 'partition' }>): readonly Undo[] {
    const [one, other] = [this.hostsOf(from), this.hostsOf(to)]
    if (one.length === 0 || other.length === 0) return []
    const there = cutTowards(one, other)
    return isOneWay ? [there] : [there, cutTowards(other, one)]
  }

  private hostsOf(names: readonly string[]): readonly Host[] {
    const { hosts, store } = this.world
    return names.flatMap((name) => {
      const host = hosts.get(name)
      if (host !== undefined) return [host]
      return store !== null && isStoreRole(name)
        ? membersByRole(store, name).map((member) => member.host)
        : []
    })
  }

  private membersOf(name: string): readonly StoreMember[] {
    const { store } = this.world
    if (store === null) return []
    if (isStoreRole(name)) return membersByRole(store, name)
    return store.members.filter((member) => member.name === name)
  }

  private programsOf(program: ProgramRef): readonly Controlled[] {
    switch (program.kind) {
      case 'member':
        return this.membersOf(program.name)
      case 'host':
        return [this.hostOf(program.name)]
      case 'container':
        return [this.containerOf(program.name)]
      case 'daemon':
        return [this.daemonOf(program)]
    }
  }

  private hostOf(name: string): Controlled {
    const { hosts } = this
    return {
      stop: () => hosts.run(hosts.shutDown(name)),
      crash: () => hosts.crash(name),
      start: () => hosts.boot(name),
    }
  }

  /** Its runtime tidies up behind it, whichever way it ended. */
  private containerOf(name: string): Controlled {
    const { hosts, containers } = this
    const end = () => hosts.run(containers.stop(name))
    return { stop: end, crash: end, start: () => containers.start(name) }
  }

  private daemonOf(program: Extract<ProgramRef, { kind: 'daemon' }>): Controlled {
    const router = this.world.routing?.processOf(program.host)
    return router ?? this.world.networks.get(program.network)!.daemons.get(program.host)!
  }
}

/** `iptables -F` in the tables that are in use: chains and policies stay. */
function flushRules({ commands }: Host): void {
  for (const [, table] of commands.iptables.save().matchAll(/^\*(\w+)$/gm)) {
    commands.iptables.run(`-t ${table} -F`)
  }
}

function cutTowards(from: readonly Host[], to: readonly Host[]): Undo {
  // Containers whose packets leave as they are belong to their host's side.
  const has = (address: Ipv4Address) => to.some((host) => isOn(host, address))
  const rule: FaultRule = partition({ has })
  const channels = from.flatMap(({ port }) => port?.channel ?? [])
  for (const channel of channels) channel.add(rule)
  return () => {
    for (const channel of channels) channel.remove(rule)
  }
}

function isOn({ address, kernel }: Host, wanted: Ipv4Address): boolean {
  if (address === wanted) return true
  for (const namespace of kernel.namespaces) if (namespace.isLocal(wanted)) return true
  return false
}
