import type { Holder } from '../measure/ledger.ts'
import type { JiffyWheel } from '../sim/jiffies.ts'
import { SECOND } from '../sim/units.ts'
import type { Frame } from '../wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_HOST_UNREACH } from '../wire/icmp.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import type { NetDevice } from './device.ts'
import type { NetNamespace } from './namespace.ts'
import { Neighbour, type NudState } from './neighbour.ts'

/** How often the random share of the reachable time is drawn anew (neigh_periodic_work). */
const REACHABLE_REDRAW = 300 * SECOND

/** The ARP table of one namespace: entries by device and address. */
export class NeighbourTable implements Holder {
  readonly namespace: NetNamespace
  private readonly byDevice = new Map<NetDevice, Map<Ipv4Address, Neighbour>>()
  private readonly reachable = new Map<NetDevice, { time: number; drawn: number }>()

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    namespace.kernel.ledger.addHolder(this)
  }

  get now(): number {
    return this.namespace.kernel.simulator.now
  }

  get timers(): JiffyWheel {
    return this.namespace.kernel.timers
  }

  *entries(): Generator<Neighbour> {
    for (const entries of this.byDevice.values()) yield* entries.values()
  }

  lookup(device: NetDevice, address: Ipv4Address): Neighbour | undefined {
    return this.byDevice.get(device)?.get(address)
  }

  /** @returns null when the kernel's table is full (gc_thresh3). */
  lookupOrCreate(device: NetDevice, address: Ipv4Address): Neighbour | null {
    return this.lookup(device, address) ?? this.create(device, address, false)
  }

  private create(device: NetDevice, address: Ipv4Address, isByHand: boolean): Neighbour | null {
    const neighbour = new Neighbour(this, device, address)
    if (!this.namespace.kernel.neighbourGc.admit(neighbour, isByHand)) return null
    if (device.noArp) neighbour.state = 'NOARP'
    let entries = this.byDevice.get(device)
    if (!entries) {
      entries = new Map()
      this.byDevice.set(device, entries)
    }
    entries.set(address, neighbour)
    return neighbour
  }

  /** `ip neigh replace`. @returns false when the table is full. */
  replace(device: NetDevice, address: Ipv4Address, mac: MacAddress, state: NudState): boolean {
    const isByHand = state === 'PERMANENT'
    const neighbour = this.lookup(device, address) ?? this.create(device, address, isByHand)
    if (!neighbour) return false
    this.namespace.kernel.neighbourGc.setByHand(neighbour, isByHand)
    neighbour.update(mac, state, true, true)
    return true
  }

  remove(neighbour: Neighbour): void {
    this.byDevice.get(neighbour.device)?.delete(neighbour.address)
    this.namespace.kernel.neighbourGc.forget(neighbour)
    neighbour.discard()
  }

  /** `ip neigh flush`: removes what `matches`; PERMANENT entries only with `permanentToo`. */
  flush(matches: (neighbour: Neighbour) => boolean, permanentToo = false): void {
    for (const neighbour of [...this.entries()]) {
      if (neighbour.state === 'PERMANENT' && !permanentToo) continue
      if (matches(neighbour)) this.remove(neighbour)
    }
  }

  /** Uniform in 0.5 to 1.5 times base_reachable_time, drawn a device and again now and then. */
  reachableTime(device: NetDevice): number {
    const { random, profile } = this.namespace.kernel
    const { baseReachableTime: base, randomReachable } =
      device.neighbourParameters ?? profile.neighbour
    if (!randomReachable) return base
    let entry = this.reachable.get(device)
    if (!entry || this.now - entry.drawn > REACHABLE_REDRAW) {
      entry = { time: random.integer(base / 2, (base * 3) / 2 - 1), drawn: this.now }
      this.reachable.set(device, entry)
    }
    return entry.time
  }

  /** A packet could not be sent because its neighbour did not answer: its sender is told. */
  linkFailure(frame: Frame, neighbour: Neighbour): void {
    this.namespace.drop(frame, 'neighbour_failed', neighbour.device, neighbour)
    this.namespace.icmp.sendError(frame, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0)
  }

  heldFrames(): number {
    let held = 0
    for (const neighbour of this.entries()) held += neighbour.queued
    return held
  }
}
