import type { Program } from '../../../control/program/program.ts'
import type { Process } from '../../../sim/process.ts'
import {
  contains,
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  maskOf,
} from '../../../wire/ipv4-address.ts'
import { type Datastore, DatastoreError } from '../datastore/client.ts'
import type { IpamConfig } from '../datastore/model.ts'
import { type Assignment, assign, autoAssign, release } from './block.ts'
import { type BlockEntry, BlockStore, type Pool, poolOf } from './block-store.ts'
import { blocksFor } from './block-walk.ts'
import { Handles } from './handles.ts'
import { Conflict, IpamError } from './ipam-error.ts'

/** datastoreRetries (libcalico-go/lib/ipam/ipam.go). */
const RETRIES = 100
const MAX_BLOCKS_DEFAULT = 20

const DEFAULTS: IpamConfig = {
  strict_affinity: false,
  auto_allocate_blocks: true,
  maxBlocksPerHost: 0,
}

const BUSY = new IpamError('store', 'Max retries hit - excessive concurrent IPAM requests')

/** What an address is wanted for. */
export interface Request extends Assignment {
  /** CIDR of the pool; null = any that is enabled. */
  readonly pool: string | null
}

/** Calico's address management as the programs of one host do it (libcalico-go/lib/ipam). */
export class Ipam {
  private readonly datastore: Datastore
  private readonly host: string
  private readonly blocks: BlockStore
  private readonly handles: Handles

  /** @param reclaims whether empty blocks of other hosts are taken. */
  constructor(program: Program, datastore: Datastore, host: string, reclaims: boolean) {
    this.datastore = datastore
    this.host = host
    this.blocks = new BlockStore(program, datastore, host, reclaims)
    this.handles = new Handles(datastore)
  }

  /** An address of one of the host's blocks, of a new one, or at last of another host's. */
  *autoAssign(request: Request): Process<Ipv4Address | IpamError> {
    const pools = yield* this.pools(request.pool)
    if (pools instanceof IpamError) return pools
    if (pools.some(({ isSelective }) => isSelective)) {
      const node = yield* this.datastore.get('Node', this.host)
      if (node instanceof DatastoreError) return new IpamError('store', node.text)
    }
    const listed = yield* this.datastore.list('BlockAffinity', `${this.host}/`)
    if (listed instanceof DatastoreError) return new IpamError('store', listed.text)
    const cidrs = listed.map(({ key }) => key.slice(this.host.length + 1))
    const own = cidrs.filter((cidr) => pools.some((pool) => isOf(cidr, pool)))
    const config = yield* this.config()
    if (config instanceof IpamError) return config
    const address =
      (yield* this.fromOwn(own, request)) ??
      (yield* this.fromNew(pools, own.length, request, config))
    if (!(address instanceof IpamError) || address.kind !== 'no free blocks') return address
    const borrowed = config.strict_affinity ? null : yield* this.borrow(pools, request)
    return borrowed ?? noRoom(pools, config)
  }

  private *pools(requested: string | null): Process<readonly Pool[] | IpamError> {
    const listed = yield* this.datastore.list('IPPool')
    if (listed instanceof DatastoreError) return new IpamError('store', listed.text)
    const enabled = listed.filter(({ value }) => value.spec.disabled !== true)
    const wanted = enabled.filter(({ value }) => (requested ?? value.spec.cidr) === value.spec.cidr)
    if (wanted.length > 0) return wanted.map(({ value }) => poolOf(value.spec))
    const text =
      requested === null
        ? `no configured Calico pools for node ${this.host}`
        : `the given pool (${requested}) does not exist, or is not enabled`
    return new IpamError('store', text)
  }

  private *config(): Process<IpamConfig | IpamError> {
    const found = yield* this.datastore.get('IpamConfig', 'default')
    if (found instanceof DatastoreError && found.kind !== 'not-found') {
      return new IpamError('store', found.text)
    }
    const config = found instanceof DatastoreError ? DEFAULTS : found.value
    this.blocks.isStrict = config.strict_affinity
    return config
  }

