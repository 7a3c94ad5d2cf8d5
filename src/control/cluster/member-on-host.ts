import type { Host } from '../../host/host.ts'
import type { Program } from '../program/program.ts'
import type { Disk } from './disk.ts'
import type { Leadership } from './leadership.ts'
import type { MemberStatus, StoredKey, StoreMember } from './store.ts'

/** A member of a store: its host and disk stay, its program comes and goes. */
export abstract class MemberOnHost<Server extends { readonly program: Program }>
  implements StoreMember
{
  readonly name: string
  readonly host: Host
  readonly disk: Disk
  /** Null while it does not run. */
  protected server: Server | null = null
  private readonly leadership: Leadership
  private readonly pastLog: string[] = []

  constructor(name: string, host: Host, disk: Disk, leadership: Leadership) {
    this.name = name
    this.host = host
    this.disk = disk
    this.leadership = leadership
  }

  /** Begins a life of the program. */
  protected abstract launch(): Server
  abstract status(): MemberStatus | null
  abstract keys(): readonly StoredKey[]

  get isRunning(): boolean {
    return this.server !== null
  }

  get log(): readonly string[] {
    return [...this.pastLog, ...(this.server?.program.log ?? [])]
  }

  start(): void {
    if (this.server !== null) return
    const server = this.launch()
    const { program } = server
    this.server = server
    program.ended.wait(program.simulator, () => {
      this.pastLog.push(...program.log)
      this.disk.programEnded()
      this.server = null
      this.leadership.note(this.name, null)
    })
  }

  /** Ends in order; unless the store has more to do then, it is gone as in a crash. */
  stop(): void {
    this.crash()
  }

  crash(): void {
    this.server?.program.kill()
  }
}
