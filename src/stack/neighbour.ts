import { KernelTimer } from '../sim/jiffies.ts'
import type { Simulator } from '../sim/simulator.ts'
import type { Frame } from '../wire/frame.ts'
import { formatIpv4, type Ipv4Address } from '../wire/ipv4-address.ts'
import { formatMacHalves, type MacAddress, macHi, macLo } from '../wire/mac-address.ts'
import type { NetDevice } from './device.ts'
import type { NeighbourTable } from './neighbour-table.ts'
import { skbTruesize } from './skb.ts'

/** Neighbour unreachability detection states, as `ip neigh` prints them. */
export type NudState =
  | 'NONE'
  | 'INCOMPLETE'
  | 'REACHABLE'
  | 'STALE'
  | 'DELAY'
  | 'PROBE'
  | 'FAILED'
  | 'NOARP'
  | 'PERMANENT'

/** One neighbour entry with its state machine (net/core/neighbour.c). */
export class Neighbour {
  readonly table: NeighbourTable
  readonly device: NetDevice
  readonly address: Ipv4Address
  state: NudState = 'NONE'
  hi = 0
  lo = 0
  /** Times of the last use, of the last proof of reachability, of the last change. */
  used = 0
  confirmed = Number.NEGATIVE_INFINITY
  updated = 0
  probes = 0
  /** Removed from its table: whoever cached the entry looks it up again. */
  dead = false
  private readonly simulator: Simulator
  private queue: Frame[] | null = null
  private queueTruesize = 0
  private timer: KernelTimer | null = null

  constructor(table: NeighbourTable, device: NetDevice, address: Ipv4Address) {
    this.table = table
    this.simulator = table.namespace.kernel.simulator
    this.device = device
    this.address = address
    this.used = table.now
    this.updated = table.now
  }

  /** Whether its address may be used, if need be after a doubt (NUD_VALID). */
  get isValid(): boolean {
    const { state } = this
    return state !== 'NONE' && state !== 'INCOMPLETE' && state !== 'FAILED'
  }

  get isInTimer(): boolean {
    const { state } = this
    return state === 'INCOMPLETE' || state === 'REACHABLE' || state === 'DELAY' || state === 'PROBE'
  }

  get queued(): number {
    return this.queue?.length ?? 0
  }

  /** Sends a packet to this neighbour, or keeps it until the neighbour has answered. */
  output(frame: Frame): void {
    switch (this.state) {
      // The cached header is used without a note of it: NUD_CONNECTED entries do not grow younger.
      case 'REACHABLE':
      case 'PERMANENT':
      case 'NOARP':
        this.emit(frame)
        return
    }
    this.used = this.simulator.now
    switch (this.state) {
      case 'DELAY':
      case 'PROBE':
        this.emit(frame)
        return
      case 'STALE':
        this.change('DELAY')
        this.arm(this.parameters.delayFirstProbe)
        this.emit(frame)
        return
      case 'INCOMPLETE':
        this.hold(frame)
        return
      case 'NONE':
      case 'FAILED':
        this.probes = this.parameters.ucastSolicit
        this.change('INCOMPLETE')
        this.hold(frame)
        this.arm(this.parameters.retransTime)
        this.solicit()
    }
  }

  private emit(frame: Frame): void {
    const out = frame.writable()
    out.dstHi = this.hi
    out.dstLo = this.lo
    out.srcHi = this.device.hi
    out.srcLo = this.device.lo
    if (out.trace !== 0) this.table.namespace.charge('neighbour', out, this, this.device)
    this.device.send(out)
  }

  /** Queue limit is skb truesize; the oldest goes first, as in __neigh_event_send. */
  private hold(frame: Frame): void {
    this.queue ??= []
    const size = skbTruesize(frame.length)
    while (this.queue.length > 0 && this.queueTruesize + size > this.parameters.queueBytes) {
      const oldest = this.queue.shift()!
      this.queueTruesize -= skbTruesize(oldest.length)
      this.table.namespace.drop(oldest, 'neighbour_queue_full', this.device, this)
    }
    this.queueTruesize += size
    this.queue.push(frame)
    this.table.namespace.charge('queue', frame, this, this.device)
  }

