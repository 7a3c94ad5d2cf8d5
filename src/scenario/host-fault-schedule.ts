import type { StoreMember } from '../control/cluster/store.ts'
import { partition } from '../link/fault-rules.ts'
import type { FaultRule } from '../link/faulty-channel.ts'
import type { FaultModel, HostFault, ProgramRef } from './model.ts'
import type { World } from './world.ts'

/** A program that faults end and start. */
interface Controlled {
  start(): void
  stop(): void
  crash(): void
}

type Undo = () => void

const NOTHING: Undo = () => {}

/** Brings about what befalls programs, disks, clocks and pairs of hosts. */
export class HostFaultSchedule {
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  schedule({ at, until, hostFaults }: FaultModel): void {
    const { simulator } = this.world
    for (const fault of hostFaults) {
      if (fault.kind === 'restore-disk') this.scheduleRestore(at, fault)
      else {
        let undo = NOTHING
        simulator.callAt(at, () => {
          undo = this.begin(fault)
        })
        if (until !== null) simulator.callAt(until, () => undo())
      }
    }
  }

  private scheduleRestore(at: number, fault: Extract<HostFault, { kind: 'restore-disk' }>): void {
    const { simulator } = this.world
    const member = this.memberOf(fault.member)
    simulator.callAt(fault.of, () => {
      const backup = member.disk.backup()
      simulator.callAt(at, () => {
        member.crash()
        member.disk.restore(backup)
        member.start()
      })
    })
  }

  /** @returns what ends the fault. */
  private begin(fault: Exclude<HostFault, { kind: 'restore-disk' }>): Undo {
    switch (fault.kind) {
      case 'stop':
      case 'crash':
        return this.end(this.programOf(fault.program), fault.kind)
      case 'restart': {
        const program = this.programOf(fault.program)
        program.crash()
        program.start()
        return NOTHING
      }
      case 'lose-disk': {
        const member = this.memberOf(fault.member)
        member.crash()
        member.disk.lose()
        member.start()
        return NOTHING
      }
      case 'slow-disk':
        return this.slowDisk(this.memberOf(fault.member), fault.fsync)
      case 'partition':
        return this.partition(fault)
      case 'clock-step':
        this.world.hosts.get(fault.host)!.kernel.clockOffset += fault.by
        return NOTHING
    }
  }

  private end(program: Controlled, kind: 'stop' | 'crash'): Undo {
    if (kind === 'stop') program.stop()
    else program.crash()
    return () => program.start()
  }

  private slowDisk({ disk }: StoreMember, fsync: number): Undo {
    const before = disk.fsyncTime
    disk.setFsync(fsync)
    return () => disk.setFsync(before)
  }

  private partition({ from, to, isOneWay }: Extract<HostFault, { kind: 'partition' }>): Undo {
    const ends = [this.cutTowards(from, to)]
    if (!isOneWay) ends.push(this.cutTowards(to, from))
    return () => {
      for (const end of ends) end()
    }
  }

  private cutTowards(from: readonly string[], to: readonly string[]): Undo {
    const { hosts } = this.world
    const rule: FaultRule = partition(new Set(to.map((name) => hosts.get(name)!.address)))
    const channels = from.flatMap((name) => hosts.get(name)!.port?.channel ?? [])
    for (const channel of channels) channel.add(rule)
    return () => {
      for (const channel of channels) channel.remove(rule)
    }
  }

  private memberOf(name: string): StoreMember {
    return this.world.store!.members.find((member) => member.name === name)!
  }

  private programOf(program: ProgramRef): Controlled {
    if (program.kind === 'member') return this.memberOf(program.name)
    return this.world.networks.get(program.network)!.daemons.get(program.host)!
  }
}
