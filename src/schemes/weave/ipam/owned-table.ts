import type { Program } from '../../../control/program/program.ts'
import { SECOND } from '../../../sim/units.ts'
import type { AddressRange, Offset } from './address-range.ts'
import type { AllocatorDisk, OwnedAddress } from './disk.ts'

/** How long a container that has died keeps its addresses. */
const DIED_TIMEOUT = 30 * SECOND

/** Which container has which addresses; each change goes to disk. */
export class OwnedTable {
  private readonly program: Program
  private readonly disk: AllocatorDisk
  private addresses = new Map<string, readonly OwnedAddress[]>()
  /** When containers died that still have addresses. */
  private readonly dead = new Map<string, number>()

  constructor(program: Program, disk: AllocatorDisk) {
    this.program = program
    this.disk = disk
  }

  add(container: string, owned: OwnedAddress): void {
    this.addresses.set(container, [...this.of(container), owned])
    this.persist()
  }

  /** @returns whether the container had it. */
  remove(container: string, address: Offset): boolean {
    const kept = this.of(container).filter((owned) => owned.address !== address)
    if (kept.length === this.of(container).length) return false
    if (kept.length === 0) this.addresses.delete(container)
    else this.addresses.set(container, kept)
    this.persist()
    return true
  }

  /** @returns what the container had. */
  removeAll(container: string): readonly OwnedAddress[] {
    const all = this.of(container)
    this.addresses.delete(container)
    this.dead.delete(container)
    this.persist()
    return all
  }

  /** The first address of a container within a range; null when it has none. */
  inRange(container: string, { start, end }: AddressRange): Offset | null {
    const found = this.of(container).find(({ address }) => address >= start && address < end)
    return found?.address ?? null
  }

  ownerOf(address: Offset): string | null {
    for (const [container, all] of this.addresses) {
      if (all.some((owned) => owned.address === address)) return container
    }
    return null
  }

  died(container: string): void {
    if (this.of(container).some(({ isContainer }) => isContainer)) {
      this.dead.set(container, this.program.now)
    }
  }

  resurrect(container: string): void {
    this.dead.delete(container)
  }

  isDead(container: string): boolean {
    return this.dead.has(container)
  }

  /** Those that have been dead for long enough. */
  expired(): readonly string[] {
    const cutoff = this.program.now - DIED_TIMEOUT
    return [...this.dead].filter(([, at]) => at < cutoff).map(([container]) => container)
  }

  /** Removes containers that are not among these. @returns their addresses. */
  prune(containers: ReadonlySet<string>): readonly Offset[] {
    const gone: Offset[] = []
    for (const [container, all] of [...this.addresses]) {
      if (containers.has(container) || !all.some(({ isContainer }) => isContainer)) continue
      gone.push(...this.removeAll(container).map(({ address }) => address))
    }
    return gone
  }

  /** Takes up what is on disk. @returns all addresses. */
  restore(): readonly Offset[] {
    this.addresses = new Map(this.disk.owned)
    return [...this.addresses.values()].flat().map(({ address }) => address)
  }

  forget(): void {
    this.addresses.clear()
    this.persist()
  }

  private of(container: string): readonly OwnedAddress[] {
    return this.addresses.get(container) ?? []
  }

  private persist(): void {
    this.disk.owned = new Map(this.addresses)
  }
}
