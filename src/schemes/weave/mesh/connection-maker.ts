import { Condition } from '../../../control/program/condition.ts'
import type { Program } from '../../../control/program/program.ts'
import { Stream } from '../../../control/program/stream.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { CONNECT_TO_SELF, Connection, NAME_COLLISION } from './connection.ts'
import { formatSocketAddress } from './gob.ts'
import type { PeerName } from './peer.ts'
import type { MeshRouter } from './router.ts'

const INITIAL_INTERVAL = 2 * SECOND
const MAX_INTERVAL = 360 * SECOND
/** A connection that held for so long is tried again at once. */
const RESET_AFTER = 60 * SECOND
/** The real one looks at its targets after each event; so many events at once are one look. */
const LOOK_INTERVAL = 50 * MILLISECOND

/** In the place of the address of a peer that we are connected with. */
const NOT_WANTED = -1

type TargetState = 'waiting' | 'attempting' | 'connected' | 'suspended'

/** An address where a peer may be found. */
interface Target {
  readonly address: Ipv4Address
  readonly port: number
  state: TargetState
  /** When it is tried next; Infinity for never. */
  tryAfter: number
  interval: number
}

/** Opens connections to the peers of the command line, and to those that other peers are connected to: connection_maker.go. */
export class ConnectionMaker {
  private readonly router: MeshRouter
  private readonly program: Program
  private readonly wake: Condition
  private isDue = false
  private readonly direct = new Map<number, Ipv4Address>()
  private readonly targets = new Map<number, Target>()
  private readonly connections = new Set<Connection>()

  constructor(router: MeshRouter) {
    this.router = router
    this.program = router.program
    this.wake = new Condition(router.program)
    this.program.spawn(this.look())
  }

  /** Peers given by the user, on the mesh's port. @param replace forgets those given before. */
  initiate(addresses: readonly Ipv4Address[], replace: boolean): void {
    if (replace) this.direct.clear()
    for (const address of addresses) {
      const key = this.keyOf(address)
      this.direct.set(key, address)
      const target = this.targets.get(key)
      if (target !== undefined) this.tryNow(target)
    }
    this.refresh()
  }

  forget(addresses: readonly Ipv4Address[]): void {
    for (const address of addresses) this.direct.delete(this.keyOf(address))
    this.refresh()
  }

  /** The connection is in use. */
  created(connection: Connection): void {
    this.connections.add(connection)
    const target = this.targetOf(connection)
    if (target !== undefined) target.state = 'connected'
  }

  /** The connection has ended, if it ever was in use. */
  terminated(connection: Connection, error: string): void {
    this.connections.delete(connection)
    const target = this.targetOf(connection)
    if (target !== undefined) {
      target.state = 'waiting'
      if (error === CONNECT_TO_SELF || error.endsWith(NAME_COLLISION)) this.tryNever(target)
      else if (this.program.now > target.tryAfter + RESET_AFTER) this.tryNow(target)
      else this.tryLater(target)
    }
    this.refresh()
  }

  /** The topology has changed: there may be someone to connect to. */
  refresh(): void {
    this.isDue = true
    this.wake.notify()
  }

  private keyOf(address: Ipv4Address, port = this.router.config.port): number {
    return (address >>> 0) * 65536 + port
  }

  private targetOf(connection: Connection): Target | undefined {
    if (!connection.isOutbound) return undefined
    return this.targets.get(this.keyOf(connection.remoteAddress, connection.remotePort))
  }

  private *look(): Process {
    let timeout = Infinity
    for (;;) {
      if (!this.isDue) yield* this.wake.wait(timeout)
      this.isDue = false
      timeout = Math.max(this.attemptConnections(), LOOK_INTERVAL)
      yield* sleep(LOOK_INTERVAL)
    }
  }

  /** Tries the targets whose time has come. @returns after how long the next one's time comes. */
  private attemptConnections(): number {
    const valid = this.validTargets()
    const now = this.program.now
    let after = Infinity
    for (const [key, target] of this.targets) {
      if (target.state !== 'waiting' && target.state !== 'suspended') continue
      if (!valid.has(key)) {
        if (this.direct.has(key)) target.state = 'suspended'
        else this.targets.delete(key)
        continue
      }
      target.state = 'waiting'
      if (target.tryAfter <= now) {
        target.state = 'attempting'
        this.program.spawn(this.attempt(target, this.direct.has(key)))
      } else after = Math.min(after, target.tryAfter - now)
    }
    return after
  }

