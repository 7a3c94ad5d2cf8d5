import { LEARN_REFUSED, MacTable } from '../link/mac-table.ts'
import { Port, type PortOwner } from '../link/port.ts'
import { RateLimiter } from '../link/rate-limiter.ts'
import type { DropReason } from '../measure/drop-reason.ts'
import type { Ledger } from '../measure/ledger.ts'
import type { Simulator } from '../sim/simulator.ts'
import { formatDuration } from '../sim/units.ts'
import type { Frame } from '../wire/frame.ts'
import { formatMacHalves, GROUP_BIT_HI } from '../wire/mac-address.ts'
import { DEFAULT_VLAN, NO_VLAN, PortVlans, retag } from './port-vlans.ts'
import { SharedBuffer } from './shared-buffer.ts'
import { type FloodKind, SwitchPort, type SwitchPortOptions, wireBytesOf } from './switch-port.ts'
import { portQueueBytes, type SwitchProfile } from './switch-profiles.ts'

/** 01:80:c2:00:00:00 to :0f, which no bridge forwards (802.1D 7.12.6). */
const RESERVED_HI = 0x0180c2
const RESERVED_LO_MASK = 0xfffff0

const DEFAULT_MODE = { kind: 'access', vlan: DEFAULT_VLAN } as const

/** A learning Ethernet switch: store and forward, with the limits of its profile. */
export class L2Switch implements PortOwner {
  readonly name: string
  readonly profile: SwitchProfile
  readonly ports: Port[] = []
  readonly table: MacTable
  /** Frames of new sources that the learning rate left unlearned. */
  learnLimited = 0
  /** Frames flooded, whatever the number of ports they left by. */
  readonly floods: Record<FloodKind, number> = { broadcast: 0, multicast: 0, unknownUnicast: 0 }

  private readonly simulator: Simulator
  private readonly ledger: Ledger
  private readonly states: SwitchPort[] = []
  private readonly learnLimiter: RateLimiter | null
  private readonly buffer: SharedBuffer | null
  /** No port does more than learn and forward, so that the short path serves. */
  private isPlain: boolean

  constructor(simulator: Simulator, ledger: Ledger, name: string, profile: SwitchProfile) {
    this.simulator = simulator
    this.ledger = ledger
    this.name = name
    this.profile = profile
    this.table = new MacTable(profile.macTable)
    const { learnRate, bufferAlpha, bufferBytes } = profile
    this.learnLimiter = learnRate === undefined ? null : new RateLimiter(learnRate, 1)
    this.buffer =
      bufferAlpha === undefined ? null : new SharedBuffer(bufferBytes, bufferAlpha, this.ports)
    this.isPlain = this.learnLimiter === null && this.buffer === null
  }

  /** The simulator's clock, for whoever reads the table. */
  get now(): number {
    return this.simulator.now
  }

  addPort(options: SwitchPortOptions = {}, name = `p${this.ports.length + 1}`): Port {
    const port = new Port(this.simulator, this.ledger, this, this.ports.length, name)
    port.receiveLatency = this.profile.latency
    if (this.buffer === null) port.limitQueue(portQueueBytes(this.profile))
    this.ports.push(port)
    const state = new SwitchPort(this.simulator, this.table, port, options)
    this.states.push(state)
    // One port with VLANs makes the switch VLAN-aware: the others are access ports of the default one.
    if (this.states.some((each) => each.vlans !== null)) {
      for (const each of this.states) each.vlans ??= new PortVlans(DEFAULT_MODE)
    }
    this.isPlain &&= state.isPlain
    return port
  }

  /** Settings and counters of a port. */
  portState(index: number): SwitchPort {
    const state = this.states[index]
    if (state === undefined) throw new RangeError(`${this.name} has no port ${index}`)
    return state
  }

  /**
   * Opens or closes a port as the spanning tree says. What was learned is forgotten when anything
   * changed. @returns whether it did: then the rest of the tree must forget as well.
   */
  setForwarding(index: number, forwarding: boolean): boolean {
    const state = this.portState(index)
    if (state.forwarding === forwarding) return false
    state.forwarding = forwarding
    this.table.flushAll()
    this.isPlain =
      this.learnLimiter === null &&
      this.buffer === null &&
      this.states.every((each) => each.isPlain)
    return true
  }

