import type { Program } from '../../../control/program/program.ts'
import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import { type Ipv4Prefix, prefix } from '../../../wire/ipv4-address.ts'
import { type Datastore, DatastoreError, type Entry } from '../datastore/client.ts'
import type { AllocationBlock, IPPoolSpec } from '../datastore/model.ts'
import { affinityOf, isEmpty, newBlock } from './block.ts'
import { blocksFor } from './block-walk.ts'
import { Conflict, IpamError } from './ipam-error.ts'

/** A block that another host has claimed so recently is left to it. */
const RECLAIM_AGE = 60 * SECOND

export interface Pool {
  readonly cidr: Ipv4Prefix
  readonly blockSize: number
  /** Whether it says for which nodes it is. */
  readonly isSelective: boolean
}

export type BlockEntry = Entry<'AllocationBlock'>

function failureOf(error: DatastoreError): Conflict | IpamError {
  return error.kind === 'conflict' ? new Conflict(false) : new IpamError('store', error.text)
}

/**
 * The claims of one host on blocks (libcalico-go/lib/ipam, ipam_block_reader_writer.go): an affinity that is
 * pending, then the block, which only one host can make, then the affinity confirmed.
 */
export class BlockStore {
  private readonly program: Program
  private readonly datastore: Datastore
  private readonly host: string
  /** From 3.33. */
  private readonly reclaims: boolean
  /** IPAM's `strict_affinity` as it was last read: new blocks keep it. */
  isStrict = false

  constructor(program: Program, datastore: Datastore, host: string, reclaims: boolean) {
    this.program = program
    this.datastore = datastore
    this.host = host
    this.reclaims = reclaims
  }

  private get now(): number {
    return Math.floor(this.program.wallClock / 1000)
  }

  /** Finds a block that nobody has, or one of its own with room, in the host's order. */
  *findUsable(pools: readonly Pool[]): Process<string | IpamError> {
    const listed = yield* this.datastore.list('AllocationBlock')
    if (listed instanceof DatastoreError) return new IpamError('store', listed.text)
    const existing = new Map(listed.map((entry) => [entry.key, entry]))
    const empty: BlockEntry[] = []
    for (const { cidr, blockSize } of pools) {
      for (const key of blocksFor(cidr, blockSize, this.host)) {
        const block = existing.get(key)
        if (block === undefined) return key
        const { affinity, unallocated } = block.value
        if (unallocated.length === 0) continue
        if (affinity === affinityOf(this.host)) return key
        if (isEmpty(block.value)) empty.push(block)
      }
    }
    return (this.reclaims ? yield* this.reclaim(empty) : null) ?? this.noFreeBlocks()
  }

  private noFreeBlocks(): IpamError {
    return new IpamError('no free blocks', 'No Free Blocks')
  }

  /** Takes an empty block away from the host that has had it for long enough. */
  private *reclaim(empty: readonly BlockEntry[]): Process<string | null> {
    for (const entry of empty) {
      const age = (this.now - (entry.value.affinityClaimTime ?? 0)) * 1000
      if (age < RECLAIM_AGE) continue
      const owner = entry.value.affinity?.slice('host:'.length)
      if (owner === undefined) continue
      if (yield* this.releaseAffinity(owner, entry.key, entry.value.sequenceNumber)) {
        return entry.key
      }
    }
    return null
  }

  /** Claims a block, or goes on with a claim that was interrupted. */
  *claim(cidr: string): Process<BlockEntry | Conflict | IpamError> {
    const affinity = yield* this.pendingAffinity(cidr)
    if (affinity instanceof Conflict || affinity instanceof IpamError) return affinity
    return yield* this.blockOf(cidr, affinity)
  }

  private *pendingAffinity(cidr: string): Process<Entry<'BlockAffinity'> | Conflict | IpamError> {
    const { datastore } = this
    const key = `${this.host}/${cidr}`
    const pending = { state: 'pending', deleted: false } as const
    const created = yield* datastore.create('BlockAffinity', key, pending)
    if (!(created instanceof DatastoreError)) return created
    if (created.kind !== 'exists') return failureOf(created)
    const known = yield* datastore.get('BlockAffinity', key)
    if (known instanceof DatastoreError) return failureOf(known)
    if (known.value.state === 'confirmed') return known
    const again = yield* datastore.update('BlockAffinity', key, pending, known.revision)
    return again instanceof DatastoreError ? failureOf(again) : again
  }

