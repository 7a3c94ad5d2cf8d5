import { Deferred } from '../../../control/program/deferred.ts'
import type { Program } from '../../../control/program/program.ts'
import type { Process } from '../../../sim/process.ts'
import { formatPrefix, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import type { PeerName } from '../mesh/peer.ts'
import {
  type AddressRange,
  formatOffset,
  hostRangeOf,
  type Offset,
  rangeOf,
} from './address-range.ts'
import type { OwnedAddress } from './disk.ts'
import { SPACE_REQUEST } from './messages.ts'
import type { Ring } from './ring.ts'
import type { Space } from './space.ts'

/** What a request needs of its allocator. */
export interface AllocatorParts {
  readonly ring: Ring
  readonly space: Space
  readonly universe: Ipv4Prefix
  ownedIn(container: string, range: AddressRange): Offset | null
  ownerOf(address: Offset): string | null
  addOwned(container: string, owned: OwnedAddress): void
  removeOwned(container: string, address: Offset): void
  isDead(container: string): boolean
  resurrect(container: string): void
  establishRing(): void
  donors(range: AddressRange): readonly PeerName[]
  /** @returns why it cannot be sent, or null. */
  ask(kind: number, peer: PeerName, range: AddressRange): string | null
  describe(peer: PeerName): string
  print(text: string): void
}

/** What an allocator wants to do, which may have to wait for a message from another peer. */
export interface PendingRequest {
  readonly container: string
  /** @returns false if it must be tried again. */
  attempt(allocator: AllocatorParts): boolean
  cancel(): void
}

/** What came of a request. */
export interface Outcome {
  readonly address: Offset | null
  readonly error: string | null
}

/** Some address of a subnet: weaveworks/weave, ipam/allocate.go. */
export class AllocateRequest implements PendingRequest {
  readonly container: string
  private readonly subnet: Ipv4Prefix
  private readonly isContainer: boolean
  private readonly outcome: Deferred<Outcome>

  constructor(program: Program, container: string, subnet: Ipv4Prefix, isContainer: boolean) {
    this.container = container
    this.subnet = subnet
    this.isContainer = isContainer
    this.outcome = new Deferred<Outcome>(program)
  }

  wait(): Process<Outcome | null> {
    return this.outcome.wait()
  }

  attempt(allocator: AllocatorParts): boolean {
    const { container, subnet, isContainer } = this
    const range = rangeOf(subnet)
    const owned = allocator.ownedIn(container, range)
    if (owned !== null) {
      allocator.resurrect(container)
      return this.finish({ address: owned, error: null })
    }
    const universe = rangeOf(allocator.universe)
    if (range.end <= universe.start || range.start >= universe.end) {
      const bounds = formatPrefix(allocator.universe)
      const error = `range ${formatPrefix(subnet)} out of bounds: ${bounds}`
      return this.finish({ address: null, error })
    }
    allocator.establishRing()
    const address = allocator.space.allocate(hostRangeOf(subnet))
    if (address !== null) {
      allocator.addOwned(container, { address, isContainer })
      return this.finish({ address, error: null })
    }
    for (const donor of allocator.donors(range)) {
      if (allocator.ask(SPACE_REQUEST, donor, range) === null) break
    }
    return false
  }

  cancel(): void {
    this.finish({ address: null, error: `Allocate request for ${this.container} cancelled` })
  }

  private finish(outcome: Outcome): boolean {
    this.outcome.settle(outcome)
    return true
  }
}

/** After so many tries it is told that the owner cannot be reached. */
const MAX_TRIES = 5

/** An address that a container has, or is to have: weaveworks/weave, ipam/claim.go. */
export class ClaimRequest implements PendingRequest {
  readonly container: string
  readonly address: Offset
  private readonly length: number
  private readonly options: ClaimOptions
  private readonly outcome: Deferred<Outcome>
  private tries = 0

  constructor(
    program: Program,
    container: string,
    address: Offset,
    length: number,
    options: ClaimOptions,
  ) {
    this.container = container
    this.address = address
    this.length = length
    this.options = options
    this.outcome = new Deferred<Outcome>(program)
  }

  wait(): Process<Outcome | null> {
    return this.outcome.wait()
  }

  attempt(allocator: AllocatorParts): boolean {
    this.tries++
    const { ring } = allocator
    if (!ring.contains(this.address)) return this.claimOutside(allocator)
    allocator.establishRing()
    allocator.resurrect(this.container)
    const owner = ring.owner(this.address)
    if (owner === null) {
      const text = `Claim ${this.text} for ${this.container}: is in the range`
      const reason = 'but the allocator is not initialized yet; will try later.'
      allocator.print(`${text} ${formatPrefix(allocator.universe)}, ${reason}`)
      if (this.options.noErrorOnUnknown) this.succeed()
      return false
    }
    return owner === ring.ourself ? this.claimOurs(allocator) : this.askOwner(allocator, owner)
  }

  /** The owner has said that it has no such address to give. */
  denied(allocator: AllocatorParts, owner: PeerName, reason: string | null): void {
    const why = reason === null ? '' : ` - ${reason}`
    this.fail(`address ${this.text} is owned by other peer ${allocator.describe(owner)}${why}`)
  }

  cancel(): void {
    this.fail(`Claim request for ${this.container} cancelled`)
  }

  private get text(): string {
    return `${formatOffset(this.address)}/${this.length}`
  }

  /** Beside our range there is no owner to ask: only our own containers are looked at. */
  private claimOutside(allocator: AllocatorParts): boolean {
    allocator.print(`Address ${this.text} claimed by ${this.container} - not in our range`)
    const previous = allocator.ownerOf(this.address)
    if (previous !== null && previous !== this.container) {
      if (!allocator.isDead(previous)) {
        return this.fail(`address ${this.text} already in use by ${previous}`)
      }
      allocator.removeOwned(previous, this.address)
    }
    if (previous !== this.container) this.addTo(allocator)
    return this.succeed()
  }

  private claimOurs(allocator: AllocatorParts): boolean {
    const existing = allocator.ownerOf(this.address)
    if (existing === this.container) return this.succeed()
    if (existing !== null) return this.fail(`address ${this.text} is already owned by ${existing}`)
    if (!allocator.space.claim(this.address)) {
      return this.fail(`Address ${formatOffset(this.address)} is not free to claim`)
    }
    this.addTo(allocator)
    return this.succeed()
  }

  private askOwner(allocator: AllocatorParts, owner: PeerName): boolean {
    const range = { start: this.address, end: this.address + 1 }
    const error = allocator.ask(SPACE_REQUEST, owner, range)
    if (error === null) return false
    if (this.options.noErrorOnUnknown) {
      allocator.print(`Claim ${this.text} for ${this.container}: ${error}; will try later.`)
      this.succeed()
    } else if (this.tries > MAX_TRIES) {
      this.denied(allocator, owner, error)
      return true
    }
    return false
  }

  private addTo(allocator: AllocatorParts): void {
    const { isContainer } = this.options
    allocator.addOwned(this.container, { address: this.address, isContainer })
  }

  private succeed(): boolean {
    this.outcome.settle({ address: this.address, error: null })
    return true
  }

  private fail(error: string): boolean {
    this.outcome.settle({ address: null, error })
    return true
  }
}

export interface ClaimOptions {
  readonly isContainer: boolean
  /** Whether to take the address at once, and the blessing later, when its owner is not known or cannot be asked. */
  readonly noErrorOnUnknown: boolean
}

/** Waits for a ring: `weave prime`. */
export class PrimeRequest implements PendingRequest {
  readonly container = ''
  private readonly outcome: Deferred<Outcome>

  constructor(program: Program) {
    this.outcome = new Deferred<Outcome>(program)
  }

  wait(): Process<Outcome | null> {
    return this.outcome.wait()
  }

  attempt(allocator: AllocatorParts): boolean {
    allocator.establishRing()
    if (allocator.ring.isEmpty) return false
    this.cancel()
    return true
  }

  cancel(): void {
    this.outcome.settle({ address: null, error: null })
  }
}