  receive(frame: Frame, port: Port): void {
    const { srcHi, srcLo } = frame
    if ((srcHi & GROUP_BIT_HI) !== 0 || (srcHi | srcLo) === 0) {
      this.drop(frame, 'invalid_source_mac', port)
      return
    }
    if (!this.isPlain) {
      this.receiveFiltered(frame, port)
      return
    }
    const { now } = this.simulator
    const learned = this.table.learn(DEFAULT_VLAN, srcHi, srcLo, port.index, now)
    const refused = learned === LEARN_REFUSED
    if ((frame.dstHi & GROUP_BIT_HI) !== 0) {
      this.receiveGroup(frame, port, DEFAULT_VLAN, refused)
      return
    }
    const out = this.table.lookup(DEFAULT_VLAN, frame.dstHi, frame.dstLo, now)
    if (frame.trace !== 0) this.trace(frame, port, DEFAULT_VLAN, out, refused)
    if (out < 0) this.flood(frame, port, DEFAULT_VLAN, 'unknownUnicast')
    else if (out === port.index) this.drop(frame, 'same_port', port)
    else this.ports[out]!.send(frame)
  }

  /** The long path: some port has VLANs, security, storm control, a closed state or a shared buffer. */
  private receiveFiltered(frame: Frame, port: Port): void {
    const state = this.states[port.index]!
    if (!state.forwarding) {
      this.drop(frame, 'port_blocking', port)
      return
    }
    const vlan = this.classify(frame, state)
    if (vlan === NO_VLAN) {
      this.drop(frame, 'vlan_not_allowed', port)
      return
    }
    const { srcHi, srcLo } = frame
    if (state.security !== null && !state.security.admits(vlan, srcHi, srcLo)) {
      this.drop(frame, 'port_security', port)
      return
    }
    const { now } = this.simulator
    const refused = state.security === null && !this.learnLimitedly(vlan, frame, port, now)
    if ((frame.dstHi & GROUP_BIT_HI) !== 0) {
      this.receiveGroup(frame, port, vlan, refused)
      return
    }
    const out = this.table.lookup(vlan, frame.dstHi, frame.dstLo, now)
    if (out < 0 && !state.takes('unknownUnicast', now)) {
      this.drop(frame, 'storm_control', port)
      return
    }
    if (frame.trace !== 0) this.trace(frame, port, vlan, out, refused)
    if (out < 0) this.flood(frame, port, vlan, 'unknownUnicast')
    else this.forward(frame, port, vlan, this.states[out]!)
  }

  private classify(frame: Frame, state: SwitchPort): number {
    return state.vlans === null ? DEFAULT_VLAN : state.vlans.classify(frame)
  }

  /** @returns whether the source is in the table now. */
  private learnLimitedly(vlan: number, frame: Frame, port: Port, now: number): boolean {
    const { srcHi, srcLo } = frame
    const { table, learnLimiter } = this
    const isNew = learnLimiter !== null && table.lookup(vlan, srcHi, srcLo, now) !== port.index
    if (isNew && !learnLimiter.take(now)) {
      this.learnLimited++
      return false
    }
    return table.learn(vlan, srcHi, srcLo, port.index, now) !== LEARN_REFUSED
  }

  private receiveGroup(frame: Frame, port: Port, vlan: number, refused: boolean): void {
    if (frame.dstHi === RESERVED_HI && (frame.dstLo & RESERVED_LO_MASK) === 0) {
      this.drop(frame, 'reserved_multicast', port)
      return
    }
    const kind = frame.isBroadcast ? 'broadcast' : 'multicast'
    if (!this.states[port.index]!.takes(kind, this.simulator.now)) {
      this.drop(frame, 'storm_control', port)
      return
    }
    if (frame.trace !== 0) this.traceFlood(frame, port, vlan, kind, refused)
    this.flood(frame, port, vlan, kind)
  }

  /** Sends a known unicast frame. */
  private forward(frame: Frame, port: Port, vlan: number, out: SwitchPort): void {
    if (out.port === port && !out.hairpin) {
      this.drop(frame, 'same_port', port)
      return
    }
    if (!out.forwarding) {
      this.drop(frame, 'port_blocking', out.port)
      return
    }
    if (out.vlans !== null && !out.vlans.carries(vlan)) {
      this.drop(frame, 'vlan_not_allowed', out.port)
      return
    }
    this.transmit(retag(frame, out.egressTag(frame, vlan)), out.port)
  }