  /**
   * neigh_update: what an ARP packet or an administrator says of this neighbour.
   * @param override whether another address than the one known is believed.
   * @param isAdmin only an administrator changes what an administrator has set.
   */
  update(mac: MacAddress, state: NudState, override: boolean, isAdmin = false): void {
    const hi = macHi(mac)
    const lo = macLo(mac)
    const { now } = this.table
    const changed = this.isValid && (hi !== this.hi || lo !== this.lo)
    if ((this.state === 'PERMANENT' || this.state === 'NOARP') && !isAdmin) return
    if (state === 'REACHABLE') this.confirmed = now
    if (changed && !override) return
    // A request from a neighbour known as reachable with this address is no reason for doubt.
    if (state === 'STALE' && !changed && this.isValid && this.state !== 'STALE' && !isAdmin) return
    this.hi = hi
    this.lo = lo
    // Another station answers now: what was proven of the former says nothing of it.
    if (changed && state === 'STALE') this.confirmed = now - 2 * this.parameters.baseReachableTime
    if (changed || this.state !== state) this.updated = now
    this.become(state)
    if (state === 'REACHABLE') this.arm(this.table.reachableTime(this.device))
    if (this.queue === null) return
    // What an administrator does is at no core's work, but what it sets free is.
    if (isAdmin) this.table.namespace.kernel.softirq(() => this.release())
    else this.release()
  }

  private release(): void {
    const { queue } = this
    this.queue = null
    this.queueTruesize = 0
    // By the usual way: an address learned from a request is in doubt, and its first use begins DELAY.
    if (queue) for (const frame of queue) this.output(frame)
  }

  /**
   * neigh_invalidate: what waits here is lost, and its sender is told, packet by packet, until somebody
   * has asked for this neighbour again meanwhile: then the rest, his packet too, is dropped untold.
   */
  private invalidate(): void {
    while (this.state === 'FAILED' && this.queue !== null && this.queue.length > 0) {
      this.table.linkFailure(this.queue.shift()!, this)
    }
    this.purge('neighbour_failed')
  }

  /** The entry is removed: what waits here is dropped without an error. */
  discard(): void {
    this.dead = true
    if (this.timer) this.table.timers.cancel(this.timer)
    this.purge('neighbour_dead')
  }

  private purge(reason: 'neighbour_failed' | 'neighbour_dead'): void {
    const { queue } = this
    this.queue = null
    this.queueTruesize = 0
    for (const frame of queue ?? []) this.table.namespace.drop(frame, reason, this.device, this)
  }

  private change(state: NudState): void {
    this.updated = this.table.now
    this.become(state)
  }

  private become(state: NudState): void {
    this.state = state
    if (!this.isInTimer && this.timer) this.table.timers.cancel(this.timer)
  }

  private arm(duration: number): void {
    this.timer ??= new KernelTimer(() => this.expire())
    this.table.timers.arm(this.timer, duration)
  }

  private get parameters() {
    return this.device.neighbourParameters ?? this.table.namespace.kernel.profile.neighbour
  }

  /** neigh_timer_handler. */
  private expire(): void {
    const { now } = this.table
    const { delayFirstProbe, retransTime } = this.parameters
    this.table.namespace.kernel.enter()
    if (this.state === 'REACHABLE') {
      const left = this.confirmed + this.table.reachableTime(this.device) - now
      if (left > 0) this.arm(left)
      else if (now <= this.used + delayFirstProbe) {
        this.change('DELAY')
        this.arm(delayFirstProbe)
      } else this.change('STALE')
    } else if (this.state === 'DELAY' && now <= this.confirmed + delayFirstProbe) {
      this.change('REACHABLE')
      this.arm(this.table.reachableTime(this.device))
    } else {
      if (this.state === 'DELAY') {
        this.change('PROBE')
        this.probes = 0
      }
      this.probeAgain(retransTime)
    }
    this.table.namespace.kernel.leave()
  }

  private probeAgain(retransTime: number): void {
    const { ucastSolicit, mcastSolicit } = this.parameters
    const most = this.state === 'PROBE' ? ucastSolicit : ucastSolicit + mcastSolicit
    if (this.probes >= most) {
      this.change('FAILED')
      this.invalidate()
      return
    }
    this.arm(retransTime)
    this.solicit()
  }

  private solicit(): void {
    this.probes++
    this.table.namespace.arp.solicit(this, this.queue?.[this.queue.length - 1] ?? null)
  }

  /** As `ip neigh` prints the row. */
  toString(): string {
    const mac = this.isValid ? ` lladdr ${formatMacHalves(this.hi, this.lo)}` : ''
    return `${formatIpv4(this.address)} dev ${this.device.name}${mac} ${this.state}`
  }
}