  private validTargets(): Set<number> {
    const connectedTargets = new Set<number>()
    const connectedPeers = new Set<PeerName>()
    const inbound = new Set<Ipv4Address>()
    for (const connection of this.connections) {
      connectedPeers.add(connection.remote.name)
      connectedTargets.add(this.keyOf(connection.remoteAddress, connection.remotePort))
      if (!connection.isOutbound) inbound.add(connection.remoteAddress)
    }
    const valid = new Set<number>()
    const add = (address: Ipv4Address, port: number): void => {
      const key = this.keyOf(address, port)
      if (connectedTargets.has(key)) return
      valid.add(key)
      if (this.targets.has(key)) return
      const target = { address, port, state: 'waiting' as const, interval: INITIAL_INTERVAL }
      this.targets.set(key, { ...target, tryAfter: this.program.now })
    }
    const { port, discovery } = this.router.config
    for (const address of this.direct.values()) if (!inbound.has(address)) add(address, port)
    if (discovery) this.discover(connectedPeers, add)
    return valid
  }

  /** Who is connected with others but not with us. Of an inbound connection the port is worth nothing. */
  private discover(
    connected: ReadonlySet<PeerName>,
    add: (address: Ipv4Address, port: number) => void,
  ): void {
    const { peers, ourself, config } = this.router
    const all = peers.all()
    /** By index, where a peer was last found: most give the same address for it, which is then worth one look. */
    const lastKeys = new Float64Array(peers.pool.size)
    let known = 1
    lastKeys[ourself.record.index] = NOT_WANTED
    for (const { name, record } of all) {
      if (!connected.has(name)) continue
      lastKeys[record.index] = NOT_WANTED
      known++
    }
    if (known === all.length) return
    for (const peer of all) {
      if (peer === ourself) continue
      const { indexes, links } = peer.record
      for (let i = 0; i < indexes.length; i++) {
        const last = lastKeys[indexes[i]!]!
        if (last === NOT_WANTED) continue
        const { address, isOutbound, port } = links[i]!
        const key = this.keyOf(address, isOutbound ? port : config.port)
        if (last === key) continue
        lastKeys[indexes[i]!] = key
        add(address, isOutbound ? port : config.port)
      }
    }
  }

  private *attempt(target: Target, acceptNewPeer: boolean): Process {
    const { program, router } = this
    const { address, port } = target
    const text = formatSocketAddress(address, port)
    router.print(`->[${text}] attempting connection`)
    const stream =
      router.connections.checkLimit() ?? (yield* Stream.connect(program, address, port))
    if (typeof stream === 'string') {
      router.print(`->[${text}] error during connection attempt: ${dialError(text, stream)}`)
      target.state = 'waiting'
      this.tryLater(target)
      return this.refresh()
    }
    const origin = { isOutbound: true, address, port, acceptNewPeer }
    yield* new Connection(router, stream, origin).run()
  }

  private tryNow(target: Target): void {
    target.tryAfter = this.program.now
    target.interval = INITIAL_INTERVAL
  }

  private tryNever(target: Target): void {
    target.tryAfter = Infinity
    target.interval = MAX_INTERVAL
  }

  /** After a time by lot around the interval, which grows. */
  private tryLater(target: Target): void {
    const { interval } = target
    const delay = interval / 2 + Math.floor(this.program.random.next() * interval)
    target.tryAfter = this.program.now + delay
    target.interval = Math.min((interval * 3) / 2, MAX_INTERVAL)
  }
}

function dialError(address: string, error: string): string {
  if (error === 'ECONNREFUSED') return `dial tcp ${address}: connect: connection refused`
  if (error === 'ETIMEDOUT') return `dial tcp ${address}: connect: connection timed out`
  if (error === 'EHOSTUNREACH') return `dial tcp ${address}: connect: no route to host`
  return error
}
