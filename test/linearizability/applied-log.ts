import type { EntryData } from '../../src/control/cluster/member.ts'
import type { EtcdCommand } from '../../src/control/etcd/server/machine.ts'
import { Durable } from '../../src/control/raft/durable.ts'
import type { Entry, Write } from '../../src/control/raft/types.ts'
import type { Change } from './watcher.ts'

export interface Applied {
  /** In order, from revision 2 on: 1 is the empty store. */
  readonly changes: readonly Change[]
  /** Revisions that somebody asked to compact at. */
  readonly compactions: ReadonlySet<number>
}

/** All that the disks of a cluster have ever held, also what snapshots have taken the place of. */
export class WrittenEntries {
  private readonly entries = new Map<number, Entry>()

  disk(): Durable {
    const note = (entry: Entry) => this.note(entry)
    return new (class extends Durable {
      override apply(write: Write): void {
        super.apply(write)
        for (const entry of write.entries) note(entry)
      }
    })()
  }

  /** Who leads in a later term has all that was committed: the latest term's entry is the one that counts. */
  private note(entry: Entry): void {
    const known = this.entries.get(entry.index)
    if (known === undefined || known.term < entry.term) this.entries.set(entry.index, entry)
  }

  /** What the puts and deletes among the first entries change in v3's keys, from an empty store on. */
  applied(commit: number): Applied {
    const changes: Change[] = []
    const compactions = new Set<number>()
    const keys = new Set<string>()
    const change = (key: string, value: string | null) => {
      changes.push({ revision: changes.length + 2, key, value })
    }
    for (let index = 1; index <= commit; index++) {
      const data = this.entries.get(index)!.data as EntryData | null
      const { api, command } = (data?.command ?? { api: 2, command: null }) as EtcdCommand
      if (api !== 3) continue
      if (command.type === 'put') {
        keys.add(command.request.key)
        change(command.request.key, command.request.value)
      } else if (command.type === 'compaction') {
        compactions.add(command.request.revision)
      } else if (command.type === 'deleteRange' && keys.delete(command.request.key)) {
        change(command.request.key, null)
      }
    }
    return { changes, compactions }
  }
}
