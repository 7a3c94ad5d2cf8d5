import type { StateMachine } from '../../cluster/member.ts'
import type { Program } from '../../program/program.ts'
import { applyV2, memberCreated, type V2Command } from '../v2/command.ts'
import type { V2Snapshot, V2Store } from '../v2/store.ts'
import type { V3Service } from '../v3/service.ts'
import type { V3Snapshot } from '../v3/state-machine.ts'
import type { Command as V3Command } from '../v3/types.ts'
import type { EtcdIdentity } from './identity.ts'

/** A command of the log, with the API that it belongs to. */
export type EtcdCommand =
  | { readonly api: 2; readonly command: V2Command }
  | { readonly api: 3; readonly command: V3Command }

interface EtcdSnapshot {
  readonly v2: V2Snapshot
  readonly v3: V3Snapshot
}

/** Both key spaces of a member: one log, two stores. */
export class EtcdMachine implements StateMachine {
  private readonly program: Program
  private readonly v2: V2Store
  private readonly v3: V3Service

  constructor(program: Program, v2: V2Store, v3: V3Service, members: readonly EtcdIdentity[]) {
    this.program = program
    this.v2 = v2
    this.v3 = v3
    // What the configuration entries at the start of etcd's log leave in the v2 store.
    for (const { id, peerUrl } of members) applyV2(v2, memberCreated(id, [peerUrl]), 0)
  }

  apply(entry: unknown): unknown {
    const { program } = this
    const { api, command } = entry as EtcdCommand
    if (api === 2) return applyV2(this.v2, command, program.wallClock)
    return this.v3.apply(command, program.now)
  }

  snapshot(): EtcdSnapshot {
    return { v2: this.v2.snapshot(), v3: this.v3.snapshot() }
  }

  restore(data: unknown): void {
    const { v2, v3 } = data as EtcdSnapshot
    this.v2.restore(v2)
    this.v3.restore(v3)
  }
}
