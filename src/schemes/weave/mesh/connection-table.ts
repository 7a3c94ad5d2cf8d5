import type { Program } from '../../../control/program/program.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Connection } from './connection.ts'
import type { Peer, PeerName } from './peer.ts'
import type { MeshRouter } from './router.ts'

/** Changes of the topology are gathered for so long before they are told. */
const UPDATE_DELAY = 1 * SECOND

/** Our connections, of which our record tells the others: weaveworks/mesh, local_peer.go. */
export class ConnectionTable {
  private readonly router: MeshRouter
  private readonly program: Program
  private readonly byPeer = new Map<PeerName, Connection>()
  /** Peers of whom the next update tells, beside ourself. */
  private updated = new Set<PeerName>()
  private isUpdatePending = false

  constructor(router: MeshRouter) {
    this.router = router
    this.program = router.program
  }

  to(name: PeerName): Connection | null {
    return this.byPeer.get(name) ?? null
  }

  all(): readonly Connection[] {
    return [...this.byPeer.values()]
  }

  /** @returns why there may be no more connections, or null. */
  checkLimit(): string | null {
    const { connLimit } = this.router.config
    if (connLimit === 0 || this.byPeer.size < connLimit) return null
    return `Connection limit reached (${connLimit})`
  }

  /** @returns why the connection may not be used, or null. */
  add(connection: Connection, isRestarted: boolean): string | null {
    const { remote } = connection
    const refusal = this.breakTie(connection) ?? this.checkLimit()
    if (refusal !== null) return refusal
    const { router } = this
    const isReachable = router.routes.unicast(remote.name) !== null
    this.byPeer.set(remote.name, connection)
    this.changed()
    if (isRestarted) connection.print('connection added (restarted peer)')
    else connection.print(isReachable ? 'connection added' : 'connection added (new peer)')
    if (isRestarted || !isReachable) router.sendAllGossipDown(connection)
    router.routes.recalculate()
    this.broadcastUpdate(remote)
    return null
  }

  established(connection: Connection): void {
    if (this.byPeer.get(connection.remote.name) !== connection) {
      return connection.shutdown('Cannot set unknown connection active')
    }
    this.changed()
    connection.print('connection fully established')
    this.router.routes.recalculate()
    this.broadcastUpdate()
  }

  remove(connection: Connection): void {
    const { name } = connection.remote
    if (this.byPeer.get(name) !== connection) return
    this.byPeer.delete(name)
    this.changed()
    connection.print('connection deleted')
    // Before the update is told: who cannot be reached must not be spread.
    this.router.peers.collectGarbage()
    this.router.routes.recalculate()
    this.broadcastUpdate()
  }

  /** Tells of ourself, and of `peer`, soon. */
  broadcastUpdate(peer?: Peer): void {
    if (peer !== undefined) this.updated.add(peer.name)
    if (this.isUpdatePending) return
    this.isUpdatePending = true
    this.program.after(UPDATE_DELAY, () => this.program.spawn(this.tell()))
  }

  private *tell(): Generator<never> {
    const { updated, router } = this
    this.updated = new Set()
    this.isUpdatePending = false
    updated.add(router.ourself.name)
    router.tellTopology(updated)
    yield* []
  }

  /** Of two connections to one peer that with the lower uid stays, which both ends see alike. */
  private breakTie(connection: Connection): string | null {
    const { remote, uid } = connection
    const other = this.byPeer.get(remote.name)
    if (other === undefined) return null
    const { ourself } = this.router
    const error = `Multiple connections to ${remote} added to ${ourself}`
    if (uid > other.uid) return error
    other.shutdown(error)
    this.remove(other)
    return uid === other.uid ? error : null
  }

  private changed(): void {
    this.router.peers.setOurself(this.all().map(({ link }) => link))
  }
}