  private transmit(frame: Frame, port: Port): void {
    if (this.buffer !== null && !this.buffer.admits(port, frame.length)) {
      this.drop(frame, 'queue_full', port)
      return
    }
    port.send(frame)
  }

  private flood(frame: Frame, port: Port, vlan: number, kind: FloodKind): void {
    this.floods[kind]++
    // Before the first copy leaves: a port that is alone pays a needless copy on a later write.
    frame.shared = true
    const copies = this.isPlain
      ? this.floodPlain(frame, port, kind)
      : this.floodFiltered(frame, port, vlan, kind)
    if (copies === 0)
      this.drop(frame, !frame.isGroup && this.hasCut(port) ? 'link_down' : 'no_other_port', port)
    else this.ledger.copied += copies - 1
  }

  /** Whether a link other than that of `from` is cut, so that there is nowhere to flood to. */
  private hasCut(from: Port): boolean {
    return this.ports.some((port) => port !== from && port.peer !== null && !port.isUp)
  }

  private floodPlain(frame: Frame, from: Port, kind: FloodKind): number {
    const { states } = this
    const wireBytes = wireBytesOf(frame.length)
    let copies = 0
    for (let i = 0; i < states.length; i++) {
      const state = states[i]!
      const { port } = state
      if (port === from || !port.isUp || port.peer === null) continue
      copies++
      const count = state[kind]
      count.frames++
      count.wireBytes += wireBytes
      port.send(frame)
    }
    return copies
  }

  private floodFiltered(frame: Frame, from: Port, vlan: number, kind: FloodKind): number {
    let copies = 0
    let retagged = frame
    for (const state of this.states) {
      if (!this.floodsTo(state, from, vlan)) continue
      copies++
      const tag = state.egressTag(frame, vlan)
      if (tag !== frame.vlan && tag !== retagged.vlan) {
        retagged = retag(frame, tag)
        retagged.shared = true
      }
      const copy = tag === frame.vlan ? frame : retagged
      const count = state[kind]
      count.frames++
      count.wireBytes += wireBytesOf(copy.length)
      this.transmit(copy, state.port)
    }
    return copies
  }

  private floodsTo(state: SwitchPort, from: Port, vlan: number): boolean {
    if (state.port === from && !state.hairpin) return false
    if (!state.isOpen) return false
    return state.vlans === null ? vlan === DEFAULT_VLAN : state.vlans.carries(vlan)
  }

  private drop(frame: Frame, reason: DropReason, port: Port): void {
    this.ledger.drop(frame, reason, port.label)
  }

  private trace(frame: Frame, port: Port, vlan: number, out: number, refused: boolean): void {
    if (out < 0) {
      this.traceFlood(frame, port, vlan, 'unknownUnicast', refused)
      return
    }
    const { now } = this.simulator
    const entry = this.table.entry(vlan, frame.dstHi, frame.dstLo, now)!
    const age = entry.isStatic ? 'static' : `age ${formatDuration(now - entry.lastSeen)}`
    const where = `port ${this.ports[out]!.name}`
    this.stage(frame, port, `${keyText(frame, vlan)} ${where} ${age}${refusedText(refused)}`)
  }

  private traceFlood(
    frame: Frame,
    port: Port,
    vlan: number,
    kind: FloodKind,
    refused: boolean,
  ): void {
    const count = this.states.filter((state) => this.floodsTo(state, port, vlan)).length
    const why = kind === 'unknownUnicast' ? `no entry for ${keyText(frame, vlan)}` : kind
    const ports = count === 1 ? '1 port' : `${count} ports`
    this.stage(frame, port, `${why}: flooded to ${ports}${refusedText(refused)}`)
  }

  private stage(frame: Frame, port: Port, row: string): void {
    this.ledger.tracer?.stage(frame, 'switch', port.label, row)
  }
}

function keyText(frame: Frame, vlan: number): string {
  return `mac ${formatMacHalves(frame.dstHi, frame.dstLo)} vlan ${vlan}`
}

function refusedText(refused: boolean): string {
  return refused ? '; source not learned' : ''
}