  private *fromOwn(
    own: readonly string[],
    request: Request,
  ): Process<Ipv4Address | IpamError | null> {
    for (const cidr of own) {
      const address = yield* this.retry(() => this.tryOwn(cidr, request))
      if (address !== null) return address
    }
    return null
  }

  private *tryOwn(
    cidr: string,
    request: Request,
  ): Process<Ipv4Address | Conflict | IpamError | null> {
    const affinity = yield* this.datastore.get('BlockAffinity', `${this.host}/${cidr}`)
    if (affinity instanceof DatastoreError) {
      return affinity.kind === 'not-found' ? null : new IpamError('store', affinity.text)
    }
    const block = yield* this.blocks.blockOf(cidr, affinity)
    if (block instanceof Conflict) return block.isBlockLost ? null : block
    return block instanceof IpamError ? block : yield* this.take(block, request)
  }

  private *fromNew(
    pools: readonly Pool[],
    owned: number,
    request: Request,
    { maxBlocksPerHost }: IpamConfig,
  ): Process<Ipv4Address | IpamError> {
    if (owned >= (maxBlocksPerHost || MAX_BLOCKS_DEFAULT)) {
      return new IpamError('refused', 'cannot allocate new block due to per host block limit')
    }
    for (let i = 0; i < RETRIES; i++) {
      const cidr = yield* this.blocks.findUsable(pools)
      if (cidr instanceof IpamError) return cidr
      const address = yield* this.retry(() => this.tryNew(cidr, request))
      if (address !== null) return address
    }
    return BUSY
  }

  private *tryNew(
    cidr: string,
    request: Request,
  ): Process<Ipv4Address | Conflict | IpamError | null> {
    const block = yield* this.blocks.claim(cidr)
    if (block instanceof Conflict) return block.isBlockLost ? null : block
    return block instanceof IpamError ? block : yield* this.take(block, request)
  }

  private *borrow(
    pools: readonly Pool[],
    request: Request,
  ): Process<Ipv4Address | IpamError | null> {
    for (const { cidr, blockSize } of pools) {
      for (const key of blocksFor(cidr, blockSize, this.host)) {
        const address = yield* this.retry(() => this.tryBorrow(key, request))
        if (address !== null) return address
      }
    }
    return null
  }

  private *tryBorrow(
    cidr: string,
    request: Request,
  ): Process<Ipv4Address | Conflict | IpamError | null> {
    const block = yield* this.datastore.get('AllocationBlock', cidr)
    return block instanceof DatastoreError ? null : yield* this.take(block, request)
  }

  /** @returns null when it is full. */
  private *take(
    block: BlockEntry,
    request: Request,
  ): Process<Ipv4Address | Conflict | IpamError | null> {
    const taken = autoAssign(block.value, request)
    if (taken === null) return null
    const done = yield* this.commit({ ...block, value: taken.block }, request)
    return done ?? taken.address
  }

  /** The handle first: what is written of an address can be found again. */
  private *commit(block: BlockEntry, { handle }: Assignment): Process<Conflict | IpamError | null> {
    if (handle !== null) {
      const error = yield* this.handles.add(handle, block.key, 1)
      if (error !== null) return new IpamError('store', error.text)
    }
    const written = yield* this.blocks.write(block)
    if (!(written instanceof Conflict) && !(written instanceof IpamError)) return null
    if (handle !== null) yield* this.handles.remove(handle, block.key, 1)
    return written
  }

  /** @param attempt what a conflict makes it try again. */
  private *retry<T>(attempt: () => Process<T | Conflict>): Process<T | IpamError> {
    for (let i = 0; i < RETRIES; i++) {
      const result = yield* attempt()
      if (!(result instanceof Conflict)) return result
      if (result.isBlockLost) break
    }
    return BUSY
  }

  /** A given address, whose block is claimed if it is of nobody. @returns null when it is assigned. */
  *assignIp(address: Ipv4Address, assignment: Assignment): Process<IpamError | null> {
    const pools = yield* this.pools(null)
    if (pools instanceof IpamError) return pools
    const pool = pools.find(({ cidr }) => contains(cidr, address))
    if (pool === undefined) {
      return new IpamError('refused', 'The provided IP address is not in a configured pool')
    }
    const config = yield* this.config()
    if (config instanceof IpamError) return config
    const length = pool.blockSize
    const cidr = formatPrefix({ base: address & maskOf(length), length })
    return yield* this.retry(() => this.tryAssign(cidr, address, assignment, config))
  }

