import type { Host } from '../../../../host/host.ts'
import { SET_NAME_MAX } from '../../../../stack/ipset/ipset.ts'
import { IpsetError } from '../../../../stack/ipset/ipset-error.ts'
import type { Ipsets, IpsetType } from '../dataplane-part.ts'

/** Of sets for IPv4. */
const PREFIX = 'cali40'
/** felix/config: MaxIpsetSize. */
const MAXELEM = 1_048_576

interface Wanted {
  readonly type: IpsetType
  readonly members: ReadonlySet<string>
}

/** Felix's sets in the kernel (felix/ipsets/ipsets.go). */
export class KernelIpsets implements Ipsets {
  private readonly host: Host
  /** By name in the kernel. */
  private readonly wanted = new Map<string, Wanted>()
  private readonly dirty = new Set<string>()
  private isResync = true

  constructor(host: Host) {
    this.host = host
  }

  nameOf(id: string): string {
    return `${PREFIX}${id}`.slice(0, SET_NAME_MAX)
  }

  replace(id: string, type: IpsetType, members: Iterable<string>): void {
    const name = this.nameOf(id)
    this.wanted.set(name, { type, members: new Set(members) })
    this.dirty.add(name)
  }

  remove(id: string): void {
    const name = this.nameOf(id)
    if (this.wanted.delete(name)) this.dirty.add(name)
  }

  /** Before the rules: makes sets that rules will ask, and changes the members of all. */
  applyAdditions(): void {
    if (this.isResync) for (const name of this.wanted.keys()) this.dirty.add(name)
    const lines: string[] = []
    for (const name of this.dirty) {
      const wanted = this.wanted.get(name)
      if (wanted !== undefined) this.change(name, wanted, lines)
    }
    if (lines.length > 0) this.host.commands.ipset.restore(lines.join('\n'))
  }

  /** What the kernel lacks, and what it has too much. */
  private change(name: string, { type, members }: Wanted, lines: string[]): void {
    const present = this.host.commands.ipset.find(name)
    if (present === undefined) {
      lines.push(`create ${name} ${type} family inet maxelem ${MAXELEM}`)
      for (const member of members) lines.push(`add ${name} ${member}`)
      return
    }
    const stale = new Set(present.members())
    for (const member of members) {
      if (!stale.delete(withoutLength(member))) lines.push(`add ${name} ${member} -exist`)
    }
    for (const member of stale) lines.push(`del ${name} ${member}`)
  }

  /** Behind the rules: sets that no rule asks any more go, also those of an earlier Felix. */
  applyDeletions(): void {
    const { ipsets } = this.host.root
    const names = this.isResync ? [...ipsets.keys()] : [...this.dirty]
    this.dirty.clear()
    this.isResync = false
    for (const name of names) {
      const isOurs = name.startsWith(PREFIX) && ipsets.has(name)
      if (isOurs && !this.wanted.has(name)) this.destroy(name)
    }
  }

  /** A set that somebody else's rule asks stays until that rule is gone. */
  private destroy(name: string): void {
    try {
      this.host.commands.ipset.run(`destroy ${name}`)
    } catch (error) {
      if (!(error instanceof IpsetError)) throw error
      this.dirty.add(name)
    }
  }

  /** Compares all sets with the kernel's at the next application. */
  resync(): void {
    this.isResync = true
  }
}

/** The kernel prints a block of one address as an address. */
function withoutLength(member: string): string {
  return member.endsWith('/32') ? member.slice(0, -3) : member
}
