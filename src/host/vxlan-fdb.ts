import { LEARN_IGNORED, MacTable } from '../link/mac-table.ts'
import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Route } from '../stack/route-table.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { type MacAddress, macHi, macLo } from '../wire/mac-address.ts'
import { LinkError } from './link-error.ts'
import { VxlanFdbRow, type VxlanFdbState } from './vxlan-fdb-row.ts'

/** Where frames for a MAC go. Several remotes of one MAC are a chain: each gets a copy. */
export class VxlanRemote {
  readonly dst: Ipv4Address
  /** 0 = the device's. */
  readonly port: number
  readonly vni: number
  readonly state: VxlanFdbState
  next: VxlanRemote | null = null
  private route: Route | null = null
  private generation = -1

  constructor(dst: Ipv4Address, port: number, vni: number, state: VxlanFdbState) {
    this.dst = dst
    this.port = port
    this.vni = vni
    this.state = state
  }

  /** Route to the remote, kept until the table changes (dst_cache). */
  routeIn(underlay: NetNamespace): Route | null {
    const { routes } = underlay
    if (this.generation !== routes.generation) {
      this.route = routes.lookup(this.dst)
      this.generation = routes.generation
    }
    return this.route
  }
}

export interface VxlanFdbOptions {
  /** Picoseconds; 0 = learned rows stay. */
  readonly ageing: number
  /** Most learned rows (`maxaddress`); 0 is no limit. A newcomer is refused, its frame goes on. */
  readonly maxAddresses: number
}

export interface VxlanEntry {
  readonly lladdr: MacAddress
  readonly dst: Ipv4Address
  readonly port?: number
  readonly vni?: number
  /** NUD_PERMANENT or NUD_NOARP. */
  readonly state?: 'permanent' | 'static'
}

const ANY_VLAN = 0
const MISSING = -1

/**
 * The forwarding database of a VXLAN device (drivers/net/vxlan): MAC to remote VTEPs. The entry of
 * MAC 0 is the default, for groups and for addresses that no row knows.
 */
export class VxlanFdb {
  private readonly device: NetDevice
  private readonly table: MacTable
  /** By the table's port number. */
  private readonly remotes: (VxlanRemote | null)[] = []
  private readonly learned = new Map<Ipv4Address, number>()
  private free: number[] = []

  constructor(device: NetDevice, options: VxlanFdbOptions) {
    this.device = device
    this.table = new MacTable({
      capacity: options.maxAddresses || Infinity,
      ageing: options.ageing || Infinity,
    })
  }

  /** Learned rows that found no room. */
  get refused(): number {
    return this.table.refused
  }

  /** First remote of the chain for a MAC, or null. */
  lookup(hi: number, lo: number, now: number): VxlanRemote | null {
    const index = this.table.lookup(ANY_VLAN, hi, lo, now)
    return index === MISSING ? null : this.remotes[index]!
  }

  /**
   * vxlan_snoop: a frame from hi:lo came from the VTEP `source`.
   * @returns false when the address is pinned to another VTEP: the frame is to be dropped.
   */
  snoop(hi: number, lo: number, source: Ipv4Address, now: number): boolean {
    const index = this.learnedIndex(source)
    if (this.table.learn(ANY_VLAN, hi, lo, index, now) !== LEARN_IGNORED) return true
    return this.lookup(hi, lo, now)!.dst === source
  }

  private learnedIndex(source: Ipv4Address): number {
    let index = this.learned.get(source)
    if (index === undefined) {
      index = this.allocate(new VxlanRemote(source, 0, 0, ''))
      this.learned.set(source, index)
    }
    return index
  }

  private allocate(remote: VxlanRemote): number {
    const index = this.free.pop() ?? this.remotes.length
    this.remotes[index] = remote
    return index
  }

  /** `bridge fdb add`: refused when there is a row for this MAC. */
  add(entry: VxlanEntry): LinkError | null {
    if (this.find(entry.lladdr) !== null) return new LinkError('EEXIST', 'File exists')
    this.insert(entry)
    return null
  }

  /** `bridge fdb append`: one more remote; its frames then go to all of them. */
  append(entry: VxlanEntry): void {
    let last = this.find(entry.lladdr)
    // A learned row belongs to all that its VTEP taught, so that nothing can be chained to it.
    if (last === null || last.state === '') return this.insert(entry)
    while (!isSame(last, entry) && last.next !== null) last = last.next
    if (!isSame(last, entry)) last.next = remoteOf(entry)
  }

  /** `bridge fdb replace`: this remote and no other. */
  replace(entry: VxlanEntry): void {
    this.insert(entry)
  }

  private insert(entry: VxlanEntry): void {
    this.drop(entry.lladdr)
    const { lladdr } = entry
    const index = this.allocate(remoteOf(entry))
    const { now } = this.device.namespace.kernel.simulator
    this.table.addStatic(ANY_VLAN, macHi(lladdr), macLo(lladdr), index, now)
  }

  /** `bridge fdb del MAC dev DEVICE [dst DST]`; without `dst` the row goes with all its remotes. */
  remove(lladdr: MacAddress, dst?: Ipv4Address): LinkError | null {
    const first = this.find(lladdr)
    const missing = new LinkError('ENOENT', 'No such file or directory')
    if (first === null) return missing
    if (dst === undefined || (first.dst === dst && first.next === null)) {
      this.drop(lladdr)
      return null
    }
    if (first.dst === dst) {
      this.remotes[this.indexOf(lladdr)] = first.next
      return null
    }
    let before = first
    while (before.next !== null && before.next.dst !== dst) before = before.next
    if (before.next === null) return missing
    before.next = before.next.next
    return null
  }

  private drop(lladdr: MacAddress): void {
    const index = this.indexOf(lladdr)
    if (index === MISSING) return
    this.table.remove(ANY_VLAN, macHi(lladdr), macLo(lladdr))
    // What a VTEP taught shares one remote, which stays for the other rows.
    if (this.remotes[index]!.state === '') return
    this.remotes[index] = null
    this.free.push(index)
  }

  private indexOf(lladdr: MacAddress): number {
    const { now } = this.device.namespace.kernel.simulator
    return this.table.lookup(ANY_VLAN, macHi(lladdr), macLo(lladdr), now)
  }

  private find(lladdr: MacAddress): VxlanRemote | null {
    const index = this.indexOf(lladdr)
    return index === MISSING ? null : this.remotes[index]!
  }

  /** Forgets what was learned. */
  flush(): void {
    this.table.flushAll()
  }

  /** `bridge fdb show dev DEVICE`, by MAC, one row a remote. */
  entries(now: number): VxlanFdbRow[] {
    const rows: VxlanFdbRow[] = []
    for (const entry of this.table.entries(now)) {
      for (let remote = this.remotes[entry.port]!; remote !== null; remote = remote.next!) {
        rows.push(new VxlanFdbRow(entry.mac, this.device, remote, remote.state))
      }
    }
    return rows
  }
}

function remoteOf(entry: VxlanEntry): VxlanRemote {
  return new VxlanRemote(entry.dst, entry.port ?? 0, entry.vni ?? 0, entry.state ?? 'permanent')
}

function isSame(remote: VxlanRemote, entry: VxlanEntry): boolean {
  return (
    remote.dst === entry.dst && remote.port === (entry.port ?? 0) && remote.vni === (entry.vni ?? 0)
  )
}