  private *tryAssign(
    cidr: string,
    address: Ipv4Address,
    assignment: Assignment,
    { strict_affinity: strict }: IpamConfig,
  ): Process<Conflict | IpamError | null> {
    const found = yield* this.datastore.get('AllocationBlock', cidr)
    const block =
      found instanceof DatastoreError && found.kind === 'not-found'
        ? yield* this.blocks.claim(cidr)
        : found
    if (block instanceof Conflict) return new Conflict(false)
    if (block instanceof IpamError) return block
    if (block instanceof DatastoreError) return new IpamError('store', block.text)
    if (strict && block.value.affinity !== `host:${this.host}`) {
      return new IpamError('refused', 'Block host affinity does not match')
    }
    const assigned = assign(block.value, address, assignment)
    if (assigned === null) {
      const text = `resource already exists: Address(${formatIpv4(address)})`
      return new IpamError('refused', `${text} Address already assigned in block`)
    }
    return yield* this.commit({ ...block, value: assigned }, assignment)
  }

  /** All addresses of a handle. */
  *releaseByHandle(handle: string): Process<IpamError | null> {
    const cidrs = yield* this.handles.blocks(handle)
    if (cidrs instanceof DatastoreError) return new IpamError('store', cidrs.text)
    for (const cidr of cidrs) {
      const error = yield* this.retry(() => this.tryRelease(cidr, { handle }))
      if (error !== null) return error
    }
    return null
  }

  /** One address, as of an endpoint that has no handle. */
  *releaseIp(address: Ipv4Address): Process<IpamError | null> {
    const pools = yield* this.pools(null)
    if (pools instanceof IpamError) return pools
    const pool = pools.find(({ cidr }) => contains(cidr, address))
    if (pool === undefined) return null
    const length = pool.blockSize
    const cidr = formatPrefix({ base: address & maskOf(length), length })
    return yield* this.retry(() => this.tryRelease(cidr, { address }))
  }

  private *tryRelease(
    cidr: string,
    what: { readonly handle: string } | { readonly address: Ipv4Address },
  ): Process<Conflict | IpamError | null> {
    const block = yield* this.datastore.get('AllocationBlock', cidr)
    if (block instanceof DatastoreError) {
      return block.kind === 'not-found' ? null : new IpamError('store', block.text)
    }
    const done = release(block.value, what)
    if (done === null) return null
    const isOver = done.block.affinity === undefined && done.block.attributes.length === 0
    const error = isOver
      ? yield* this.datastore.delete('AllocationBlock', cidr, block.revision)
      : yield* this.blocks.write({ ...block, value: done.block })
    if (error instanceof Conflict || error instanceof IpamError) return error
    if (error instanceof DatastoreError) return new Conflict(false)
    for (const { handle } of done.released) {
      if (handle !== null) yield* this.handles.remove(handle, cidr, 1)
    }
    return null
  }

  /** Gives up all claims of a host, in use or not (RemoveIPAMHost). */
  *releaseHost(host: string): Process<IpamError | null> {
    const listed = yield* this.datastore.list('BlockAffinity', `${host}/`)
    if (listed instanceof DatastoreError) return new IpamError('store', listed.text)
    for (const { key } of listed) {
      yield* this.blocks.releaseAffinity(host, key.slice(host.length + 1), null)
    }
    return null
  }
}

function isOf(cidr: string, pool: Pool): boolean {
  const { cidr: block } = poolOf({ cidr })
  return contains(pool.cidr, block.base)
}

function noRoom(pools: readonly Pool[], { strict_affinity: strict }: IpamConfig): IpamError {
  const reason = strict
    ? 'No more free affine blocks and strict affinity enabled'
    : `No IPs available in pools: [${pools.map(({ cidr }) => formatPrefix(cidr)).join(' ')}]`
  return new IpamError('refused', `Assigned 0 out of 1 requested IPv4 addresses; ${reason}`)
}
