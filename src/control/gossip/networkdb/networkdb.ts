import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Program } from '../../program/program.ts'
import { Memberlist } from '../memberlist/memberlist.ts'
import { LamportClock } from '../serf/lamport-clock.ts'
import type { Endpoint, NamedEndpoint } from '../wire/messages.ts'
import { BulkSyncs } from './bulk-sync.ts'
import { ClusterView } from './cluster-view.ts'
import type { NetworkDbConfig } from './config.ts'
import { NetworkDbDelegate } from './delegate.ts'
import { Housekeeping } from './housekeeping.ts'
import { type TableAction, type TableEvent, tableEvent } from './messages.ts'
import { deletion, liveRow, NetworkRows, type Row } from './network-rows.ts'

/** What the tables of a network were changed by: another node's news, or what became of the node. */
export interface TableChange {
  readonly action: TableAction
  readonly network: string
  readonly table: string
  readonly key: string
  readonly value: Uint8Array
}

const NO_VALUE = new Uint8Array()

/**
 * Tables that the nodes of a network keep among themselves (libnetwork's networkdb over memberlist): each row
 * has one owner, news carry Lamport times and spread by gossip within the network, and nodes compare all
 * they have by TCP when they join, and every 30 s with one other. Nothing is encrypted.
 */
export class NetworkDb {
  readonly program: Program
  readonly name: string
  readonly config: NetworkDbConfig
  readonly view = new ClusterView()
  readonly networkClock = new LamportClock()
  readonly tableClock = new LamportClock()
  readonly syncs: BulkSyncs
  readonly delegate: NetworkDbDelegate
  /** Those that the node joined the cluster by. */
  bootstrap: readonly Endpoint[] = []
  memberlist: Memberlist | null = null
  private readonly networks = new Map<string, NetworkRows>()
  private readonly onChange: (change: TableChange) => void

  private constructor(
    program: Program,
    name: string,
    config: NetworkDbConfig,
    onChange: (change: TableChange) => void,
  ) {
    this.program = program
    this.name = name
    this.config = config
    this.onChange = onChange
    this.syncs = new BulkSyncs(this)
    this.delegate = new NetworkDbDelegate(this)
  }

  /**
   * Starts as a cluster of one. @param onChange called on the thread, of rows of other nodes; may not wait.
   * @returns null when the port is taken.
   */
  static start(
    program: Program,
    self: Omit<NamedEndpoint, 'port'>,
    config: NetworkDbConfig,
    onChange: (change: TableChange) => void,
  ): NetworkDb | null {
    const db = new NetworkDb(program, self.name, config, onChange)
    const { memberlist, port } = config
    db.memberlist = Memberlist.start(program, { ...self, port }, memberlist, db.delegate)
    if (db.memberlist === null) return null
    const housekeeping = new Housekeeping(db)
    for (const loop of housekeeping.loops()) program.spawn(loop)
    return db
  }

  /** Joins the cluster of these nodes. @returns how many answered. */
  *join(peers: readonly Endpoint[]): Process<number> {
    this.bootstrap = peers
    const joined = yield* this.memberlist!.join(peers)
    this.delegate.tellNode('join')
    return joined
  }

  /** Tells the others that the node leaves: they forget its rows at once. @param timeout picoseconds. */
  *leave(timeout: number): Process {
    this.delegate.tellNode('leave')
    yield* sleep(Math.min(timeout, this.config.memberlist.gossipInterval))
    yield* this.memberlist!.leave(timeout)
    this.memberlist!.shutdown()
  }

  rowsOf(network: string): NetworkRows | undefined {
    return this.networks.get(network)
  }

  /** Networks that the node is in. */
  get joined(): readonly NetworkRows[] {
    return [...this.networks.values()].filter(({ isLeaving }) => !isLeaving)
  }

  get left(): readonly NetworkRows[] {
    return [...this.networks.values()].filter(({ isLeaving }) => isLeaving)
  }

  forgetNetwork(network: string): void {
    this.networks.delete(network)
    this.view.forgetPart(this.name, network)
  }

  /** Comes into a network, and gets the rows of every node of it that is known. */
  *joinNetwork(network: string): Process {
    const { memberlist } = this.config
    const rows = new NetworkRows(network, memberlist.retransmitMult, () =>
      this.view.sizeOf(network),
    )
    this.networks.set(network, rows)
    const time = this.networkClock.increment()
    this.view.enter(this.name, network, time)
    this.delegate.tellNetwork('join', network, time)
    yield* this.syncs.withAll(network)
    rows.inSync = true
  }