  /** The block of an affinity, which makes the affinity true, or shows that it is stale. */
  *blockOf(
    cidr: string,
    affinity: Entry<'BlockAffinity'>,
  ): Process<BlockEntry | Conflict | IpamError> {
    const { datastore } = this
    const found = yield* datastore.get('AllocationBlock', cidr)
    if (found instanceof DatastoreError) {
      return found.kind === 'not-found' ? yield* this.make(cidr, affinity) : failureOf(found)
    }
    if (found.value.affinity !== affinityOf(this.host)) return yield* this.giveUp(affinity)
    if (affinity.value.state === 'confirmed') return found
    // A write of the block makes those fail that began with the affinity as it was.
    const written = yield* this.write(found)
    if (written instanceof Conflict || written instanceof IpamError) return written
    return (yield* this.confirm(affinity)) ?? written
  }

  private *make(
    cidr: string,
    affinity: Entry<'BlockAffinity'>,
  ): Process<BlockEntry | Conflict | IpamError> {
    const pending = { state: 'pending', deleted: false } as const
    const { datastore } = this
    const marked =
      affinity.value.state === 'pending'
        ? affinity
        : yield* datastore.update('BlockAffinity', affinity.key, pending, affinity.revision)
    if (marked instanceof DatastoreError) return failureOf(marked)
    const fresh = newBlock(cidr, this.host, this.now, this.isStrict)
    const block = this.reclaims ? { ...fresh, affinityClaimTime: this.now } : fresh
    const created = yield* datastore.create('AllocationBlock', cidr, block)
    if (!(created instanceof DatastoreError)) return (yield* this.confirm(marked)) ?? created
    if (created.kind !== 'exists') return failureOf(created)
    const other = yield* datastore.get('AllocationBlock', cidr)
    if (other instanceof DatastoreError) return failureOf(other)
    if (other.value.affinity !== affinityOf(this.host)) return yield* this.giveUp(marked)
    return (yield* this.confirm(marked)) ?? other
  }

  private *giveUp(affinity: Entry<'BlockAffinity'>): Process<Conflict> {
    yield* this.datastore.delete('BlockAffinity', affinity.key, affinity.revision)
    return new Conflict(true)
  }

  /** @returns null when it is confirmed. */
  private *confirm({
    key,
    revision,
  }: Entry<'BlockAffinity'>): Process<Conflict | IpamError | null> {
    const confirmed = { state: 'confirmed', deleted: false } as const
    const { datastore } = this
    const done = yield* datastore.update('BlockAffinity', key, confirmed, revision)
    if (!(done instanceof DatastoreError)) return null
    const now = yield* datastore.get('BlockAffinity', key)
    const isConfirmed = !(now instanceof DatastoreError) && now.value.state === 'confirmed'
    return isConfirmed ? null : failureOf(done)
  }

  /** Writes a block that was read, if nobody else has. */
  *write({ key, value, revision }: BlockEntry): Process<BlockEntry | Conflict | IpamError> {
    const next: AllocationBlock = { ...value, sequenceNumber: value.sequenceNumber + 1 }
    const done = yield* this.datastore.update('AllocationBlock', key, next, revision)
    return done instanceof DatastoreError ? failureOf(done) : done
  }

  /**
   * Gives a host's claim up: an empty block goes, one in use stays without an owner.
   * @param sequenceNumber if the block must be empty, and this its number; null = whatever it is.
   */
  *releaseAffinity(host: string, cidr: string, sequenceNumber: number | null): Process<boolean> {
    const { datastore } = this
    const affinity = yield* datastore.get('BlockAffinity', `${host}/${cidr}`)
    if (affinity instanceof DatastoreError) return false
    const block = yield* datastore.get('AllocationBlock', cidr)
    if (!(block instanceof DatastoreError) && block.value.affinity === affinityOf(host)) {
      const isOther = sequenceNumber !== null && block.value.sequenceNumber !== sequenceNumber
      if (isOther || !(yield* this.disown(affinity, block))) return false
    }
    const last = yield* datastore.get('BlockAffinity', affinity.key)
    if (last instanceof DatastoreError) return last.kind === 'not-found'
    return (yield* datastore.delete('BlockAffinity', last.key, last.revision)) === null
  }

  private *disown(affinity: Entry<'BlockAffinity'>, block: BlockEntry): Process<boolean> {
    const { datastore } = this
    const leaving = { state: 'pendingDeletion', deleted: false } as const
    const { key, revision } = affinity
    const marked = yield* datastore.update('BlockAffinity', key, leaving, revision)
    if (marked instanceof DatastoreError) return false
    if (isEmpty(block.value)) {
      return (yield* datastore.delete('AllocationBlock', block.key, block.revision)) === null
    }
    const { affinity: _, ...ownerless } = block.value
    const written = yield* this.write({ ...block, value: ownerless })
    return !(written instanceof Conflict) && !(written instanceof IpamError)
  }
}

export function poolOf({ cidr, blockSize = 26, nodeSelector }: IPPoolSpec): Pool {
  return { cidr: prefix(cidr), blockSize, isSelective: nodeSelector !== undefined }
}