  leaveNetwork(network: string): void {
    const rows = this.networks.get(network)
    if (rows === undefined || rows.isLeaving) return
    const time = this.networkClock.increment()
    this.delegate.tellNetwork('leave', network, time)
    const part = this.view.part(this.name, network)
    if (part !== undefined) Object.assign(part, { time, isLeaving: true })
    this.view.discount(this.name, network)
    for (const { event } of [...rows.all()]) rows.remove(event)
    const { reapEntryInterval, reapPeriod } = this.config
    rows.reapAt = this.program.now + reapEntryInterval + 5 * reapPeriod
  }

  /** Enters a row of this node, for all of the network. */
  createEntry(table: string, network: string, key: string, value: Uint8Array): void {
    this.change('create', table, network, key, value)
  }

  deleteEntry(table: string, network: string, key: string): void {
    const row = this.networks.get(network)?.get(table, key)
    if (row === undefined || row.isDeleted) return
    this.change('delete', table, network, key, row.event.value)
  }

  private change(
    action: TableAction,
    table: string,
    network: string,
    key: string,
    value: Uint8Array,
  ): void {
    const rows = this.networks.get(network)
    if (rows === undefined || rows.isLeaving) return
    const time = this.tableClock.increment()
    const base = { action, time, node: this.name, network, table, key, value, residual: 0 }
    const { reapEntryInterval } = this.config
    const event =
      action === 'delete' ? deletion(tableEvent(base), reapEntryInterval) : tableEvent(base)
    rows.put(this.rowOf(event))
    rows.tell(event)
  }

  private rowOf(event: TableEvent): Row {
    if (event.action !== 'delete') return liveRow(event)
    const { reapEntryInterval } = this.config
    const left = event.residual > 0 ? event.residual * SECOND : reapEntryInterval
    return { event, isDeleted: true, reapAt: this.program.now + left }
  }

  /** Rows of a table, of all nodes. */
  entries(table: string, network: string): TableEvent[] {
    return this.networks.get(network)?.live(table) ?? []
  }

  /** News of a row. @param isBulkSync it came by TCP. @returns whether it is to be passed on. */
  takeEvent(event: TableEvent, isBulkSync: boolean): boolean {
    this.tableClock.witness(event.time)
    const rows = this.networks.get(event.network)
    if (rows === undefined || rows.isLeaving || rows.has(event)) return false
    const known = rows.get(event.table, event.key)
    if (known !== undefined && known.event.time >= event.time) return false
    if (event.node === this.name || !this.view.isIn(event.node, event.network)) return false
    const isDeletion = event.action === 'delete'
    // It may be so old that the others have forgotten it; what came by TCP has its true age.
    if (known === undefined && isDeletion && !isBulkSync) return false
    const row = this.rowOf(event)
    rows.put(row)
    if (known === undefined && isDeletion) {
      return rows.inSync && row.reapAt - this.program.now > this.config.reapEntryInterval / 6
    }
    this.report(event, known)
    return rows.inSync
  }

  private report(event: TableEvent, known: Row | undefined): void {
    const wasThere = known !== undefined && !known.isDeleted
    if (event.action === 'delete' && !wasThere) return
    this.onChange({
      action: event.action,
      network: event.network,
      table: event.table,
      key: event.key,
      value: event.action === 'delete' ? (known?.event.value ?? NO_VALUE) : event.value,
    })
  }

  /** The node is gone: what it owned is gone with it, so that it is accepted anew when it is back. */
  dropRowsOf(node: string): void {
    for (const rows of this.networks.values()) {
      for (const row of [...rows.all()]) {
        if (row.event.node !== node) continue
        rows.remove(row.event)
        this.reportGone(row)
      }
    }
  }

  /** The node has left one network: its rows there count as deleted. */
  deleteRowsOf(node: string, network: string): void {
    const rows = this.networks.get(network)
    if (rows === undefined) return
    const reapAt = this.program.now + this.config.reapEntryInterval
    for (const row of [...rows.all()]) {
      if (row.event.node !== node || row.isDeleted) continue
      rows.put({ event: row.event, isDeleted: true, reapAt })
      this.reportGone(row)
    }
  }

  private reportGone({ event, isDeleted }: Row): void {
    if (isDeleted) return
    const { network, table, key, value } = event
    this.onChange({ action: 'delete', network, table, key, value })
  }
}
